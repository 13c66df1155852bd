"""Pictures of traces: populations stacked without overlap, files whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnc.ir.errors import NotExecutable, OutputExists, WrongUsage
from snnc.runtime.trace import TraceResult, trace
from snnc.runtime.trace_plots import PLOT_KINDS, offsets, write_plot
from tests import needs
from tests.runtime.models import make_file, samples, save_model

SIZES = {"x": 6, "hidden": 5, "scores": 3}
GRAPH = make_file().integer_graph


@pytest.fixture
def traced(tmp_path: Path) -> TraceResult:
    x, _ = samples()
    model = save_model(tmp_path)
    return trace(model, x, sample=1, code="burst", membranes=True, ticks=(1, None))


def test_populations_do_not_overlap() -> None:
    found = offsets(SIZES)
    assert found == {"x": 0, "hidden": 7, "scores": 13}


@pytest.mark.parametrize("kind", PLOT_KINDS)
@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "html"])
def test_files(tmp_path: Path, traced: TraceResult, suffix: str, kind: str) -> None:
    if suffix != "html":
        needs.module("matplotlib")
    path = tmp_path / f"r.{suffix}"
    write_plot(path, traced, GRAPH, kind)  # type: ignore[arg-type]
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "html": b"<!doc"}[suffix]
    assert path.read_bytes().startswith(begins)
    assert path.stat().st_size > 5_000
    with pytest.raises(OutputExists):
        write_plot(path, traced, GRAPH)


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    found = trace(save_model(tmp_path), samples()[0], sample=1)
    with pytest.raises(WrongUsage):
        write_plot(tmp_path / "r.bmp", found, GRAPH)
    with pytest.raises(NotExecutable, match="no membranes"):
        write_plot(tmp_path / "r.png", found, GRAPH, "membrane")
    assert not (tmp_path / "r.png").exists()
