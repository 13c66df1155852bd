"""ELM neuron: traces are events, the memory is the host's, a long sequence is streamed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from snnc.backends.base import SessionState
from snnc.backends.registry import get_engine
from snnc.converter.sources import InputGrid, load_source
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.neurons import FixedTrace
from snnc.runtime.staged import StagedSession
from tests.systems.elm import Dendrite, by_equations, hybrid, random_weights
from tests.systems.support import check, with_grid

pytestmark = [pytest.mark.torch]

N_INPUTS, N_FRAMES = 24, 120
WEIGHTS = random_weights(N_INPUTS, 5, 8, 6, np.random.default_rng(0))
FILE = partial(hybrid, WEIGHTS, N_INPUTS)


def events(n_frames: int, n_inputs: int = N_INPUTS, rate: float = 0.05) -> Array:
    return (np.random.default_rng(1).random((1, n_frames, n_inputs)) < rate).astype(np.int64)


def session(file: Any, engine: str) -> StagedSession:
    settings = RunSettings()
    prepare = partial(get_engine(engine).prepare, settings=settings)
    return StagedSession(file, prepare, settings, 1)


def outputs(running: StagedSession, name: str, x: Array, piece: int) -> tuple[Array, Array]:
    """Branch sums (integers) and outputs, streamed in pieces; memory does not grow with T."""
    state: SessionState = {}
    branches, found = [], []
    for first in range(0, x.shape[1], piece):
        result = running.run({name: x[:, first : first + piece]}, state=state)
        state = result.state or {}
        branches.append(result.counts["sum_1"][0])
        found.append(result.reals["mlp"][0])
    return np.concatenate(branches), np.concatenate(found)


def relative(got: Array, expected: Array) -> float:
    return float(np.sqrt(((got - expected) ** 2).mean() / (expected**2).mean()))


@pytest.mark.parametrize("engine", ["event", "dense"])
def test_streamed_in_pieces_as_in_one_and_near_the_equations(engine: str) -> None:
    x = events(N_FRAMES)
    file = FILE()
    branches, y = outputs(session(file, engine), "x", x, N_FRAMES)
    again, y_again = outputs(session(file, engine), "x", x, 17)
    np.testing.assert_array_equal(branches, again)
    np.testing.assert_array_equal(y, y_again)
    by_hand, expected = by_equations(WEIGHTS, x[0])
    step = file.integer_graph.populations[-1].step
    assert relative(branches[..., 0] * step, by_hand) < 0.01
    assert relative(y, expected) < 0.01
    assert np.abs(expected).max() > 0.1


def test_engines_give_the_same_integers() -> None:
    x, file = events(30), FILE()
    found = [outputs(session(file, name), "x", x, 10) for name in ("oracle", "event", "dense")]
    for branches, y in found[1:]:
        np.testing.assert_array_equal(branches, found[0][0])
        np.testing.assert_array_equal(y, found[0][1])


def test_finer_weights_come_nearer() -> None:
    x = events(60)
    _, expected = by_equations(WEIGHTS, x[0])
    errors = []
    for bits in (4, 8, 16):
        _, y = outputs(session(FILE(weight_bits=bits), "event"), "x", x, 60)
        errors.append(relative(y, expected))
    assert errors[0] > 4 * errors[1] > 8 * errors[2]


def test_the_dendrite_verifies() -> None:
    """Traces and branch sums against the source's own, frame by frame."""
    source = load_source(Dendrite(WEIGHTS).eval(), example_inputs=torch.zeros(1, N_INPUTS))
    x = events(40).repeat(2, axis=0).astype(np.float32)
    done = check(with_grid(source, InputGrid(lo=0, hi=1, step=1.0)), x)
    traces = [p for p in done.conversion.integer_graph.populations if p.size == 40]
    assert isinstance(traces[0].model, FixedTrace)


@pytest.mark.slow
def test_a_long_sequence_of_the_published_shape() -> None:
    """1278 inputs, 45 x 100 synapses, 100 memory units, 10 000 frames: what is kept stays small."""
    w = random_weights(1278, 45, 100, 100, np.random.default_rng(2))
    x = events(10_000, 1278, 0.01)
    running = session(hybrid(w, 1278), "event")
    branches, y = outputs(running, "x", x, 500)
    _, expected = by_equations(w, x[0])
    assert relative(y, expected) < 0.02
    assert len(branches) == len(expected)
