"""Integer forms of neurons with state, against the float form over several frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.backends.feeds import read_feeds
from snnc.backends.registry import get_engine
from snnc.converter.integer import integer_form
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import WidthExceeded
from snnc.ir.graph import Graph
from snnc.ir.limits import Limits
from snnc.ir.maps import Dense
from snnc.ir.neurons import (
    Accumulator,
    CurrentLIF,
    FixedCurrentLIF,
    FixedTrace,
    IntegrateFire,
    NeuronModel,
    Trace,
)
from tests.converter.integer.nets import Net, one, population

T = 20
RNG = np.random.default_rng(3)
W = RNG.normal(size=(5, 6))
X = RNG.integers(0, 4, (2, T, 6))


def over_frames(graph: Graph, name: str) -> Array:
    """Real values of a population that the input feeds directly; a plain loop."""
    node = population(graph, name)
    (p,) = graph.incoming(name)
    current = p.apply(X.reshape(-1, 6)).reshape(2, T, *node.shape) + node.bias_map()
    state, out = node.model.initial_state((2, *node.shape)), []
    for t in range(T):
        k, state = node.model.latch(current[:, t], state, 0)
        out.append(k * node.step_map())
    return np.stack(out, axis=1)


def layer(model: NeuronModel, **fields: Any) -> Graph:
    net = Net((6,), hi=3).add("n", (5,), model, ("x", Dense(weight=W)), **fields)
    return net.graph("n").replace(metadata={"n_frames": T})


@pytest.mark.parametrize(
    "model",
    [
        IntegrateFire(threshold=np.array(1.5), decay=np.array(0.5)),
        IntegrateFire(threshold=np.linspace(1, 2, 5), decay=np.linspace(0.2, 0.95, 5)),
        IntegrateFire(threshold=np.array(1.0), hi=4, rounding="half-even", decay=np.array(0.25)),
        IntegrateFire(threshold=np.array(2.0), reset="zero", reset_value=np.array(-0.5)),
        IntegrateFire(threshold=np.array(1.0), v_min=np.array(-1.0), hi=9, rounding="floor"),
        CurrentLIF(
            threshold=np.array(3.0), decay=np.linspace(0.2, 0.9, 5), current_decay=np.array(0.7)
        ),
    ],
    ids=["lif", "by-neuron", "i-lif", "hard", "held", "current"],
)
def test_counts_stay_with_fine_weights(model: NeuronModel) -> None:
    graph = layer(model, bias=np.array(0.05))
    expected = over_frames(graph, "n")
    built = integer_form(graph, weight_bits=16).graph
    assert (over_frames(built, "n") != expected).mean() <= 0.01
    assert 0.05 < expected.mean() < 3
    result = get_engine("dense").prepare(built, RunSettings(), n_frames=T).run({"x": X})
    np.testing.assert_array_equal(result.counts["n"], over_frames(built, "n"))


@pytest.mark.parametrize("tau", [2.0, 50.0, 1000.0])
def test_a_trace_that_is_read_has_one_step_and_its_value(tau: float) -> None:
    graph = layer(Trace(decay=np.exp(-1 / np.linspace(tau / 2, tau, 5))))
    expected = over_frames(graph, "n")
    built = integer_form(graph, weight_bits=12).graph
    node = population(built, "n")
    assert isinstance(node.model, FixedTrace)
    assert node.step.shape == ()
    got = over_frames(built, "n")
    assert np.sqrt(((got - expected) ** 2).mean() / (expected**2).mean()) < 1e-3


def test_what_a_trace_sends_is_taken_as_it_is() -> None:
    """An identity behind it keeps weight 1; weights behind it count in its finer step."""
    net = Net((6,), hi=3).add("n", (5,), Trace(decay=np.array(0.9)), ("x", Dense(weight=W)))
    net.add("on", (5,), Accumulator(), ("n", one((5,))))
    net.add("sum", (3,), Accumulator(), ("n", Dense(weight=RNG.normal(size=(3, 5)))))
    built = integer_form(net.graph("on", "sum")).graph
    assert built.projections["n->on"].map.weight == 1
    trace = population(built, "n")
    np.testing.assert_array_equal(population(built, "on").step, trace.step)
    result = get_engine("event").prepare(built, RunSettings()).run({"x": X})
    np.testing.assert_array_equal(result.counts["on"], result.counts["n"])
    np.testing.assert_array_equal(result.counts["n"] * trace.step, over_frames(built, "n"))


def test_a_chip_gets_what_it_has() -> None:
    """24 bits and leaks of 12: fewer fraction bits, coarser leaks, and the report says so."""
    chip = Limits(target="chip", membrane_bits=24, leak_bits=12)
    graph = layer(
        CurrentLIF(threshold=np.array(9.0), decay=np.array(0.97), current_decay=np.array(0.95))
    )
    wide, narrow = integer_form(graph), integer_form(graph, limits=chip)
    models = [population(f.graph, "n").model for f in (wide, narrow)]
    assert all(isinstance(m, FixedCurrentLIF) for m in models)
    a, b = models
    assert isinstance(a, FixedCurrentLIF)
    assert isinstance(b, FixedCurrentLIF)
    assert b.fraction_bits < a.fraction_bits
    assert b.leak_shift == 12
    errors = [f.rounding.membranes[0].leak_error for f in (wide, narrow)]
    assert errors[0] < 2**-12 < errors[1] < 2**-6
    assert not narrow.rounding.is_exact


def test_frames_beyond_the_bound_stop_by_name_unless_the_state_leaks() -> None:
    whole = integer_form(layer(IntegrateFire(threshold=np.array(1.0)))).graph
    leaky = integer_form(layer(IntegrateFire(threshold=np.array(1.0), decay=np.array(0.9)))).graph
    more = np.tile(X, (1, 2, 1))
    with pytest.raises(WidthExceeded, match=f"n: its membrane was bounded for {T} frames"):
        read_feeds(whole, {"x": more}, T)
    assert read_feeds(leaky, {"x": more}, T)["x"].shape == more.shape
