"""Streaming: frame after frame as one run, without host operators."""

from __future__ import annotations

import numpy as np
import pytest
from onnxruntime import InferenceSession

from snnc.backends.dense import execute
from snnc.backends.dense.execute import make_session
from snnc.ir.codes import RunSettings
from snnc.ir.errors import ShapeMismatch, WidthExceeded
from snnc.ir.file import SnncFile
from snnc.runtime.model import Model
from snnc.runtime.run import run
from snnc.runtime.stream import stream
from tests.backends.test_state import FEEDS, GRAPH, T


@pytest.fixture
def model() -> Model:
    file = SnncFile(float_graph=GRAPH, integer_graph=GRAPH)
    return Model(path=None, file=file, bundle=None, target="sim", settings=RunSettings())


@pytest.mark.parametrize(
    ("code", "schedule"),
    [("graded", "sequential"), ("graded", "pipelined"), ("delta", "sequential")],
)
def test_frames_one_by_one_are_one_run(model: Model, code: str, schedule: str) -> None:
    x = FEEDS["x"].astype(np.float64)
    whole = run(model, x, engine="oracle", code=code, schedule=schedule)
    with stream(model, engine="oracle", code=code, schedule=schedule) as running:
        got = np.stack([running.step(x[:, t]).outputs for t in range(T)], axis=1)
        np.testing.assert_array_equal(got, whole.outputs)
        assert running.counters == whole.counters
        assert running.n_frames == T
        running.reset()
        np.testing.assert_array_equal(running.step(x[:, 0]).outputs, whole.outputs[:, 0])


def test_memory_does_not_grow_and_frames_are_bounded(model: Model) -> None:
    running = stream(model, engine="oracle", frames=3)
    for t in range(3):
        running.step(FEEDS["x"][:, t])
    with pytest.raises(WidthExceeded, match="bounded for 3 frames"):
        running.step(FEEDS["x"][:, 0])
    running.reset()
    running.step(FEEDS["x"][:, 0])


def test_other_shapes_are_refused(model: Model) -> None:
    running = stream(model, engine="oracle")
    with pytest.raises(ShapeMismatch, match=r"the model takes \(N, 5\)"):
        running.step(np.zeros((1, 4)))
    running.step(FEEDS["x"][:, 0])
    with pytest.raises(ShapeMismatch, match="keeps a state of its own"):
        running.step(FEEDS["x"][:1, 0])


def test_nothing_is_left_to_prepare_when_it_is_open(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime's sessions are there before the first frame; its zeros leave no trace."""
    made: list[int] = []

    def counted(code: bytes, threads: int | None, *, cuda: bool = False) -> InferenceSession:
        made.append(len(code))
        return make_session(code, threads, cuda=cuda)

    monkeypatch.setattr(execute, "make_session", counted)
    with stream(model, engine="dense") as running:
        assert made
        before = len(made)
        assert (running.n_frames, running.counters["spikes"]) == (0, 0)
        got = [running.step(FEEDS["x"][:, t]).outputs for t in range(T)]
    assert len(made) == before
    whole = run(model, FEEDS["x"].astype(np.float64), engine="oracle").outputs
    np.testing.assert_array_equal(np.stack(got, axis=1), whole)
