"""MLPerf Tiny's int8 models, QDQ and QOperator: the integers of exact arithmetic, every one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc
from snnc.backends.registry import get_engine
from snnc.converter.convert import convert_source
from snnc.converter.sources import load_source
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.runtime.verify.exact import ExactRunner
from tests.needs import data_file

FOLDER = "models/onnx_int8"


def keywords() -> tuple[Array, Array]:
    """The MFCCs as the float input that the model quantises again."""
    z = np.load(data_file("audio/kws01_mfcc_int8.npz"))
    x = (z["x"].astype(np.float32) - np.float32(z["zero_point"])) * np.float32(z["scale"])
    return x.reshape(-1, 1, 49, 10), z["y"]


def images() -> tuple[Array, Array]:
    z = np.load(data_file("images/cifar10_lossless100.npz"))
    return z["x"].transpose(0, 3, 1, 2).astype(np.float32), z["y"]


def noise(*shape: int, low: float, high: float) -> Array:
    return np.random.default_rng(3).uniform(low, high, (6, *shape)).astype(np.float32)


NAMES = {
    "kws_dscnn_int8_qdq": lambda: keywords()[0],
    "kws_dscnn_int8_qoperator": lambda: keywords()[0],
    "resnet8_int8_qdq": lambda: images()[0],
    "resnet8_int8_qoperator": lambda: images()[0],
    "ad01_int8_qdq": lambda: noise(640, low=-5, high=5),
    "vww96_int8_qdq": lambda: noise(3, 96, 96, low=-1, high=1),
}


def counts_of(graph: Graph, values: dict[str, Array]) -> dict[str, Array]:
    """What the reference has for every population that fires, in counts."""
    found = {}
    for node in graph.populations:
        if node.source_tensor in values and node.model.emits == "count":
            real = values[node.source_tensor].astype(np.float64).reshape(node.shape)
            found[node.name] = np.rint(real / node.step_map()).astype(np.int64).reshape(node.shape)
    return found


SLOW = frozenset({"vww96_int8_qdq", "kws_dscnn_int8_qdq"})
MODELS = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in NAMES]


@pytest.mark.parametrize("name", MODELS)
def test_every_integer_is_that_of_exact_arithmetic(name: str) -> None:
    source = load_source(data_file(f"{FOLDER}/mlperf_tiny_{name}.onnx"))
    converted = convert_source(source)
    graph = converted.integer_graph
    assert not graph.host_ops
    x = NAMES[name]()[:1]
    node = graph.inputs[0]
    step = np.float32(node.step)
    counts = np.clip(np.rint(x / step), node.lo, node.hi).astype(np.int64)
    tensors = [n.source_tensor for n in graph.populations if n.source_tensor]
    runner = ExactRunner(source.onnx, tensors)
    result = get_engine("dense").prepare(graph, RunSettings()).run({node.name: counts[:, None]})
    for sample in range(len(x)):
        reference = counts_of(graph, runner.run({node.name: x[sample : sample + 1]}))
        assert len(reference) == len(list(graph.populations))
        for population, expected in reference.items():
            np.testing.assert_array_equal(result.counts[population][sample, 0], expected)


FULL = [
    ("kws_dscnn_int8_qdq", keywords, 1000, 0.902),
    ("kws_dscnn_int8_qoperator", keywords, 1000, 0.902),
    ("resnet8_int8_qdq", images, 100, 0.86),
    ("resnet8_int8_qoperator", images, 100, 0.86),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "data", "n", "accuracy"), FULL)
def test_accuracy_and_integers_on_all_data(
    name: str, data: Any, n: int, accuracy: float, tmp_path: Path
) -> None:
    x, y = data()
    np.savez(tmp_path / "d.npz", x=x[:n], y=y[:n])
    path = data_file(f"{FOLDER}/mlperf_tiny_{name}.onnx")
    snnc.convert(path, output=tmp_path / "m.snnc")
    found = snnc.verify(path, tmp_path / "m.snnc", data=tmp_path / "d.npz").to_json()
    assert found["ok"]
    assert found["source"] == "exact quantised arithmetic"
    assert found["rounding"]["n_changed"] == 0
    assert found["rounding"]["accuracy"] == accuracy


@pytest.mark.slow
def test_the_binary_mnist_net_of_qonnx(tmp_path: Path) -> None:
    z = np.load(data_file("images/mnist_t10k.npz"))
    x = z["x"][:, None].astype(np.float32) / np.float32(255)
    np.savez(tmp_path / "d.npz", x=x, y=z["y"])
    path = data_file("models/qonnx/TFC_1W1A.onnx")
    grid: dict[str, Any] = {"input_range": (0.0, 1.0), "input_bits": 8}
    snnc.convert(path, output=tmp_path / "m.snnc", **grid)
    run = snnc.run(tmp_path / "m.snnc", data=tmp_path / "d.npz", engine="dense")
    assert run.to_json()["accuracy"] == 0.9296
    assert snnc.verify(path, tmp_path / "m.snnc", data=tmp_path / "d.npz", limit=500, **grid).ok
