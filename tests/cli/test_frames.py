"""A model with state from file to verification on the command line, over several frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from snnc import InputGrid, save_model
from snnc.nn import LIF
from tests.cli.helpers import snnc

pytestmark = pytest.mark.torch


def test_a_saved_model_over_frames(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, lif = nn.Linear(6, 8), LIF(0.75)
    net = nn.Sequential(first, lif, nn.Linear(8, 3)).eval()
    with torch.no_grad():
        first.weight.mul_(4)
    source, model, data = (tmp_path / name for name in ("net.pt", "net.snnc", "data.npz"))
    grid = InputGrid.over_range(-3.0, 3.0, 8)
    save_model(net, torch.zeros(1, 6), source, input=grid, frames=5, reduce="mean")
    x = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    np.savez(data, x=x)
    assert snnc("convert", source, "-o", model, "--json").code == 0
    written = tmp_path / "outputs.npz"
    ran = snnc("run", model, "--data", data, "--engine", "dense", "-o", written, "--json")
    assert ran.json["n_frames"] == 5
    with np.load(written) as outputs, torch.no_grad():
        lif.reset()
        expected = torch.stack([net(torch.from_numpy(x[:, t])) for t in range(5)]).mean(0)
        assert outputs["outputs"].shape == (4, 3)
        assert np.abs(outputs["outputs"] - expected.numpy()).max() < 0.1
    found = snnc("verify", source, model, "--data", data, "--json")
    assert found.json["ok"]
    assert found.json["n_frames"] == 5
    assert any("holds no code of its spiking modules" in note for note in found.json["notes"])
    again = snnc("verify", source, model, "--data", data, "--frames", "3", "--json")
    assert again.code == 1
    assert "contradicts the file" in again.json["error"]["what"]
