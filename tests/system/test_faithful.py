"""Promise 1 on real images: every activation of the sources, layer by layer."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.ir.arrays import Array
from snnc.runtime.verify import Verification
from tests.needs import data_file
from tests.system import ai8x

pytestmark = [pytest.mark.torch]
ROOT = Path(__file__).resolve().parents[2]


def verified(source: Path, model: Path, x: Array) -> Verification:
    result = snnc.verify(source, model, x, engine=("event", "dense"))
    assert isinstance(result, Verification)
    summary = result.to_json()
    assert summary["n_samples"] == len(x) == 200
    assert summary["n_mismatches"] == 0
    assert summary["n_activations"] > 200 * 1000
    # at most one in 10^4 may lie within float32 rounding of a threshold
    assert summary["n_near_threshold"] <= summary["n_activations"] // 10_000
    assert result.ok
    return result


@pytest.mark.data
def test_mnist_net(tmp_path: Path) -> None:
    with np.load(data_file("images/mnist_t10k.npz")) as archive:
        x, y = archive["x"][:, None], archive["y"]
    source, model = ROOT / "examples" / "mnist" / "model.pt", tmp_path / "m.snnc"
    conversion = snnc.convert(source, output=model)
    assert set(conversion.summary.levels.values()) == {4}
    verified(source, model, x[:200])
    right = int(np.count_nonzero(snnc.run(model, x, engine="dense").predictions == y))
    assert right >= 9850


@pytest.mark.data
@pytest.mark.parametrize("name", ai8x.ACCURACY)
def test_ai8x_nets(ai8x_model: Callable[[str], tuple[Path, Path]], name: str) -> None:
    source, model = ai8x_model(name)
    x, _ = ai8x.load_images(200)
    rounding = verified(source, model, x.astype(np.float32)).to_json()["rounding"]
    # int8 weights and power-of-two scales: the integer form loses nothing at all
    assert rounding["n_changed"] == 0
    assert rounding["largest_output_difference"] == 0


def test_demo_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's network, trained here for one seed."""
    import torch

    monkeypatch.syspath_prepend(str(ROOT / "examples" / "digits"))
    monkeypatch.delitem(sys.modules, "train", raising=False)
    digits = importlib.import_module("train")

    x_train, x_test, y_train, y_test = digits.split()
    net = digits.train(torch.from_numpy(x_train), torch.from_numpy(y_train), 0)
    source, model = tmp_path / "model.pt", tmp_path / "m.snnc"
    snnc.save_model(net, x_test[:1], source, input=snnc.InputGrid(0, 16))
    snnc.convert(source, output=model)
    verified(source, model, x_test[:200])
    result = snnc.run(model, x_test, engine="dense")
    assert result.predictions is not None
    assert np.mean(result.predictions == y_test) > 0.95
