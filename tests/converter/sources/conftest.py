"""A small network, at hand and saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from snnc.converter.sources import InputGrid
from snnc.converter.sources.save import save_model
from tests.converter.sources.nets import ConvNet, conv_net

SHAPE = (1, 1, 8, 8)


@pytest.fixture(scope="module")
def net() -> ConvNet:
    return conv_net()


@pytest.fixture(scope="module")
def saved(net: ConvNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "digits.pt"
    save_model(net, torch.zeros(5, 1, 8, 8), path, input=InputGrid(0, 16))
    return path
