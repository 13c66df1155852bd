"""`snnc.quantize`: calibration and fine-tuning, from PyTorch and ONNX, and what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import needs

pytestmark = pytest.mark.torch
torch = needs.module("torch")
from torch import nn  # noqa: E402

import snnc  # noqa: E402
from snnc.converter.sources import load_source  # noqa: E402
from snnc.ir.arrays import Array  # noqa: E402
from snnc.ir.errors import DataError, NothingToQuantize, OutputExists, WrongUsage  # noqa: E402
from snnc.nn import IntegerActivation  # noqa: E402
from tests.runtime.quantize import nets  # noqa: E402

PATHS = ["relu6", "leaky_relu", "slope", "relu", "hardtanh", "clamp"]


@pytest.fixture(scope="module")
def model() -> Any:
    return nets.trained()


@pytest.fixture(scope="module")
def source(model: Any) -> Any:
    return load_source(model, example_inputs=nets.digits()[0].x[:1])


@pytest.fixture(scope="module")
def saved(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "float.pt"
    snnc.save_model(model, nets.digits()[0].x[:1], path, input=(0, 16))
    return path


@pytest.fixture(scope="module")
def onnx_file(source: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("onnx") / "float.onnx"
    path.write_bytes(source.onnx.SerializeToString())
    return path


def outputs(module: Any, x: Array) -> Array:
    with torch.no_grad():
        return np.concatenate([module(torch.from_numpy(s[None])).numpy() for s in x])


def by_hand(model: Any, found: Any, x: Array) -> Array:
    """The float network with each activation's value cut to its step, by patched functions."""
    steps = {layer.name: layer for layer in found.layers}

    def cut(name: str, value: Any) -> Any:
        layer = steps[name]
        step = torch.tensor(layer.step, dtype=torch.float32)
        return torch.round(torch.clamp(value / step, layer.lo, layer.levels)) * step

    f = torch.nn.functional
    with torch.no_grad():
        v = cut("relu6", f.relu6(model.bn1(model.conv1(torch.from_numpy(x)))))
        v = cut("leaky_relu", f.leaky_relu(model.bn2(model.conv2(v)), 0.1))
        v = f.max_pool2d(v, 2)
        v = cut("relu", f.relu(cut("slope", model.slope(model.conv3(v))) + v))
        w = cut("hardtanh", f.hardtanh(model.conv4(v), -0.5, 0.5))[:, :, ::2, ::2]
        v = torch.cat([f.avg_pool2d(v, 2), w], 1).flatten(1)
        return model.fc2(cut("clamp", torch.clamp(model.fc1(v), min=0))).numpy()


def test_the_network_is_the_float_one_with_values_on_steps(model: Any, source: Any) -> None:
    data, test = nets.digits()
    found = snnc.quantize(source, data, levels=5, test=test)
    assert [layer.name for layer in found.layers] == PATHS
    assert [layer.lo < 0 for layer in found.layers] == [False, True, True, False, True, False]
    assert {layer.levels for layer in found.layers} == {5}
    np.testing.assert_allclose(
        outputs(found.model, test.x[:10]), by_hand(model, found, test.x[:10]), atol=1e-4
    )
    assert found.accuracy_before is not None
    assert found.accuracy_after is not None
    assert found.accuracy_before > 0.9
    assert found.accuracy_after > 0.85
    assert found.accuracy_calibrated == found.accuracy_after


def test_onnx_and_pytorch_give_the_same(source: Any, onnx_file: Path) -> None:
    data = nets.digits()[0].limit(60)
    torch_form = snnc.quantize(source, data, bits=3, per_channel=True)
    onnx_form = snnc.quantize(onnx_file, data, bits=3, per_channel=True)
    kept = ("levels", "lo", "step", "n_steps", "clipped_share", "sqnr_db")
    for a, b in zip(torch_form.layers, onnx_form.layers, strict=True):
        assert [getattr(a, k) for k in kept] == [getattr(b, k) for k in kept]
        assert a.relative_error == pytest.approx(b.relative_error, rel=1e-2)
    assert {layer.levels for layer in onnx_form.layers} == {7}
    assert [layer.n_steps for layer in onnx_form.layers] == [4, 8, 8, 8, 8, 16]


