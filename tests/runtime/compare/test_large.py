"""A comparison of networks of ten thousand layers opens, and answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import snnc
from tests.browser import chromium
from tests.runtime.compare.reports import true_report

pytestmark = pytest.mark.slow
LAYERS = 10_000


def large(model: str) -> dict[str, Any]:
    """The small report with its second layer ten thousand times."""
    value = true_report() | {"model": model}
    names = [f"{model}.{i}.attention.query" for i in range(LAYERS)]
    value["by_population"] = dict.fromkeys(names, value["by_population"]["hidden"])
    energy = value["energy"]["45nm"]
    energy["by_layer_figure"] = dict.fromkeys(names, energy["by_layer_figure"]["hidden"])
    return value


def test_it_opens_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    snnc.compare([large("a"), large("a"), large("b")], output=[path])
    assert path.stat().st_size < 5_000_000
    with chromium() as browser:
        begin = time.monotonic()
        browser.open(path)
        assert browser.problems == []
        assert time.monotonic() - begin < 30  # on a busy machine; 2 on a quiet one
        rows = "document.querySelectorAll('#layers tbody tr').length"
        assert browser.run(rows) == 100
        browser.run("document.querySelector('#layers p button').click()")
        assert browser.run(rows) == 1000
        browser.press("h")
        assert browser.problems == []
