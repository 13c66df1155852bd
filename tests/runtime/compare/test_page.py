"""The page of a comparison in a real Chromium: its numbers are the JSON's, and it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import snnc
from tests.browser import Browser, chromium
from tests.runtime.compare.reports import true_report
from tests.runtime.report.pages import check_alone, check_numbers, check_shown, choose, text

HOSTILE = "</script><b>x & 'y'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page and a `.json` of three reports, one of them inexact, on two chips."""
    folder = tmp_path_factory.mktemp("compared")
    given = []
    for index, (model, code) in enumerate((("a", "burst"), ("a", "rate"), (HOSTILE, "burst"))):
        value = true_report() | {"model": model, "code": code}
        value["accuracy"] = 0.5 + index / 10
        chip = json.loads(json.dumps(value["energy"]["45nm"]))
        chip["picojoule"] *= 10 - index
        chip["picojoule_high"] = 2 * chip["picojoule"]
        chip["hardware"]["title"] = HOSTILE
        value["energy"]["other"] = chip
        given.append(value)
    snnc.compare(given, output=[folder / "c.html", folder / "c.json"])
    return folder


def test_every_number_is_the_jsons(browser: Browser, files: Path) -> None:
    value = json.loads((files / "c.json").read_text())
    browser.open(files / "c.html")
    paths = set()
    for chip in ("45nm", "other"):
        choose(browser, "#energy select", chip)
        for metric in ("energy", "mean_count", "spikes", "synaptic_events", "n_dead"):
            choose(browser, "#layers select", metric)
            paths |= check_numbers(browser, value)
    check_shown(
        paths,
        *(["points", i, key] for i in range(3) for key in ("accuracy", "n_ticks", "spikes")),
        *(["points", i, "picojoule", chip] for i in range(3) for chip in ("45nm", "other")),
        ["points", 0, "accuracy_low"], ["points", 2, "baseline", "float"],
        ["points", 1, "layers", "hidden", "mean_count"],
        ["points", 1, "layers", "hidden", "picojoule", "45nm"],
        ["chips", "45nm", "figures", 0, "picojoule"],
    )  # fmt: skip
    check_alone(browser)


def test_it_follows_the_hardware_and_marks_what_is_inexact(browser: Browser, files: Path) -> None:
    browser.open(files / "c.html")
    value = json.loads((files / "c.json").read_text())
    starred = (
        "[...document.querySelectorAll('#points tbody td:first-child')].map((c) => c.innerText)"
        ".filter((t) => t.endsWith(' *')).map((t) => t.slice(0, -2).replace(' (inexact)', ''))"
    )
    for chip in ("45nm", "other"):
        assert browser.run(starred) == value["pareto"][chip]
        browser.press("h")
    assert "a, rate (inexact)" in text(browser, "#points")
    assert browser.run("document.querySelectorAll('#pareto circle').length") == 3
    assert browser.run("document.querySelectorAll('#pareto circle[tabindex]').length") == 3
    nameless = browser.run(
        "[...document.querySelectorAll('button, select, input, canvas, svg.plot, circle')].filter("
        "(e) => !(e.textContent || e.labels?.[0]?.innerText || e.getAttribute('aria-label')))"
        ".length"
    )
    assert nameless == 0


def test_light_dark_narrow_and_print(browser: Browser, files: Path, tmp_path: Path) -> None:
    shots = Path(os.environ.get("SNNC_SCREENSHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    browser.open(files / "c.html", dark=True)
    background = "getComputedStyle(document.body).backgroundColor"
    assert browser.run(background) == "rgb(18, 22, 28)"
    browser.press("t")
    assert browser.run(background) == "rgb(255, 255, 255)"
    browser.screenshot(shots / "comparison.png")
    browser.open(files / "c.html", width=390, height=844)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    browser.pdf(shots / "comparison.pdf")
    assert (shots / "comparison.pdf").read_bytes().startswith(b"%PDF")
    assert browser.problems == []
