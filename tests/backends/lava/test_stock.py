"""Populations that are lava-nc's own LIF: found, run, and equal to the oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snnc.backends.conformance import differences
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.backends.lava.limits import LOIHI2
from snnc.backends.lava.network import network_text
from snnc.backends.lava.plan import make_plan
from snnc.backends.lava.stock import StockLIF, stock_lif, why_not_stock
from snnc.backends.registry import get_engine
from snnc.converter.chip import for_chip
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.maps import Dense
from snnc.ir.neurons import (
    Accumulator,
    FixedCurrentLIF,
    FixedIntegrateFire,
    IntegerFire,
    LoihiLIF,
    NeuronModel,
)
from snnc.runtime.staged import patterns
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
    "wide, even bias": (
        fire(40), np.array([-4098, 12, 9, 10]),
        StockLIF(du=4095, dv=0, vth=39, bias=np.array([-4098, 12, 9, 10])),
    ),
    "binary": (
        IntegerFire(lo=0, thresholds=np.array([[5]])), np.array([3, -1, 0, 4]),
        StockLIF(du=4095, dv=0, vth=4, bias=np.array([3, -1, 0, 4]), forgets=True),
    ),
    "binary by channel": (
        IntegerFire(lo=0, thresholds=np.array([[5], [9], [1], [9]])), np.array([0, 2, 0, 0]),
        StockLIF(du=4095, dv=0, vth=8, bias=np.array([4, 2, 8, 0]), forgets=True),
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
    "wide bias": (fire(2**13), np.array([2**12 + 1, 0, 0, 0])),
    "always on": (IntegerFire(lo=0, thresholds=np.array([[3]])), np.array([0, 3, 0, 0])),
    "no current decay": (current(65, 4096), 0),
    "loihi resets": (LoihiLIF(decay_u=9, decay_v=9, threshold=4, reset_interval=3), 0),
    "loihi keeps all": (LoihiLIF(decay_u=0, decay_v=9, threshold=4), 0),
}


def test_others_are_ours() -> None:
    assert found(bed(OTHERS)) == dict.fromkeys(OTHERS)


def test_why_they_are_ours() -> None:
    plan = make_plan(bed(OTHERS), STEP_BY_STEP, n_frames=FRAMES)
    why = {n.name: why_not_stock(plan, n) for n in plan.graph.populations}
    assert why["wide bias"] == "the bias 4097 is no mantissa of 13 bits times 1 or 2"
    assert why["always on"] == "the bias makes it spike before its first frame has come"
    assert why["threshold between units"] == (
        "it fires from 320 / 2^6 on, its LIF above whole thresholds, with 6 fraction bits"
    )
    assert why["held up"] == "the membrane is held at -5, that of its LIF at -8388607"
    assert why["subtracts"] == "its reset is `subtract`, that of its LIF to 0"
    assert all(why[name] for name in OTHERS)
    assert why["head"] is None  # an accumulator is no such neuron at all


BIASED = ("wide bias", "always on", "bias in the current")


def test_biases_as_synapses_make_them_stock() -> None:
    graph = bed({name: OTHERS[name] for name in BIASED})
    fitted, notes = for_chip(graph, LOIHI2, STEP_BY_STEP)
    assert "bias-synapses" in fitted.metadata["chip_passes"]
    assert "biases that the chip's neurons do not take (wide bias, always on" in notes[0]
    stock = found(fitted)
    assert all(stock[name] is not None for name in BIASED)
    assert {n: fitted.nodes[n].bias.any() for n in BIASED} == dict.fromkeys(BIASED, False)  # type: ignore[attr-defined]
    kept, none = for_chip(bed({"biased": CASES["biased"][:2]}), LOIHI2, STEP_BY_STEP)
    assert none == ()
    assert "always on" not in kept.nodes


@pytest.mark.lava
def test_biases_as_synapses_give_the_same_spikes(lava: Environment) -> None:
    """Of the whole bed: what the graph with its own biases gives on the oracle, Lava gives."""
    graph = bed({name: OTHERS[name] for name in BIASED})
    fitted, _ = for_chip(graph, LOIHI2, STEP_BY_STEP)
    assert network_text(make_plan(fitted, STEP_BY_STEP, n_frames=FRAMES)).count("LIFReset(") == 3
    feeds = feeds_for(graph, 3, FRAMES)
    oracle = get_engine("oracle").prepare(graph, STEP_BY_STEP, n_frames=FRAMES).run(feeds)
    lava_ = LavaEngine().prepare(fitted, STEP_BY_STEP, n_frames=FRAMES)
    got = lava_.run({**feeds, **patterns(fitted, 3, FRAMES)})
    for name in (*BIASED, "head"):
        assert np.array_equal(oracle.counts[name], got.counts[name]), name
    assert all(0.02 < oracle.counts[name].mean() < 0.98 for name in BIASED)


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
