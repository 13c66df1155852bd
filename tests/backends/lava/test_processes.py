"""The bundle's own processes, one by one, against hand-worked values."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc.backends.lava
from snnc.backends.lava.environment import Environment

TEMPLATE = Path(snnc.backends.lava.__file__).parent / "template"

_SCRIPT = """
import json, sys
import numpy as np
from scipy.sparse import csr_matrix
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from processes.clock import BURST, GRADED
from processes.delay import Delay
from processes.fire import IntegerFire
from processes.integrate import CurrentIntegrateAndFire, IntegrateAndFire
from processes.max_synapses import MaxSynapses
from processes.passing import Accumulator, Maximum
from processes.product import Product
from processes.recorder import Recorder
from processes.rescaled import RescaledSum
from processes.source import Source
from processes.trace import Trace
from run import models_looked_for_once

def run(first, out, steps):
    recorder = Recorder(shape=out.shape, path="events.npy", n_ticks=steps, name="recorder")
    out.connect(recorder.a_in)
    with models_looked_for_once():
        first.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    first.stop()
    return np.load("events.npy").tolist()

def source(counts, window, period, code):
    return Source(counts=np.array(counts), window=window, period=period, code=code, name="in")

CASES = {}

def case(function):
    CASES[function.__name__] = function
    return function

@case
def source_burst():
    x = source([[2, -3, 0], [1, 0, 0]], 3, 4, BURST)
    return run(x, x.s_out, 8)

@case
def source_graded():
    x = source([[2, -3, 0], [1, 0, 0]], 1, 2, GRADED)
    return run(x, x.s_out, 6)

@case
def fire_with_bias():
    x = source([[3, 1], [-5, 0]], 1, 3, GRADED)
    fire = IntegerFire(
        thresholds=np.array([[0, 0], [2, 4]]), lo=-1, bias=np.array([0, 3]), shape=(2,),
        start=2, window=1, period=3, code=GRADED, name="fire",
    )
    delay = Delay(shape=(2,), ticks=1, name="delay")
    x.s_out.connect(delay.a_in)
    delay.a_out.connect(fire.a_in)
    return run(x, fire.s_out, 6)

@case
def rescaled():
    x = source([[0, 9], [3, -9], [2, 1]], 1, 3, GRADED)
    total = RescaledSum(
        counts=np.array([5, -1, 4, 7]), first=1, shape=(2,),
        start=1, window=1, period=3, code=GRADED, name="total",
    )
    x.s_out.connect(total.a_in)
    return run(x, total.s_out, 8)

@case
def accumulator_in_burst():
    x = source([[3], [1]], 3, 6, BURST)
    total = Accumulator(
        shape=(1,), bias=np.array([10]), start=4, window=3, period=6, code=GRADED, name="sum"
    )
    x.s_out.connect(total.a_in)
    return run(x, total.s_out, 12)

@case
def delay_of_two():
    x = source([[7], [8], [9]], 1, 1, GRADED)
    delay = Delay(shape=(1,), ticks=2, name="delay")
    x.s_out.connect(delay.a_in)
    return run(x, delay.a_out, 5)

@case
def maximum():
    connections = csr_matrix(np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1]]))
    x = source([[2, -1, -3], [-2, -2, 0]], 3, 6, BURST)
    synapses = MaxSynapses(connections=connections, name="max")
    pool = Maximum(shape=(3,), start=3, window=3, period=6, code=GRADED, name="pool")
    x.s_out.connect(synapses.s_in)
    synapses.a_out.connect(pool.a_in)
    return run(x, pool.s_out, 12)

@case
def product_of_bursts():
    x = source([[2, 3]], 3, 6, BURST)
    product = Product(
        op="matmul", a_shape=(1, 2), b_shape=(2, 1), shape=(1, 1), start=3, window=3, period=6,
        name="product",
    )
    x.s_out.reshape((1, 2)).connect(product.a_in)
    x.s_out.reshape((2, 1)).connect(product.b_in)
    return run(x, product.s_out, 6)

def spikes_of(currents, theta=10, process=IntegrateAndFire, **model):
    x = source(currents, 1, 2, GRADED)
    model = {"reset": "subtract", "reset_before": False, "leak_multiplier": 1, "leak_shift": 0,
             "fraction_bits": 0, "v_min": -(2**31), **model}
    neuron = process(
        thresholds=np.array([[theta]]), lo=0, reset_step=10, reset_value=0, frames_per_sample=3,
        shape=(1,), start=1, window=1, period=2, code=GRADED, name="neuron", **model,
    )
    delay = Delay(shape=(1,), ticks=1, name="delay")
    x.s_out.connect(delay.a_in)
    delay.a_out.connect(neuron.a_in)
    return run(x, neuron.s_out, 2 * len(currents))

CURRENTS = [[10], [9], [1], [9], [9], [2]]

@case
def subtract():
    return spikes_of(CURRENTS)

@case
def strict():
    return spikes_of(CURRENTS, theta=11)

@case
def leaky():  # -7 -> -3, then 0.5 * (-3) -> -1: towards zero
    return spikes_of([[-7], [13], [1], [20], [4], [9]], reset="zero",
                     leak_multiplier=1, leak_shift=1)

@case
def through_a_current():  # c: 8, 4, 2
    return spikes_of([[8], [0], [0], [8], [0], [3]], process=CurrentIntegrateAndFire,
                     current_multiplier=1, current_shift=1)

