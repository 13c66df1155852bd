"""Conversions that several tests share, made once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import snnc
from snnc.runtime.convert import Conversion
from tests.system import ai8x, models


@pytest.fixture(scope="session")
def convert_case(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Conversion]:
    """Convert a case of `models` by name, from the file that `snnc.save_model` wrote."""
    folder = tmp_path_factory.mktemp("cases")
    cases = {case.name: case for case in models.CASES}

    @cache
    def convert(name: str) -> Conversion:
        import torch

        path = folder / "model.pt"
        example = torch.zeros(1, 1, 8, 8)
        snnc.save_model(models.build(cases[name]), example, path, input=snnc.InputGrid(0, 16))
        conversion: Conversion = snnc.convert(path)
        return conversion

    return convert


@pytest.fixture(scope="session")
def ai8x_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """An ai8x net saved and converted: paths of the source and of the `.snnc`."""
    folder = tmp_path_factory.mktemp("ai8x")

    @cache
    def convert(name: str) -> tuple[Path, Path]:
        import torch

        net = ai8x.Net(ai8x.load_weights(name)).eval()
        source, model = folder / f"{name}.pt", folder / f"{name}.snnc"
        grid = snnc.InputGrid(-128, 127)
        snnc.save_model(net, torch.zeros(1, 1, 28, 28), source, input=grid)
        snnc.convert(source, output=model)
        return source, model

    return convert
