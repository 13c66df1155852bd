"""Code delta from data to outputs: with a host operator in the middle, whole and as a stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.ir.codes import RunSettings
from snnc.runtime.model import Model
from snnc.runtime.run import run
from snnc.runtime.stream import stream
from tests.runtime.test_staged import crossing

X = np.array([[[1, 2, 7], [1, 2, 7], [1, 2, 8]]]) * 0.25
"""One sample of three frames: three counts, nothing new, one count that changes."""


@pytest.fixture
def model() -> Model:
    file = crossing()
    graph = file.integer_graph.replace(metadata={"n_frames": 3})
    file = replace(file, float_graph=graph, integer_graph=graph)
    return Model(path=None, file=file, bundle=None, target="sim", settings=RunSettings())


@pytest.mark.parametrize("engine", ["oracle", "dense"])
def test_what_the_host_gives_travels_as_changes(model: Model, engine: str) -> None:
    graded, delta = (run(model, X, engine=engine, code=code) for code in ("graded", "delta"))
    # 2 * (x2, x0, x1): the host changes the order
    assert delta.outputs.tolist() == [[[3.5, 0.5, 1.0], [3.5, 0.5, 1.0], [4.0, 0.5, 1.0]]]
    np.testing.assert_array_equal(graded.outputs, delta.outputs)
    # in -> a and host -> b: three events a frame, or three, none and one
    assert graded.counters["synaptic_events"] == 2 * 9
    assert delta.counters["synaptic_events"] == 2 * 4
    # |payloads|: 1 + 2 + 7, then 1; likewise behind the host
    assert delta.counters["unit_spike_operations"] == 2 * 11
    assert delta.n_ticks == graded.n_ticks


@pytest.mark.parametrize("engine", ["oracle", "dense"])
def test_a_stream_goes_on_through_the_host(model: Model, engine: str) -> None:
    whole = run(model, X, engine=engine, code="delta")
    with stream(model, engine=engine, code="delta") as running:
        outputs = [running.step(X[:, t]).outputs for t in range(3)]
        assert running.counters == whole.counters
    np.testing.assert_array_equal(np.stack(outputs, axis=1), whole.outputs)
