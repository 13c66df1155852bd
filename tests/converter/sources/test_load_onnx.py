"""ONNX files as sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from snnc.converter.sources import SourceOptions, load_source
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.errors import (
    BadInputFile,
    CannotLoad,
    DamagedFile,
    ShapeMismatch,
)


def _onnx_model(batch: str | int = "n", opset: int = 18) -> onnx.ModelProto:
    weight = helper.make_tensor("w", TensorProto.FLOAT, (3, 2), [1, -2, 3, 4, 0.5, 6])
    nodes = [
        helper.make_node("Identity", ["x"], ["x1"]),
        helper.make_node("MatMul", ["x1", "w"], ["y1"]),
        helper.make_node("Dropout", ["y1"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 2])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("opset", [9, 13, 17, 18, 20])
def test_onnx_files_load(tmp_path: Path, opset: int) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(_onnx_model(opset=opset), path)
    source = load_source(path)
    assert [n.op_type for n in source.onnx.graph.node] == ["MatMul"]
    assert source.inputs[0].shape == (3,)
    assert source.provenance["opset"] == max(opset, 18)
    assert source.eager is None
    out = OnnxRunner(source.onnx).outputs({"x": np.array([[1, 2, 4]], np.float32)})[0]
    assert out.tolist() == [[1 + 6 + 2, -2 + 8 + 24]]


def test_old_opsets_and_bad_graphs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(_onnx_model(opset=6), path)
    with pytest.raises(CannotLoad, match="opset 6"):
        load_source(path)
    broken = _onnx_model()
    broken.graph.node[1].input[0] = "nowhere"
    path.write_bytes(broken.SerializeToString())
    with pytest.raises(DamagedFile, match="malformed"):
        load_source(path)


def test_external_data_must_stay_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(np.zeros(6, np.float32).tobytes())
    model = _onnx_model()
    tensor = model.graph.initializer[0]
    tensor.raw_data = b""
    onnx.external_data_helper.set_external_data(tensor, location="../secret")
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BadInputFile, match="outside the model's folder"):
        load_source(path)
    (folder / "weights").write_bytes(np.arange(6, dtype=np.float32).tobytes())
    tensor.external_data[0].value = "weights"
    path.write_bytes(model.SerializeToString())
    out = OnnxRunner(load_source(path).onnx).outputs({"x": np.ones((1, 3), np.float32)})[0]
    assert out.tolist() == [[0 + 2 + 4, 1 + 3 + 5]]


def test_free_axes_need_an_input_shape(tmp_path: Path) -> None:
    model = _onnx_model()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "k"
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    with pytest.raises(ShapeMismatch, match="no fixed shape"):
        load_source(path)
    assert load_source(path, SourceOptions(input_shape=(1, 3))).inputs[0].shape == (3,)
    with pytest.raises(ShapeMismatch, match="does not fit"):
        load_source(path, SourceOptions(input_shape=(1, 3, 1)))


@pytest.mark.parametrize("entry", ["{", "[1]", '[{"lo": 0}]', "3"])
def test_a_damaged_grid_in_an_onnx_file(entry: str, tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (float[1,2] x) => (float[1,2] y) { y = Relu(x) }'
    )
    prop = model.metadata_props.add()
    prop.key, prop.value = "snnc.inputs", entry
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DamagedFile, match="malformed"):
        load_source(path)
