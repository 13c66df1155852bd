"""A float network made without training: random features of digits, a read-out by least squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from snnc.ir.arrays import Array, IntArray
from snnc.runtime.data import DataSet, load_data

N_HIDDEN = 24


def data() -> tuple[DataSet, DataSet]:
    """200 samples to fit and calibrate, 60 others."""
    train, test = load_data("digits-train", (64,)), load_data("digits-test", (64,))
    return train.limit(200), test.limit(60)


def weights() -> tuple[Array, Array]:
    train, _ = data()
    assert train.y is not None
    first = np.random.default_rng(0).normal(size=(64, N_HIDDEN)).astype(np.float32) / 16
    hidden = np.maximum(train.x @ first, 0)
    second = np.linalg.lstsq(hidden, np.eye(10)[train.y], rcond=None)[0].astype(np.float32)
    return first, second


def save_network(folder: Path) -> Path:
    """x (1, 64) → Gemm → ReLU → Gemm, as ONNX."""
    first, second = weights()
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"], name="hidden"),
        helper.make_node("Relu", ["h"], ["a"], name="act"),
        helper.make_node("MatMul", ["a", "w2"], ["y"], name="head"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 64))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 10))],
        [numpy_helper.from_array(first, "w1"), numpy_helper.from_array(second, "w2")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def right() -> IntArray:
    """Which test samples the float network gets right, by numpy."""
    first, second = weights()
    _, test = data()
    found: IntArray = (np.maximum(test.x @ first, 0) @ second).argmax(1) == test.y
    return found


def save_data(folder: Path) -> tuple[Path, Path]:
    """Both sets as files."""
    paths = folder / "train.npz", folder / "test.npz"
    for path, part in zip(paths, data(), strict=True):
        assert part.y is not None
        np.savez(path, x=part.x, y=part.y)
    return paths
