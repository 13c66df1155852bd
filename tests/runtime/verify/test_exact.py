"""Quantised operators in exact arithmetic, against fractions and against PyTorch in float64."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from snnc.converter.convert import convert_source
from snnc.converter.sources import load_source
from snnc.converter.sources.quantised import is_quantised
from snnc.ir.arrays import Array
from snnc.runtime.verify import verify
from snnc.runtime.verify.exact import ExactRunner
from snnc.runtime.verify.windows import convolve
from tests.runtime.verify.graphs import Case

RNG = np.random.default_rng(11)
W = RNG.integers(-128, 128, (4, 6)).astype(np.int8)
B = RNG.integers(-3000, 3000, 4).astype(np.int32)
S_IN, S_OUT = np.float32(0.037), np.float32(0.91)
S_W = np.array([0.0131, 0.02, 0.0077, 0.0303], np.float32)
Z_IN, Z_OUT = np.uint8(3), np.uint8(7)


def qdq_model() -> onnx.ModelProto:
    """x → Q → DQ → Gemm with weights by channel → Relu → Q → DQ."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "si", "zi"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "si", "zi"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["dw"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "sb", "zb"], ["db"], axis=0),
        helper.make_node("Gemm", ["d", "dw", "db"], ["g"], transB=1),
        helper.make_node("Relu", ["g"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "so", "zo"], ["k"]),
        helper.make_node("DequantizeLinear", ["k", "so", "zo"], ["y"]),
    ]
    constants: dict[str, Array] = {
        "si": np.array(S_IN), "zi": np.array(Z_IN), "so": np.array(S_OUT), "zo": np.array(Z_OUT),
        "w": W, "sw": S_W, "zw": np.zeros(4, np.int8),
        "b": B, "sb": S_W * S_IN, "zb": np.zeros(4, np.int32),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 6))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def by_fractions(q: Array) -> list[int]:
    """What the operators mean: sums of integers, then QuantizeLinear's own float32."""
    counts = []
    for c in range(4):
        step = Fraction(float(S_IN)) * Fraction(float(S_W[c]))
        total = sum(int(W[c, j]) * (int(q[j]) - int(Z_IN)) for j in range(6)) * step
        total += int(B[c]) * step
        real = np.float32(float(max(total, Fraction(0))))
        counts.append(int(np.clip(np.rint(real / S_OUT) + Z_OUT, 0, 255)))
    return counts


def test_counts_equal_exact_fractions() -> None:
    runner = ExactRunner(onnx.shape_inference.infer_shapes(qdq_model()), ["k", "q"])
    for _ in range(200):
        x = RNG.uniform(-0.2, 9.6, (1, 6)).astype(np.float32)
        values = runner.run({"x": x})
        q = np.clip(np.rint(x[0] / S_IN) + Z_IN, 0, 255)
        assert values["q"].tolist() == [q.tolist()]
        assert values["k"].tolist() == [by_fractions(q)]


def test_a_quantised_source_is_compared_with_exact_arithmetic(tmp_path: Path) -> None:
    assert is_quantised(qdq_model())
    path = tmp_path / "q.onnx"
    onnx.save(qdq_model(), path)
    source = load_source(path)
    x = RNG.uniform(-0.2, 9.6, (300, 6)).astype(np.float32)
    model = Case(source, convert_source(source), x).model()
    result = verify(source, model, x)
    assert result.source == "exact quantised arithmetic"
    assert result.ok
    assert result.n_near_threshold == 0


@pytest.mark.parametrize(
    ("groups", "stride", "dilation", "pads"),
    [
        (1, [1, 1], [1, 1], [0, 0, 0, 0]),
        (2, [2, 1], [1, 2], [1, 0, 2, 1]),
        (4, [1, 3], [2, 1], [2, 2, 2, 2]),
    ],
)
def test_convolution_equals_pytorch(
    groups: int, stride: list[int], dilation: list[int], pads: list[int]
) -> None:
    x = RNG.integers(-9, 9, (2, 4, 9, 8)).astype(np.float64)
    w = RNG.integers(-9, 9, (8, 4 // groups, 3, 2)).astype(np.float64)
    b = RNG.integers(-9, 9, 8).astype(np.float64)
    node = helper.make_node(
        "Conv", ["x", "w", "b"], ["y"], group=groups, strides=stride, dilations=dilation, pads=pads
    )
    ours = convolve(node, x, w) + b.reshape(-1, 1, 1)
    top, left, bottom, right = pads
    padded = torch.nn.functional.pad(torch.from_numpy(x), (left, right, top, bottom))
    expected = torch.nn.functional.conv2d(
        padded, torch.from_numpy(w), torch.from_numpy(b), stride, 0, dilation, groups
    )
    assert np.array_equal(ours, expected.numpy())


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding_equals_onnx_runtime(mode: str) -> None:
    import onnxruntime as ort

    x = RNG.integers(-9, 9, (1, 2, 7, 6)).astype(np.float32)
    w = RNG.integers(-9, 9, (3, 2, 3, 2)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], auto_pad=mode, strides=[2, 2])],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("x", "w")],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    ours = convolve(graph.node[0], x.astype(np.float64), w.astype(np.float64))
    session = ort.InferenceSession(model.SerializeToString())
    assert np.array_equal(ours, session.run(None, {"x": x, "w": w})[0])