@pytest.mark.parametrize("per_channel", [pytest.param(False, marks=pytest.mark.slow), True])
def test_what_is_written_converts_and_verifies(
    saved: Path, per_channel: bool, tmp_path: Path
) -> None:
    data, test = nets.digits()
    path = tmp_path / "integer.pt"
    found = snnc.quantize(saved, data.limit(60), levels=5, per_channel=per_channel, output=path)
    conversion = snnc.convert(path)
    levels = {name: d for name, d in conversion.summary.levels.items() if name != "x"}
    assert levels == dict.fromkeys([*PATHS, "max_pool2d"], 5)
    assert found.input_grid == snnc.InputGrid(0, 16)
    result = snnc.verify(path, conversion.model, test.limit(20)).to_json()
    assert result["ok"], result
    assert result["n_mismatches"] == 0


def test_an_onnx_file_keeps_its_input_grid(onnx_file: Path, tmp_path: Path) -> None:
    data, test = nets.digits()
    path = tmp_path / "integer.onnx"
    found = snnc.quantize(onnx_file, data.limit(60), levels=5, output=path, input_bits=5)
    (declared,) = load_source(path).inputs
    assert declared.grid == found.input_grid == snnc.InputGrid.over_range(0.0, 16.0, 5)
    conversion = snnc.convert(path)
    result = snnc.verify(path, conversion.model, test.limit(20)).to_json()
    assert result["ok"], result
    assert result["n_mismatches"] == 0
    assert not conversion.to_json()["host_ops"]


def test_fine_tuning_helps_and_repeats(model: Any) -> None:
    data, test = nets.digits()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    source = load_source(model, example_inputs=data.x[:1])
    runs = [snnc.quantize(source, data, levels=1, finetune=6, lr=5e-3, test=test) for _ in range(2)]
    first, second = runs
    assert len(first.losses) == 6
    assert first.losses[-1] < first.losses[0]
    assert first.losses == second.losses
    a, b = (dict(r.model.named_parameters()) for r in runs)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert first.accuracy_calibrated is not None
    assert first.accuracy_after is not None
    assert first.accuracy_after > first.accuracy_calibrated + 0.1
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_the_module_at_hand_is_a_source() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    x = np.random.default_rng(0).normal(size=(20, 6))
    found = snnc.quantize(net, x, levels=3)
    assert [type(m) for m in found.model.modules() if isinstance(m, IntegerActivation)]
    assert found.accuracy_before is None
    assert found.agreement is not None
    assert found.n_samples == 20


def test_errors_have_names(source: Any, onnx_file: Path, tmp_path: Path) -> None:
    data = nets.digits()[0].limit(8)
    there = tmp_path / "there.pt"
    there.touch()
    cases: list[tuple[type[Exception], dict[str, Any]]] = [
        (WrongUsage, {"levels": 3, "bits": 2}),
        (WrongUsage, {"levels": 0}),
        (WrongUsage, {"method": "median"}),
        (WrongUsage, {"percentile": 99.0}),
        (WrongUsage, {"lr": 0.1}),
        (WrongUsage, {"output": tmp_path / "model.onnx"}),
        (OutputExists, {"output": there}),
    ]
    for error, options in cases:
        with pytest.raises(error):
            snnc.quantize(source, data, **options)
    with pytest.raises(WrongUsage, match="PyTorch"):
        snnc.quantize(onnx_file, data, finetune=1)
    with pytest.raises(DataError, match="labels"):
        snnc.quantize(source, replace(data, y=None), finetune=1)
    with pytest.raises(DataError, match="shape"):
        snnc.quantize(source, data.x[:, :, :4])
    integer = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), IntegerActivation(3))
    with pytest.raises(NothingToQuantize):
        snnc.quantize(integer, data)
    assert sorted(tmp_path.iterdir()) == [there]


def test_raw_data_go_through_the_preparation(source: Any, tmp_path: Path) -> None:
    data, test = (d.limit(30) for d in nets.digits())
    for part, name in ((data, "d.npz"), (test, "t.npz")):
        assert part.y is not None
        np.savez(tmp_path / name, x=part.x[:, 0].astype(np.uint8), y=part.y)  # (N, 8, 8)
    (tmp_path / "p.toml").write_text('[image]\nmode = "L"\nscale = 0.5\n')
    raw = snnc.quantize(
        source, tmp_path / "d.npz", test=tmp_path / "t.npz", prepare=tmp_path / "p.toml"
    )
    halved = [replace(d, x=d.x * np.float32(0.5)) for d in (data, test)]
    by_arrays = snnc.quantize(source, halved[0], test=halved[1])
    assert raw.layers == by_arrays.layers
    assert raw.input_grid == by_arrays.input_grid == snnc.InputGrid.over_range(0.0, 8.0, 8)
    assert raw.accuracy_after == by_arrays.accuracy_after
    with pytest.raises(DataError, match="a sample has shape"):
        snnc.quantize(source, tmp_path / "d.npz")
