"""QONNX, FINN and Brevitas operators: written out, run and converted, against their definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snnc.backends.registry import get_engine
from snnc.converter.convert import convert_source
from snnc.converter.sources import SourceOptions, load_source
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import CannotLoad, UnsupportedOperator
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Population
from snnc.runtime.verify import verify
from tests.needs import data_file
from tests.runtime.verify.graphs import Case

RNG = np.random.default_rng(5)
QONNX, FINN, BREVITAS = "qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas"
W = RNG.normal(size=(5, 3, 3, 3)).astype(np.float32)
BIAS = RNG.normal(size=5).astype(np.float32) * np.float32(0.1)


def model(
    op_type: str, domain: str, constants: list[Any], opset: int = 18, **given: Any
) -> onnx.ModelProto:
    """x → Conv → the operator, whose values are y."""
    names = [f"c{i}" for i in range(len(constants))]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"]),
        helper.make_node(op_type, ["h", *names], ["y"], domain=domain, **given),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 6, 5))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5, 4, 3))],
        [
            numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)
            for name, value in (("w", W), *zip(names, constants, strict=True))
        ],
        value_info=[helper.make_tensor_value_info("h", TensorProto.FLOAT, (1, 5, 4, 3))],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(domain, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def saved(proto: onnx.ModelProto, path: Path) -> Path:
    onnx.save(proto, path / "m.onnx")
    return path / "m.onnx"


def pre_activations(x: Array) -> Array:
    graph = model("Quant", QONNX, []).graph
    plain = helper.make_graph(
        [graph.node[0]],
        "g",
        [graph.input[0]],
        [helper.make_tensor_value_info("h", TensorProto.FLOAT, None)],
        [graph.initializer[0]],
    )
    opsets = [helper.make_opsetid("", 18)]
    runner = OnnxRunner(helper.make_model(plain, opset_imports=opsets, ir_version=8))
    return runner.outputs({"x": x})[0]


def quant(h: Array, scale: Any, zero: Any, lo: float, hi: float, rounding: Any) -> Array:
    s, z = np.asarray(scale, np.float32), np.float32(zero)
    return (rounding(np.clip(h / s + z, lo, hi)) - z) * s


def by_channel(*values: float) -> Array:
    return np.array(values, np.float32).reshape(1, -1, 1, 1)


STEPS = by_channel(0.11, 0.2, 0.07, 0.3, 0.25)
CASES: dict[str, tuple[Any, Any]] = {
    "signed": (
        ("Quant", QONNX, [0.11, 0.0, 4.0], {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}),
        lambda h: quant(h, 0.11, 0, -8, 7, np.round),
    ),
    "narrow": (
        ("Quant", QONNX, [STEPS, 0.0, 3.0], {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}),
        lambda h: quant(h, STEPS, 0, -3, 3, np.round),
    ),
    "unsigned": (
        ("Quant", FINN, [0.3, 0.0, 2.0], {"signed": 0, "narrow": 0, "rounding_mode": "FLOOR"}),
        lambda h: quant(h, 0.3, 0, 0, 3, np.floor),
    ),
    "zero-point": (
        ("IntQuant", QONNX, [0.2, 3.0, 4.0], {"signed": 0, "narrow": 1, "rounding_mode": "CEIL"}),
        lambda h: quant(h, 0.2, 3, 0, 14, np.ceil),
    ),
    "one-bit": (
        ("Quant", QONNX, [0.5, 0.0, 1.0], {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}),
        lambda h: np.where(h / np.float32(0.5) >= 0, 1, -1) * np.float32(0.5),
    ),
    "bipolar": (
        ("BipolarQuant", BREVITAS, [0.7], {}),
        lambda h: np.where(h >= 0, 1, -1) * np.float32(0.7),
    ),
    "thresholds": (
        ("MultiThreshold", QONNX, [[[-1.0, -0.4, 0.1, 2.0]]], {"out_dtype": "UINT4"}),
        lambda h: sum((h >= np.float32(t)).astype(np.float32) for t in (-1.0, -0.4, 0.1, 2.0)),
    ),
    "thresholds-by-channel": (
        (
            "MultiThreshold", FINN, [np.arange(15).reshape(5, 3) / 4 - 2],
            {"out_dtype": "INT4", "out_scale": 0.5, "out_bias": -1.0},
        ),
        lambda h: 0.5
        * (h[..., None] >= (np.arange(15).reshape(1, 5, 1, 1, 3) / 4 - 2)).sum(-1) - 1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operators_mean_their_definition_and_convert(name: str, tmp_path: Path) -> None:
    (op_type, domain, constants, given), define = CASES[name]
    source = load_source(
        saved(model(op_type, domain, constants, **given), tmp_path),
        SourceOptions(input_range=(-2.0, 2.0), input_bits=5),
    )
    x = (RNG.integers(-15, 16, (20, 3, 6, 5)) * (4 / 31)).astype(np.float32)
    ours = np.concatenate([OnnxRunner(source.onnx).outputs({"x": each[None]})[0] for each in x])
    expected = np.concatenate([define(pre_activations(each[None])) for each in x])
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6)
    assert ours.std() > 0
    result = verify(source, Case(source, convert_source(source), x).model(), x)
    assert result.ok


def test_thresholds_become_one_population(tmp_path: Path) -> None:
    levels = np.sort(RNG.normal(size=(5, 7)), axis=1)
    source = load_source(
        saved(model("MultiThreshold", FINN, [levels], out_dtype="UINT3"), tmp_path),
        SourceOptions(input_range=(-2.0, 2.0), input_bits=5),
    )
    (node,) = convert_source(source).integer_graph.populations
    assert isinstance(node, Population)
    assert isinstance(node.model, IntegerFire)
    assert node.model.thresholds.shape == (5, 7)


@pytest.mark.parametrize("is_old", [True, False])
def test_trunc(is_old: bool, tmp_path: Path) -> None:
    """A mean over four counts as a sum, its two lowest bits cut off."""
    constants = [0.25, 0.0, 4.0, 2.0] if is_old else [0.25, 0.0, 4.0, 1.0, 0.0, 2.0]
    given: dict[str, Any] = {"rounding_mode": "FLOOR"} | (
        {} if is_old else {"signed": 0, "narrow": 0}
    )
    proto = model("Trunc", QONNX, constants, **given)
    proto.graph.node[0].CopyFrom(
        helper.make_node("AveragePool", ["x"], ["a"], kernel_shape=[2, 2], strides=[1, 2])
    )
    proto.graph.node.insert(1, helper.make_node("Mul", ["a", "four"], ["h"]))
    proto.graph.initializer.append(numpy_helper.from_array(np.array(4, np.float32), "four"))
    del proto.graph.value_info[:]
    proto.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, 5, 2))
    )
    options = SourceOptions(input_range=(0.0, 0.75), input_bits=2)
    source = load_source(saved(proto, tmp_path), options)
    k = RNG.integers(0, 4, (9, 3, 6, 5))
    x = (k * 0.25).astype(np.float32)
    sums = k[:, :, :-1, :-1] + k[:, :, 1:, :-1] + k[:, :, :-1, 1:] + k[:, :, 1:, 1:]
    expected = (sums[..., ::2] // 4) * (0.25 if is_old else 1.0)
    ours = np.concatenate([OnnxRunner(source.onnx).outputs({"x": each[None]})[0] for each in x])
    np.testing.assert_array_equal(ours, expected)
    assert verify(source, Case(source, convert_source(source), x).model(), x).ok


@pytest.mark.parametrize(
    ("op_type", "constants", "given", "said"),
    [
        ("Quant", [0.1, 0.0, 3.5], {}, "bit width"),
        ("Quant", [0.1, 0.0], {}, "takes its bit width"),
        ("Quant", [0.1, 0.0, 3.0], {"rounding_mode": "HALF_UP"}, "HALF_UP"),
        ("MultiThreshold", [[1.0, 2.0]], {}, "thresholds of shape"),
        ("FloatQuant", [0.1], {}, "FloatQuant"),
    ],
)
def test_what_has_no_standard_form(
    op_type: str, constants: list[Any], given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedOperator, match=said):
        load_source(saved(model(op_type, QONNX, constants, **given), tmp_path))


def test_files_before_opset_7_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotLoad, match="opset 6"):
        load_source(saved(model("BipolarQuant", BREVITAS, [0.7], opset=6), tmp_path))


def test_brevitas_binary_mnist(tmp_path: Path) -> None:
    """The published net has its published accuracy: 92.96 % of the first 10,000 test images."""
    path = data_file("models/qonnx/TFC_1W1A.onnx")
    images = np.load(data_file("images/mnist_t10k.npz"))
    x = images["x"][:300, None].astype(np.float32) / np.float32(255)
    source = load_source(path, SourceOptions(input_range=(0.0, 1.0), input_bits=8))
    result = verify(source, Case(source, convert_source(source), x).model(), x)
    assert result.ok
    assert result.rounding["n_changed"] == 0


def brevitas_net(weight_scale: Array) -> onnx.ModelProto:
    """As Brevitas writes it: input, weights, bias and activation each through a Quant."""
    s_x = np.float32(0.0078)
    constants = {
        "sx": s_x, "z": np.float32(0), "b8": np.float32(8), "b4": np.float32(4),
        "b32": np.float32(32), "w": W, "sw": weight_scale,
        "b": BIAS,
        "sb": (s_x * weight_scale).reshape(-1).astype(np.float32), "sr": np.float32(0.059),
    }  # fmt: skip
    signed: dict[str, Any] = {"domain": QONNX, "signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    nodes = [
        helper.make_node("Quant", ["x", "sx", "z", "b8"], ["qx"], **signed),
        helper.make_node("Quant", ["w", "sw", "z", "b4"], ["qw"], **(signed | {"narrow": 1})),
        helper.make_node("Quant", ["b", "sb", "z", "b32"], ["qb"], **signed),
        helper.make_node("Conv", ["qx", "qw", "qb"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Quant", ["r", "sr", "z", "b4"], ["y"], **(signed | {"signed": 0})),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 6, 5))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5, 4, 3))],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(QONNX, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("by_channel_scales", [False, True])
def test_a_brevitas_export_keeps_every_integer(by_channel_scales: bool, tmp_path: Path) -> None:
    """Sums of integers, rounded once; the counts here come from a written-out loop."""
    scales = (0.2 + 0.05 * np.arange(5)).astype(np.float32).reshape(5, 1, 1, 1)
    scale: Array = scales if by_channel_scales else scales[0, 0, 0, 0].reshape(())
    source = load_source(saved(brevitas_net(scale), tmp_path))
    converted = convert_source(source)
    assert not converted.integer_graph.host_ops
    (population,) = converted.integer_graph.populations
    x = RNG.uniform(-1, 1, (30, 3, 6, 5)).astype(np.float32)
    result = verify(source, Case(source, converted, x).model(), x)
    assert result.ok
    assert result.source == "exact quantised arithmetic"
    assert (result.n_near_threshold, result.rounding["n_changed"]) == (0, 0)
    feeds = np.clip(np.rint(x / np.float32(0.0078)), -128, 127).astype(np.int64)
    run = get_engine("dense").prepare(converted.integer_graph, RunSettings())
    counts = run.run({"x": feeds[:, None]}).counts[population.name][:, 0]
    np.testing.assert_array_equal(counts, by_hand(feeds, np.broadcast_to(scale, (5, 1, 1, 1))))


def by_hand(k: Array, scale: Array) -> Array:
    """Integer accumulators of the layer, rounded by its Quant."""
    w = np.clip(np.rint(W / scale), -7, 7).astype(np.int64)
    s_x, s_r = np.float32(0.0078), np.float32(0.059)
    sums = np.zeros((len(k), 5, 4, 3), dtype=np.int64)
    for i in range(3):
        for j in range(3):
            sums += np.einsum("nchw,oc->nohw", k[:, :, i : i + 4, j : j + 3], w[:, :, i, j])
    unit = np.float64(s_x) * scale.astype(np.float64).reshape(1, 5, 1, 1)
    bias = np.rint(BIAS / (s_x * scale).reshape(-1).astype(np.float32)).astype(np.int64)
    real = ((sums + bias.reshape(1, 5, 1, 1)) * unit).astype(np.float32)
    return np.clip(np.rint(np.maximum(real, 0) / s_r), 0, 15).astype(np.int64)