@case
def trace():
    x = source([[5], [0], [-7], [1]], 1, 2, GRADED)
    fading = Trace(
        leak_multiplier=3, leak_shift=2, fraction_bits=2, out_shift=2, frames_per_sample=3,
        shape=(1,), start=1, window=1, period=2, code=GRADED, name="trace",
    )
    delay = Delay(shape=(1,), ticks=1, name="delay")
    x.s_out.connect(delay.a_in)
    delay.a_out.connect(fading.a_in)
    return run(x, fading.s_out, 8)

print("RESULT " + json.dumps({name: function() for name, function in CASES.items()}))
"""

EXPECTED: dict[str, list[list[int]]] = {
    # rows: tick, neuron, payload
    "source_burst": [[0, 0, 1], [0, 1, -1], [1, 0, 1], [1, 1, -1], [2, 1, -1], [4, 0, 1]],
    "source_graded": [[0, 0, 2], [0, 1, -3], [2, 0, 1]],
    # frame 0: v = (3, 1 + 3): counts -1 + 2, -1 + 2; frame 1: v = (-5, 0 + 3): -1, -1 + 1
    "fire_with_bias": [[2, 0, 1], [2, 1, 1], [5, 0, -1]],
    "rescaled": [[1, 0, 5], [1, 1, 7], [4, 0, 4], [4, 1, 5], [7, 0, -1], [7, 1, 5]],
    "accumulator_in_burst": [[4, 0, 13], [10, 0, 11]],
    "delay_of_two": [[2, 0, 7], [3, 0, 8], [4, 0, 9]],
    # max(2, -1) = 2; max(-1, -3) = -1; then max(-2, -2) = -2 and max(-2, 0) = 0
    "maximum": [[3, 0, 2], [3, 2, -1], [9, 0, -2]],
    "product_of_bursts": [[3, 0, 13]],
    # v: 10 fires, 9, 10 fires; new sample: 9, 18 fires, 8 + 2 fires
    "subtract": [[1, 0, 1], [5, 0, 1], [9, 0, 1], [11, 0, 1]],
    # 10, 19 fires, 10; new sample: 9, 18 fires, 10
    "strict": [[3, 0, 1], [9, 0, 1]],
    # -7; -3 + 13 = 10 fires; 0 + 1; new sample: 20 fires; 4; 2 + 9 = 11 fires
    "leaky": [[3, 0, 1], [7, 0, 1], [11, 0, 1]],
    # c 8, 4, 2: v 8, 12 fires, 4; new sample: 8, 12 fires, then c 2 + 3: v 7
    "through_a_current": [[3, 0, 1], [9, 0, 1]],
    # v 20, 15, 11 - 28 = -17; new sample: 4; (v + 2) >> 2
    "trace": [[1, 0, 5], [3, 0, 4], [5, 0, -4], [7, 0, 1]],
}


@pytest.mark.lava
def test_processes(lava: Environment, tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "cases.py").write_text(_SCRIPT)
    done = subprocess.run(
        [lava.python, "cases.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.split("RESULT ")[1])
    assert found == EXPECTED


def clock_module() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec((TEMPLATE / "processes" / "clock.py").read_text(), names)
    return names


def test_clock() -> None:
    clock = clock_module()["FrameClock"](start=5, window=3, period=4)
    steps = range(1, 15)  # ticks 0 … 13
    assert [clock.slot(t) for t in steps] == [-1, -1, -1, -1, -1, 0, 1, 2, -1, 0, 1, 2, -1, 0]
    assert [t - 1 for t in steps if clock.opens(t)] == [3, 7, 11]
    assert [clock.frame(t) for t in (6, 9, 10)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("slot", "burst", "graded"),
    [(-1, [0, 0, 0], [0, 0, 0]), (0, [1, -1, 0], [2, -3, 0]), (1, [1, -1, 0], [0, 0, 0]),
     (2, [0, -1, 0], [0, 0, 0])],
)  # fmt: skip
def test_emitted(slot: int, burst: list[int], graded: list[int]) -> None:
    names = clock_module()
    count = np.array([2, -3, 0])
    assert names["emitted"](count, slot, "burst").tolist() == burst
    assert names["emitted"](count, slot, "graded").tolist() == graded
    assert names["emitted"](count, slot, "delta").tolist() == graded


def test_what_is_kept_of_a_sample() -> None:
    """Samples of two frames, latched at ticks 2 and 3, 4 and 5, …"""
    names = clock_module()
    clock = names["FrameClock"](2, 1, 1, 2)
    steps = range(3, 9)
    assert [clock.opens(t) for t in steps] == [True, False] * 3
    assert [clock.begins(t) for t in steps] == [True, False] * 3
    assert [clock.ends(t) for t in steps] == [False, True] * 3
    counts = np.array([[3, 1], [3, 0], [2, 2], [4, 2]])
    assert names["changes"](counts, 2).tolist() == [[3, 1], [0, -1], [2, 2], [2, 0]]
    assert names["changes"](counts, 1).tolist() == counts.tolist()


def test_modules_import_safely() -> None:
    """Lava imports every file of the folder: none may act, beyond definitions and imports."""
    import ast

    allowed = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.Assign)
    for file in (TEMPLATE / "processes").glob("*.py"):
        for statement in ast.parse(file.read_text()).body:
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            assert is_text or isinstance(statement, allowed), file
