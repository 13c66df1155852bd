"""Sessions: which processor runs them, and which optimisations they leave out."""

import logging

import numpy as np
import onnx
import pytest

from snnc.backends.conformance import differences
from snnc.backends.dense import DenseEngine, execute
from snnc.backends.dense.builder import Builder
from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire
from snnc.ir.nodes import Input, Output, Population


def test_factors_are_not_folded_into_convolutions() -> None:
    """conv(x) is an exact integer; weights times 1 / 3 would round every product."""
    b = Builder()
    x = b.input("x", "f4", (1, 4, 4))
    weight = b.constant(np.full((1, 1, 3, 3), 7), "f4")
    y = b.op("Conv", [x, weight], "f4", kernel_shape=[3, 3])
    third = np.float32(1) / np.float32(3)
    scaled = b.op("Mul", [y, b.constant(third, "f4")], "f4")
    session = execute.make_session(b.model([scaled]), 1)
    feed = np.random.default_rng(0).integers(0, 255, (50, 1, 4, 4)).astype(np.float32)
    sums = np.stack([feed[:, 0, r : r + 2, c : c + 2] for r in range(3) for c in range(3)])
    expected = (7 * sums.sum(axis=0)) * third
    (got,) = execute.compute(session, [scaled], {"x": feed})
    assert (got[:, 0] == expected).all()


@pytest.mark.parametrize("error", [0, 1])
def test_a_gpu_has_to_give_the_integers_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: int
) -> None:
    shape = (2,)
    graph = Graph(
        [
            Input(name="x", shape=shape, lo=0, hi=9),
            Population(name="p", shape=shape, model=Accumulator()),
            Output(name="out", shape=shape),
        ],
        [
            Projection(
                name="w", source="x", target="p", map=Dense(weight=np.array([[1, 2], [3, 4]]))
            ),
            Projection(name="r", source="p", target="out", map=Identity(shape=shape)),
        ],
    )
    on_cpu, used = execute.make_session, []

    class Gpu:
        def __init__(self, model: bytes) -> None:
            self.session = on_cpu(model, 1)
            self.get_inputs = self.session.get_inputs

        def run(self, outputs: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            used.append(len(outputs))
            return [value + error for value in self.session.run(outputs, feeds)]

    def make(model: bytes, threads: int | None, *, cuda: bool = False) -> object:
        return Gpu(model) if cuda else on_cpu(model, threads)

    monkeypatch.setattr(execute, "has_cuda", lambda: True)
    monkeypatch.setattr(execute, "make_session", make)
    session = DenseEngine().prepare(graph, RunSettings())
    with caplog.at_level(logging.WARNING):
        result = session.run({"x": np.array([[[1, 2]], [[3, 4]]])})
    assert result.counts["p"][:, 0].tolist() == [[5, 11], [11, 25]]
    assert len(used) == 2 - error  # once to compare, then to run
    assert ("does not give the CPU's integers" in caplog.text) == bool(error)


@pytest.mark.parametrize("most", [1, 4, 1000])
def test_parts_of_a_program_give_what_the_whole_gives(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Integers, bytes, truth values and states pass from session to session."""
    monkeypatch.setattr(execute, "MOST_NODES", most)
    rng = np.random.default_rng(0)
    conv = Conv(
        weight=rng.integers(-9, 9, (2, 2, 3, 3)),
        in_shape=(2, 6, 6),
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    neuron = FixedIntegrateFire(thresholds=np.array([40, 90]), lo=0, reset_step=np.array(40))
    models = {"a": IntegerFire(thresholds=np.array([[5, 30]]), lo=0), "b": neuron}
    shape = (2, 6, 6)
    nodes = [Population(name=n, shape=shape, model=m) for n, m in models.items()]
    ends = Input(name="x", shape=shape, lo=0, hi=9), Output(name="out", shape=shape)
    graph = Graph(
        [ends[0], *nodes, ends[1]],
        [
            Projection(name="xa", source="x", target="a", map=conv),
            Projection(name="ab", source="a", target="b", map=conv),
            Projection(name="read", source="b", target="out", map=Identity(shape=shape)),
        ],
    )
    feeds = {"x": rng.integers(0, 9, (3, 4, *shape))}
    expected = OracleEngine().prepare(graph, RunSettings(), n_frames=4).run(feeds)
    session = DenseEngine(threads=1).prepare(graph, RunSettings(), n_frames=4)
    assert not differences(expected, session.run(feeds))
    (outputs,) = session.executor._sessions
    parts = session.program.builder.parts(outputs, most)
    assert all(len(onnx.load_from_string(part.model).graph.node) <= most for part in parts)
    assert (len(parts) == 1) == (most == 1000)
