"""Quantised ONNX in every integer type, opset and calling form: all integers exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from snnc.backends.registry import get_engine
from snnc.converter.convert import convert_source
from snnc.converter.sources import load_source
from snnc.converter.sources.quantised import integer_limits
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import UnsupportedOperator
from snnc.runtime.verify.exact import ExactRunner

RNG = np.random.default_rng(8)
ELEM = {
    name: getattr(TensorProto, name.upper())
    for name in ("int4", "uint4", "int8", "uint8", "int16", "uint16")
}
NEWEST = onnx.defs.onnx_opset_version()


def tensor(name: str, dtype: str, values: Any) -> TensorProto:
    array = np.asarray(values)
    elem = ELEM.get(dtype, TensorProto.FLOAT if dtype == "float32" else TensorProto.INT32)
    return helper.make_tensor(name, elem, array.shape, array.reshape(-1).tolist())


def qdq(
    act: str, weight: str, opset: int, *, batch: Any = 1, quantised_io: bool = False
) -> onnx.ModelProto:
    """x → Q → DQ → Conv → Relu → Q → DQ → AveragePool → Q → DQ; weights by channel."""
    lo, hi = integer_limits(act) or (0, 0)
    w_lo, w_hi = integer_limits(weight) or (0, 0)
    unsigned = weight.startswith("u")
    span = hi - lo
    s_x, s_h, s_y = 2.2 / span, 9.1 / span, 6.3 / span
    s_w = np.array([0.013, 0.02, 0.007]) * 127 / w_hi
    zero = lo + span // 3
    z_w = [w_hi // 2] * 3 if unsigned else [0] * 3
    constants = [
        tensor("sx", "float32", s_x), tensor("zx", act, zero),
        tensor("w", weight, RNG.integers(w_lo, w_hi + 1, (3, 2, 3, 3))),
        tensor("sw", "float32", s_w), tensor("zw", weight, z_w),
        tensor("b", "int32", RNG.integers(-200, 200, 3)),
        tensor("sb", "float32", (np.float32(s_x) * s_w.astype(np.float32))),
        tensor("sh", "float32", s_h), tensor("zh", act, lo),
        tensor("sy", "float32", s_y), tensor("zy", act, lo + 1),
    ]  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "sx", "zx"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["dw"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "sb"], ["db"], axis=0),
        helper.make_node("Conv", ["d", "dw", "db"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "sh", "zh"], ["k"]),
        helper.make_node("DequantizeLinear", ["k", "sh", "zh"], ["h"]),
        helper.make_node("AveragePool", ["h"], ["p"], kernel_shape=[2, 3], strides=[2, 3]),
        helper.make_node("QuantizeLinear", ["p", "sy", "zy"], ["l"]),
        helper.make_node("DequantizeLinear", ["l", "sy", "zy"], ["y"]),
    ]
    out = ("y", TensorProto.FLOAT)
    x = ("x", TensorProto.FLOAT)
    if quantised_io:
        nodes, out, x = nodes[1:-1], ("l", ELEM[act]), ("q", ELEM[act])
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*x, (batch, 2, 6, 6))],
        [helper.make_tensor_value_info(*out, (batch, 3, 3, 2))],
        constants,
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def check(model: onnx.ModelProto, path: Path, x: Array) -> None:
    """Every count of the integer form is the reference's."""
    onnx.save(model, path)
    source = load_source(path)
    graph = convert_source(source, weight_bits=16).integer_graph
    assert not graph.host_ops
    node = graph.inputs[0]
    runner = ExactRunner(
        source.onnx, [p.source_tensor for p in graph.populations if p.source_tensor]
    )
    k = x if x.dtype.kind in "iu" else np.rint(x / np.float32(node.step))
    counts = np.clip(k - node.zero_point * (x.dtype.kind in "iu"), node.lo, node.hi)
    run = get_engine("dense").prepare(graph, RunSettings())
    found = run.run({node.name: counts.astype(np.int64)[:, None]}).counts
    compared = 0
    for i, each in enumerate(x):
        values = runner.run({node.name: each[None]})
        for p in graph.populations:
            if p.source_tensor is None or p.model.emits != "count":
                continue
            expected = np.rint(values[p.source_tensor].reshape(1, *p.shape) / p.step_map())
            np.testing.assert_array_equal(found[p.name][i, 0], expected[0])
            compared += expected.size
    assert compared


def reals() -> Array:
    return RNG.uniform(-1, 1.6, (5, 2, 6, 6)).astype(np.float32)


@pytest.mark.parametrize("opset", [13, 17, 19, NEWEST])
@pytest.mark.parametrize(
    ("act", "weight"), [("int8", "int8"), ("uint8", "int8"), ("uint8", "uint8")]
)
def test_eight_bits_in_every_opset(act: str, weight: str, opset: int, tmp_path: Path) -> None:
    check(qdq(act, weight, opset), tmp_path / "m.onnx", reals())


@pytest.mark.parametrize("opset", [21, NEWEST])
@pytest.mark.parametrize(
    ("act", "weight"),
    [
        ("int4", "int4"),
        ("uint4", "uint4"),
        ("uint8", "int4"),
        ("int8", "uint4"),
        ("uint16", "int8"), ("int16", "int16"),
    ],
)  # fmt: skip
def test_other_widths(act: str, weight: str, opset: int, tmp_path: Path) -> None:
    check(qdq(act, weight, opset), tmp_path / "m.onnx", reals())


def test_a_free_batch_axis(tmp_path: Path) -> None:
    check(qdq("int8", "int8", 17, batch="N"), tmp_path / "m.onnx", reals())


@pytest.mark.parametrize("act", ["int8", "uint8"])
def test_quantised_inputs_and_outputs(act: str, tmp_path: Path) -> None:
    lo, hi = integer_limits(act) or (0, 0)
    x = RNG.integers(lo, hi + 1, (5, 2, 6, 6)).astype(act)
    check(qdq(act, "int8", 17, quantised_io=True), tmp_path / "m.onnx", x)


def test_dynamic_quantisation_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z"], ["c"]),
        helper.make_node("Cast", ["c"], ["f"], to=1),
        helper.make_node("Mul", ["f", "s"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 6))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
        [tensor("w", "int8", RNG.integers(-9, 9, (6, 4)))],
    )
    imports = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(UnsupportedOperator):
        convert_source(load_source(tmp_path / "m.onnx"))
