"""A page of ten thousand populations and a million spikes opens, and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.runtime.data import DataSet
from snnc.runtime.report import report
from snnc.runtime.report.page.build import document
from snnc.runtime.report.page.events import raster
from tests.browser import chromium
from tests.runtime.report.test_page import traced
from tests.runtime.report.test_report import model_of, network

pytestmark = pytest.mark.slow
ROWS, SPIKES = 10_000, 1_000_000


def large() -> tuple[dict[str, Any], dict[str, Any]]:
    """The object of a small report with its second population ten thousand times."""
    x = np.full((1, 1, 4, 4), 2, dtype=np.float32)
    value = report(model_of(network()), DataSet(x=x, y=None, name="x"), engine="oracle").to_json()
    names = ["p", *(f"blocks.{i}.attention.query" for i in range(1, ROWS))]
    row = value["by_population"]["act1"]
    value["by_population"] = dict.fromkeys(names, row)
    link = {**value["by_projection"]["act1>stream"]}
    value["by_projection"] = {
        f"l{i}": {**link, "source": names[i], "target": names[i + 1]} for i in range(ROWS - 1)
    }
    for estimate in value["energy"].values():
        layer = next(iter(estimate["by_layer"].values()))
        estimate["by_layer"] = dict.fromkeys(names, layer)
        estimate["by_layer_figure"] = dict.fromkeys(
            names, next(iter(estimate["by_layer_figure"].values()))
        )
    nodes = [
        {"name": name, "kind": "integer-fire", "shape": [2, 4, 4], "module_path": name,
         "x": i % 100, "y": i // 100}
        for i, name in enumerate(names)
    ]  # fmt: skip
    edges = [
        {"name": f"l{i}", "source": i, "target": i + 1, "frames": 0, "bends": []}
        for i in range(ROWS - 1)
    ]
    drawn = raster(traced(SPIKES, n_ticks=2000, size=5000), {"p": 5000})
    assert len(drawn["populations"][0]["tick"]) == SPIKES  # every one, not in bins
    pictures = {
        "network": {"nodes": nodes, "edges": edges}, "raster": drawn, "membranes": {},
        "cores": None, "mean_counts": None,
    }  # fmt: skip
    return value, pictures


def test_it_opens_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    path.write_text(document("large", *large()))
    assert path.stat().st_size < 5_000_000
    with chromium() as browser:
        browser.open(path)
        assert browser.problems == []
        assert browser.run("document.querySelectorAll('#layers tbody tr').length") == 100
        browser.run("document.querySelector('#layers p button').click()")
        assert browser.run("document.querySelectorAll('#layers tbody tr').length") == 1000
        browser.run("document.querySelector('#raster-canvas').focus()")
        browser.run("document.querySelector('#raster-canvas').scrollIntoView()")
        seconds = browser.run(
            "(() => { const c = document.querySelector('#raster-canvas');"
            "const start = performance.now(); c.paint(); return performance.now() - start; })()"
        )
        assert seconds < 2000  # milliseconds, on a busy machine; 60 on a quiet one
        browser.press("+")
        assert browser.problems == []
        shown = "document.querySelector('#raster-canvas').getContext('2d').getImageData("
        painted = browser.run(f"new Set({shown}200, 100, 300, 1).data).size")
        assert painted > 2
