"""Host operators: ONNX subgraphs whose results become integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snnc.ir.errors import DamagedFile, DataError, GraphError
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import HostOp, Input, Output, Population
from snnc.runtime.feeds import Feeder
from snnc.runtime.host import to_integers

STEP = 0.5


def times_two(*, batch: int | str = 1) -> bytes:
    """An ONNX model y = 2 x on float32 (batch, 3)."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["x", "two"], ["y"])],
        "host",
        [value("x", onnx.TensorProto.FLOAT, [batch, 3])],
        [value("y", onnx.TensorProto.FLOAT, [batch, 3])],
        [onnx.numpy_helper.from_array(np.array(2, np.float32), "two")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 10
    return bytes(model.SerializeToString())


def make(result: Any, model: bytes) -> SnncFile:
    host = HostOp(
        name="host",
        shape=(3,),
        onnx="host",
        result=result,
        lo=-9,
        hi=9,
        step=np.array(STEP),
    )
    graph = Graph(
        nodes=[
            Input(name="x", shape=(3,), grid=False),
            host,
            Population(name="p", shape=(3,), model=Accumulator()),
            Output(name="y", shape=(3,)),
        ],
        projections=[
            Projection(name="raw", source="x", target="host", map=Identity(shape=(3,))),
            Projection(name="in", source="host", target="p", map=Identity(shape=(3,))),
            Projection(name="out", source="p", target="y", map=Identity(shape=(3,))),
        ],
    ).validate()
    return SnncFile(float_graph=graph, integer_graph=graph, onnx={"host": model})


@pytest.mark.parametrize("batch", [1, "n"])
def test_values_round_half_to_even(batch: int | str) -> None:
    x = np.array([[0.125, 0.375, 0.625], [-0.125, 1.0, 0.3]])
    # 2 x / 0.5 = 0.5, 1.5, 2.5 and -0.5, 4, 1.2
    feeds = Feeder(make("value", times_two(batch=batch))).feeds(x)
    assert list(feeds) == ["host"]
    assert feeds["host"].tolist() == [[[0, 2, 2]], [[0, 4, 1]]]


def test_counts_are_exact() -> None:
    feeder = Feeder(make("count", times_two()))
    assert feeder.feeds(np.array([[0.25, 0.5, -0.75]]))["host"].tolist() == [[[1, 2, -3]]]
    with pytest.raises(GraphError, match="does not end at an integer activation"):
        feeder.feeds(np.array([[0.3, 0.5, 0.5]]))


def test_integers_beyond_the_checked_range() -> None:
    with pytest.raises(DataError, match="runs from 0 to 10, widths were checked for -9 to 9"):
        Feeder(make("value", times_two())).feeds(np.array([[0, 0, 2.5]]))


def test_missing_or_damaged_parts(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="cannot be loaded"):
        Feeder(make("value", b"nonsense"))
    file = make("value", times_two())
    with pytest.raises(DamagedFile, match="is missing"):
        Feeder(SnncFile(float_graph=file.float_graph, integer_graph=file.integer_graph))


@given(
    step=st.sampled_from([0.25, 0.5, 1.0, 4.0, 0.1, 0.3]),
    values=arrays(np.float32, 12, elements=st.floats(-2e4, 2e4, width=32)),
)
def test_integers_are_those_of_a_quotient_in_float64(step: float, values: np.ndarray) -> None:
    node = HostOp(
        name="h", shape=(12,), onnx="h", result="value", lo=-(2**20), hi=2**20, step=np.array(step)
    )
    expected = [round(float(v) / step) for v in values]  # Python rounds half to even as well
    assert to_integers(node, values[None]).tolist() == [expected]


def test_a_quotient_beyond_float32_is_out_of_range_and_not_infinite() -> None:
    node = make("value", times_two()).integer_graph.nodes["host"]
    assert isinstance(node, HostOp)
    with pytest.raises(DataError, match="runs from 0 to 60000000"):
        to_integers(node, np.array([[0, 1, 3e38]], dtype=np.float32))
    with pytest.raises(DataError, match="NaN or infinite"):
        to_integers(node, np.array([[0, np.nan, 1]], dtype=np.float32))
