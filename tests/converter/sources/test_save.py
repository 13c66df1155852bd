"""`snnc.save_model`: one line, safe, atomic."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from snnc.converter.sources import InputGrid, load_source
from snnc.converter.sources.save import save_model
from snnc.ir.errors import DataError, ShapeMismatch

pytestmark = pytest.mark.torch


class Two(nn.Module):
    """Two inputs, the second one integer."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.round(a) + b.float()


@pytest.mark.parametrize(
    ("declared", "grid"),
    [
        (None, None),
        ((0, 16), InputGrid(0, 16)),
        (InputGrid(-1, 6, 0.5), InputGrid(-1, 6, 0.5)),
        (InputGrid.over_range(0.0, 1.0, 8), InputGrid(0, 255, 1 / 255)),
    ],
)
def test_the_grid_travels(tmp_path: Path, declared: Any, grid: InputGrid | None) -> None:
    path = tmp_path / "m.pt"
    save_model(nn.Linear(3, 2).eval(), np.zeros((7, 3), np.float32), path, input=declared)
    assert load_source(path).inputs[0].grid == grid


def test_several_inputs_have_a_list_of_grids(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    examples = (torch.zeros(4, 3), torch.zeros(4, 3, dtype=torch.uint8))
    save_model(Two(), examples, path, input=[(0, 3), None])
    first, second = load_source(path).inputs
    assert first.grid == InputGrid(0, 3)
    assert (second.dtype, second.grid) == ("uint8", InputGrid(0, 255))
    with pytest.raises(DataError, match="3 grids are given for 2 inputs"):
        save_model(Two(), examples, path, input=[(0, 3), None, None])


@pytest.mark.parametrize("bad", [(0.0, 1.0), (0, 1, 2), (True, 3)])
def test_a_pair_must_be_two_integers(tmp_path: Path, bad: Any) -> None:
    with pytest.raises(DataError, match="two integers"):
        save_model(nn.Linear(3, 2), torch.zeros(1, 3), tmp_path / "m.pt", input=bad)


def test_an_example_needs_a_sample(tmp_path: Path) -> None:
    for example in (torch.zeros(0, 3), torch.tensor(1.0)):
        with pytest.raises(ShapeMismatch, match="no sample"):
            save_model(nn.Linear(3, 2), example, tmp_path / "m.pt")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(b"old")
    with pytest.raises(ShapeMismatch):
        save_model(nn.Linear(3, 2), torch.zeros(1, 4), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_holds_a_declaration_and_a_program(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    save_model(nn.Linear(3, 2), torch.zeros(1, 3), path, input=(0, 3))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["snnc-source.json", "program.pt2"]
        declaration = json.loads(archive.read("snnc-source.json"))
    assert declaration["inputs"] == [{"lo": 0, "hi": 3, "step": 1.0, "zero_point": 0}]
    assert declaration["name"] == "Linear"


def test_the_example_does_not_travel(tmp_path: Path) -> None:
    """It is a sample of somebody's data; its shape and type are all that the file tells."""
    path = tmp_path / "m.pt"
    example = torch.full((2, 3), 7.25)
    save_model(nn.Linear(3, 2), example, path)
    with zipfile.ZipFile(path) as archive:
        program = torch.export.load(io.BytesIO(archive.read("program.pt2")))
    (held,), _ = program.example_inputs
    torch.testing.assert_close(held, torch.zeros(1, 3), rtol=0, atol=0)
    assert (example == 7.25).all()
