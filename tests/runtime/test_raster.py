"""Raster plots: populations stacked without overlap, files whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnc.ir.errors import OutputExists, WrongUsage
from snnc.runtime.raster import offsets, write_raster
from snnc.runtime.trace import TraceResult, trace
from tests import needs
from tests.runtime.models import samples, save_model

SIZES = {"x": 6, "hidden": 5, "scores": 3}


@pytest.fixture
def traced(tmp_path: Path) -> TraceResult:
    return trace(save_model(tmp_path), samples()[0], sample=1, code="burst")


def test_populations_do_not_overlap() -> None:
    found = offsets(SIZES)
    assert found == {"x": 0, "hidden": 7, "scores": 13}


@pytest.mark.parametrize(("suffix", "module"), [("png", "matplotlib"), ("html", "plotly")])
def test_files(tmp_path: Path, traced: TraceResult, suffix: str, module: str) -> None:
    needs.module(module)
    path = tmp_path / f"r.{suffix}"
    write_raster(path, traced, SIZES)
    assert path.stat().st_size > 5_000
    with pytest.raises(OutputExists):
        write_raster(path, traced, SIZES)


def test_other_suffix(tmp_path: Path, traced: TraceResult) -> None:
    with pytest.raises(WrongUsage):
        write_raster(tmp_path / "r.pdf", traced, SIZES)
