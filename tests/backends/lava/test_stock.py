"""Populations that are lava-nc's own LIF: found, run, and equal to the oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snnc.backends.conformance import differences
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.backends.lava.network import network_text
from snnc.backends.lava.plan import make_plan
from snnc.backends.lava.stock import StockLIF, stock_lif
from snnc.backends.registry import get_engine
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.maps import Dense
from snnc.ir.neurons import (
    Accumulator,
    FixedCurrentLIF,
    FixedIntegrateFire,
    LoihiLIF,
    NeuronModel,
)
from tests.backends.lava.graphs import Drawing, feeds_for

STEP_BY_STEP = RunSettings("graded", "pipelined")
FRAMES = 12


def fire(theta: int, **more: Any) -> FixedIntegrateFire:
    given: dict[str, Any] = {"reset": "zero", "reset_step": np.array(1), "lo": 0}
    return FixedIntegrateFire(thresholds=np.array([theta]), **(given | more))


def current(theta: int, kept: int, **more: Any) -> FixedCurrentLIF:
    return FixedCurrentLIF(
        lo=0, thresholds=np.array([theta]), reset="zero", reset_step=np.array(1), fraction_bits=6,
        current_multiplier=np.array(kept), current_shift=12, **more,
    )  # fmt: skip


HALF: dict[str, Any] = {"leak_multiplier": np.array(1), "leak_shift": 1}
LEAKY: dict[str, Any] = {"leak_multiplier": np.array(3900), "leak_shift": 12}

CASES: dict[str, tuple[NeuronModel, Array | int, StockLIF]] = {
    "plain": (fire(40), 0, StockLIF(du=4095, dv=0, vth=39)),
    "between": (fire(100, fraction_bits=3), 0, StockLIF(du=4095, dv=0, vth=12)),
    "half": (fire(64 * 20 + 1, fraction_bits=6, **HALF), 0, StockLIF(du=4095, dv=2048, vth=20)),
    "leaky": (
        fire(64 * 12 + 1, fraction_bits=6, reset_before=True, **LEAKY), 0,
        StockLIF(du=4095, dv=196, vth=12),
    ),
    "current": (current(64 * 30 + 1, 3000, **LEAKY), 0, StockLIF(du=1095, dv=196, vth=30)),
    "no memory": (current(64 * 9 + 1, 0), 0, StockLIF(du=4095, dv=0, vth=9)),
    "biased": (
        fire(64 * 40 + 1, fraction_bits=6, **LEAKY), np.array([9, 0, -3, 30]),
        StockLIF(du=4095, dv=196, vth=40, bias=np.array([9, 0, -3, 30])),
    ),
    "loihi": (
        LoihiLIF(decay_u=1000, decay_v=300, threshold=40, bias=np.array([0, 4, -2, 1])), 0,
        StockLIF(du=999, dv=300, vth=40, bias=np.array([0, 4, -2, 1])),
    ),
    "held": (
        fire(64 * 20 + 1, fraction_bits=6, v_min=np.array(-(2**23 - 1))), 0,
        StockLIF(du=4095, dv=0, vth=20),
    ),
}  # fmt: skip


def bed(cases: dict[str, tuple[NeuronModel, Any]]) -> Graph:
    """x -> every case -> head; the case `plain` has synapses on itself."""
    draw = Drawing(11)
    draw.input("x", (5,), -2, 3)
    draw.population("head", (3,), Accumulator())
    for name, (model, bias) in cases.items():
        draw.population(name, (4,), model, bias=np.asarray(bias))
        draw.project("x", name, Dense(weight=draw.weights(4, 5, largest=12)))
        draw.project(name, "head", Dense(weight=draw.weights(3, 4)))
    if "plain" in cases:
        draw.project("plain", "plain", Dense(weight=draw.weights(4, 4, largest=9)), frames=1)
    return draw.finish("bed", "head")


def found(graph: Graph, settings: RunSettings = STEP_BY_STEP) -> dict[str, StockLIF | None]:
    plan = make_plan(graph, settings, n_frames=FRAMES)
    return {n.name: stock_lif(plan, n) for n in graph.populations if n.name != "head"}


def same(a: StockLIF | None, b: StockLIF) -> bool:
    if a is None or (a.bias is None) != (b.bias is None):
        return False
    return replace(a, bias=None) == replace(b, bias=None) and np.array_equal(
        [0] if a.bias is None else a.bias, [0] if b.bias is None else b.bias
    )


def test_parameters_by_hand() -> None:
    stock = found(bed({name: (model, bias) for name, (model, bias, _) in CASES.items()}))
    assert [
        name for name, (_, _, expected) in CASES.items() if not same(stock[name], expected)
    ] == []


@pytest.mark.lava
def test_they_spike_as_the_oracle_says(lava: Environment) -> None:
    graph = bed({name: (model, bias) for name, (model, bias, _) in CASES.items()})
    text = network_text(make_plan(graph, STEP_BY_STEP, n_frames=FRAMES))
    assert text.count("LIFReset(") == len(CASES)
    assert "IntegrateAndFire(" not in text
    feeds = feeds_for(graph, 3, FRAMES)
    oracle = get_engine("oracle").prepare(graph, STEP_BY_STEP, n_frames=FRAMES).run(feeds)
    got = LavaEngine().prepare(graph, STEP_BY_STEP, n_frames=FRAMES).run(feeds)
    assert differences(oracle, got) == []
    spikes = {name: oracle.counts[name].mean() for name in CASES}
    assert all(0.02 < share < 0.98 for share in spikes.values()), spikes


OTHERS: dict[str, tuple[NeuronModel, Any]] = {
    "subtracts": (fire(64, reset="subtract"), 0),
    "signed": (fire(64, lo=-1), 0),
    "to another value": (fire(64, reset_value=np.array(-3)), 0),
    "levels": (replace(fire(64), thresholds=np.array([64, 128])), 0),
    "threshold between units": (fire(64 * 5, fraction_bits=6, **LEAKY), 0),
    "coarse leak": (fire(65, fraction_bits=4, **LEAKY), 0),
    "two thresholds": (replace(fire(1), thresholds=np.array([[1], [2], [1], [2]])), 0),
    "held up": (fire(64, v_min=np.array(-5)), 0),
    "bias in the current": (current(65, 3000), np.array([1, 0, 0, 0])),
    "wide bias": (fire(2**13), np.array([2**12, 0, 0, 0])),
    "no current decay": (current(65, 4096), 0),
    "loihi resets": (LoihiLIF(decay_u=9, decay_v=9, threshold=4, reset_interval=3), 0),
    "loihi keeps all": (LoihiLIF(decay_u=0, decay_v=9, threshold=4), 0),
}


def test_others_are_ours() -> None:
    assert found(bed(OTHERS)) == dict.fromkeys(OTHERS)


def test_windows_are_ours() -> None:
    graph = bed({"plain": (fire(40), 0)})
    for settings in (RunSettings("graded"), RunSettings("burst", "pipelined")):
        assert found(graph, settings) == {"plain": None}


@pytest.mark.parametrize(("bias", "ours"), [(5, False), (6, True)])
def test_a_bias_that_spikes_too_early_is_ours(bias: int, ours: bool) -> None:
    """A sample of one frame resets it at each step: 0 + 64 * 6 is over 320, before any input."""
    draw = Drawing(0)
    draw.input("x", (2,), 0, 3)
    forgets = fire(64 * 5 + 1, fraction_bits=6, leak_multiplier=np.array(1), leak_shift=12)
    draw.population("eager", (2,), forgets, bias=np.array(bias))
    draw.project("x", "eager", Dense(weight=draw.weights(2, 2, largest=3)))
    plan = make_plan(draw.finish("early", "eager"), STEP_BY_STEP)
    node = next(n for n in plan.graph.populations if n.name == "eager")
    assert (stock_lif(plan, node) is None) == ours
