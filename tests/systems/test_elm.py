"""ELM neuron: traces are events, the memory is the host's, a long sequence is streamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.ir.arrays import Array
from snnc.ir.neurons import FixedTrace
from snnc.runtime.convert import Conversion, convert
from snnc.runtime.verify import verify
from tests.systems.elm import by_equations, random_weights, save

pytestmark = [pytest.mark.torch]

N_INPUTS = 24
WEIGHTS = random_weights(N_INPUTS, 5, 8, 6, np.random.default_rng(0))


def events(n_frames: int, n_inputs: int = N_INPUTS, rate: float = 0.05) -> Array:
    return (np.random.default_rng(1).random((1, n_frames, n_inputs)) < rate).astype(np.float32)


def streamed(model: Conversion, x: Array, engine: str = "event") -> Array:
    """Outputs of every frame, one after the other."""
    with snnc.stream(model.model, engine=engine) as stream:
        return np.stack([stream.step(x[:, t]).outputs[0] for t in range(x.shape[1])])


def relative(got: Array, expected: Array) -> float:
    return float(np.sqrt(((got - expected) ** 2).mean() / (expected**2).mean()))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(WEIGHTS, N_INPUTS, tmp_path_factory.mktemp("elm") / "elm.pt")


@pytest.fixture(scope="module")
def converted(path: Path) -> Conversion:
    return convert(path)


def test_every_promise_holds(path: Path, converted: Conversion) -> None:
    traces = converted.integer_graph.populations[0]
    assert isinstance(traces.model, FixedTrace)
    assert traces.size == 40
    x = np.concatenate([events(25), events(25, rate=0.2)])
    result = verify(path, converted.model, x, engine=("event", "dense"))
    assert result.ok
    assert result.n_mismatches == 0


def test_a_stream_follows_the_equations(path: Path, converted: Conversion) -> None:
    x = events(80)
    _, expected = by_equations(WEIGHTS, x[0])
    y = streamed(converted, x)
    assert np.array_equal(y, snnc.run(converted.model, x).outputs.reshape(y.shape))
    assert np.array_equal(y[:20], streamed(converted, x[:, :20], "oracle"))
    finer = streamed(convert(path, weight_bits=16), x)
    assert relative(finer, expected) < relative(y, expected) < 0.02
    assert relative(finer, expected) < 1e-3
    assert np.abs(expected).max() > 0.1


@pytest.mark.slow
def test_a_long_stream_of_the_published_shape(tmp_path: Path) -> None:
    """1278 inputs, 45 x 100 synapses, 100 memory units: what is kept does not grow."""
    w = random_weights(1278, 45, 100, 100, np.random.default_rng(2))
    model = convert(save(w, 1278, tmp_path / "elm.pt"))
    x = events(2000, 1278, 0.01)
    _, expected = by_equations(w, x[0])
    assert relative(streamed(model, x), expected) < 0.02
