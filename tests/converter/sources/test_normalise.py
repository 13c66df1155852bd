"""Normal form changes no number, and says what it cannot bring into it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snnc.converter.sources.normalise import normalise
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.converter.sources.shapes import complete_shapes
from snnc.ir.arrays import Array
from snnc.ir.errors import BadWeights, CannotLoad, DataError, ShapeMismatch, UnsupportedOperator


def model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, Array] | None = None,
    shape: tuple[int | str, ...] = (1, 3),
    out: tuple[int, ...] | None = (1, 3),
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(v, k) for k, v in (constants or {}).items()],
    )
    domains = {node.domain for node in nodes} - {""}
    imports = [helper.make_opsetid("", 18), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def scalar(value: float, shape: tuple[int, ...] = ()) -> Array:
    return np.full(shape, value, np.float32)


def test_nodes_that_only_pass_a_value_on_are_gone() -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["a"]),
        helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Dropout", ["c"], ["d"]),
        helper.make_node("Identity", ["d"], ["y"]),
    ]
    normal = normalise(model(nodes), "m")
    assert [n.op_type for n in normal.graph.node] == ["Relu"]
    assert all(n.name for n in normal.graph.node)
    assert normal.graph.output[0].name == "y"


def test_a_file_format_newer_than_onnx_runtime_s_runs() -> None:
    newest = model([helper.make_node("Relu", ["x"], ["y"])])
    newest.ir_version = onnx.IR_VERSION
    x = np.array([[-1, 0, 2]], np.float32)
    values = OnnxRunner(normalise(newest, "m")).run({"x": x})
    assert values["y"].tolist() == [[0, 0, 2]]


def test_constants_and_shapes_are_folded() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "one"], ["n"]),
        helper.make_node("Cast", ["n"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["w"], ["wt"]),
        helper.make_node("MatMul", ["x", "wt"], ["m"]),
        helper.make_node("Div", ["m", "f"], ["y"]),
    ]
    w = np.arange(9, dtype=np.float32).reshape(3, 3)
    source = model(nodes, {"w": w, "one": np.array([1], np.int64)})
    before = source.SerializeToString()
    normal = normalise(source, "m")
    assert [n.op_type for n in normal.graph.node] == ["MatMul", "Div"]
    assert source.SerializeToString() == before
    x = np.array([[1, 2, 4]], np.float32)
    assert OnnxRunner(normal).outputs({"x": x})[0].tolist() == (x @ w.T / 3).tolist()


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("swapped", [False, True])
def test_min_of_max_becomes_clip(shape: tuple[int, ...], swapped: bool) -> None:
    order = slice(None, None, -1 if swapped else 1)
    nodes = [
        helper.make_node("Max", ["x", "lo"][order], ["a"]),
        helper.make_node("Min", ["a", "hi"][order], ["y"]),
    ]
    normal = normalise(model(nodes, {"lo": scalar(-1, shape), "hi": scalar(2, shape)}), "m")
    assert [n.op_type for n in normal.graph.node] == ["Clip"]
    x = np.array([[-3, 0.5, 7]], np.float32)
    assert OnnxRunner(normal).outputs({"x": x})[0].tolist() == [[-1, 0.5, 2]]


def test_min_of_max_stays_where_clip_would_not_be_the_same() -> None:
    per_channel = {"lo": scalar(-1), "hi": np.array([1, 2, 3], np.float32)}
    nodes = [
        helper.make_node("Max", ["x", "lo"], ["a"]),
        helper.make_node("Min", ["a", "hi"], ["y"]),
    ]
    kept = normalise(model(nodes, per_channel), "m")
    assert [n.op_type for n in kept.graph.node] == ["Max", "Min"]
    twice = [
        *nodes[:1],
        helper.make_node("Min", ["a", "hi"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    kept = normalise(model(twice, {"lo": scalar(-1), "hi": scalar(2)}), "m")
    assert [n.op_type for n in kept.graph.node] == ["Max", "Min", "Add"]


def test_every_tensor_can_be_read() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Neg", ["a"], ["y"])]
    runner = OnnxRunner(normalise(model(nodes), "m"), ["a", "x"])
    values = runner.run({"x": np.array([[-1, 0, 2]], np.float64)})
    assert {k: v.tolist() for k, v in values.items()} == {
        "x": [[-1, 0, 2]], "a": [[0, 0, 2]], "y": [[0, 0, -2]],
    }  # fmt: skip
    with pytest.raises(DataError, match="cannot run this input"):
        runner.run({"x": np.zeros((1, 4))})
    with pytest.raises(CannotLoad, match="no tensor `z`"):
        OnnxRunner(model(nodes), ["z"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_weights_are_found_by_name(value: float) -> None:
    w = np.ones((3, 3), np.float32)
    w[1, 2] = value
    with pytest.raises(BadWeights, match=r"`w` holds 1 .* \(1, 2\)"):
        normalise(model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": w}), "m")


def test_infinite_clip_bounds_are_no_bad_weights() -> None:
    nodes = [helper.make_node("Clip", ["x", "lo", "hi"], ["y"])]
    normal = normalise(model(nodes, {"lo": scalar(0), "hi": scalar(np.inf)}), "m")
    assert [n.op_type for n in normal.graph.node] == ["Clip"]


def test_an_operator_that_nobody_knows_is_named() -> None:
    nodes = [helper.make_node("Mystery", ["x"], ["y"], domain="their.own", name="block/mystery")]
    with pytest.raises(UnsupportedOperator, match=r"Mystery of domain their\.own") as error:
        normalise(model(nodes, out=None), "m")
    assert error.value.where == "block/mystery"


def test_shapes_that_only_a_run_shows_are_completed() -> None:
    nodes = [
        helper.make_node("FusedMatMul", ["x", "w"], ["a"], domain="com.microsoft"),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    normal = normalise(model(nodes, {"w": np.ones((3, 2), np.float32)}, out=None), "m")
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*normal.graph.value_info, *normal.graph.output)
    }
    assert shapes == {"a": [1, 2], "y": [1, 2]}


def test_open_shapes_are_refused() -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=0),
        helper.make_node("Squeeze", ["flat", "first"], ["numbers"]),
        helper.make_node("Cast", ["numbers"], ["size"], to=TensorProto.INT64),
        helper.make_node("Expand", ["one", "size"], ["y"]),  # as large as the data say
    ]
    constants = {"first": np.array([0]), "one": np.ones(1, np.float32)}
    broken = model(nodes, constants, out=None)
    with pytest.raises(ShapeMismatch, match="not fixed"):
        complete_shapes(broken, "m")
