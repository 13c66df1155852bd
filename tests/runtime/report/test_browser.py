"""The page in a real Chromium: no complaints, its numbers are those of the JSON, and it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from snnc.runtime.data import DataSet
from snnc.runtime.report import report
from snnc.runtime.trace import trace
from tests.browser import Browser, chromium
from tests.close import close
from tests.runtime.report.pages import check_alone, check_numbers, check_shown, choose, text
from tests.runtime.report.test_report import HOSTILE, model_of, network


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    x = np.random.default_rng(1).integers(0, 5, size=(6, 1, 4, 4)).astype(np.float32)
    verification = {
        "ok": True, "n_samples": 6, "n_activations": 77_777, "n_mismatches": 0, "seconds": 1.25,
        "rounding": {"changed_share": 0.02848, "source_accuracy": 0.98333, "predictions_agree": 1},
        "engines": [{"engine": "event", "against": "dense", "n_mismatches": 3, "n_values": 1234}],
        "populations": [{"name": HOSTILE, "n_activations": 9, "changed_share": 0.125, "ok": False}],
    }  # fmt: skip
    report(
        model_of(network(HOSTILE)),
        DataSet(x=x, y=np.zeros(6, dtype=np.int64), name=HOSTILE),
        hardware=["45nm", "loihi1", "loihi2"],
        code="burst",
        output=[folder / "r.html", folder / "r.json"],
        verification=verification,
    )
    return folder


def test_every_number_is_the_jsons(browser: Browser, files: Path) -> None:
    value = json.loads((files / "r.json").read_text())
    browser.open(files / "r.html")
    paths = set()
    for chip in ("45nm", "loihi1"):
        choose(browser, "#energy-by-layer select", chip)
        for metric in ("synaptic_events", "spikes", "mean_count", "energy", "n_neurons"):
            choose(browser, "#network select", metric)
            paths |= check_numbers(browser, value)
    assert len(paths) > 100
    check_shown(
        paths,
        ["accuracy"], ["energy", "45nm", "picojoule"], ["energy", "loihi1", "picojoule"],
        ["baseline", "float", "picojoule"], ["papers", "picojoule"],
        ["counters", "synaptic_events"], ["by_projection", "act1>stream", "synaptic_events"],
        ["by_population", "act2", "picojoule", "loihi1"], ["verification", "n_activations"],
        ["energy", "loihi1", "hardware", "figures", 0, "picojoule"],
    )  # fmt: skip
    check_alone(browser)


def test_the_hardware_can_be_switched(browser: Browser, files: Path) -> None:
    value = json.loads((files / "r.json").read_text())
    browser.open(files / "r.html")
    assert "loihi2" in value["energy"]  # no figures: said, not offered
    assert "No energy per operation is published for Intel Loihi 2" in text(browser, "#energy")
    options = "[...document.querySelectorAll('#tools select option')].map((o) => o.value)"
    assert browser.run(options) == ["45nm", "loihi1"]
    before = text(browser, "#summary")
    browser.press("h")
    after = text(browser, "#summary")
    assert "Energy a sample, Intel Loihi (first generation)" in after
    assert "the float ANN" in before
    assert "the float ANN" not in after  # other things are covered: no ratio
    assert "Intel Loihi" in text(browser, "#energy-by-layer option:checked")


def view(browser: Browser) -> dict[str, float]:
    return dict(json.loads(browser.run("document.querySelector('#raster-canvas').dataset.view")))


def test_the_raster_zooms_moves_and_selects(browser: Browser, files: Path) -> None:
    browser.open(files / "r.html")
    browser.run("document.querySelector('#raster-canvas').scrollIntoView({block: 'center'})")
    browser.run("document.querySelector('#raster-canvas').focus()")
    browser.press("+")
    near = view(browser)
    whole = json.loads((files / "r.json").read_text())["n_ticks"]
    assert near["t1"] - near["t0"] == close(0.7 * whole)
    browser.press("ArrowRight")
    assert view(browser)["t0"] > near["t0"]
    browser.press("0")
    assert view(browser) == {"t0": -0.5, "t1": whole - 0.5, "y0": 0, "y1": 1}
    box = browser.run(
        "(() => { const r = document.querySelector('#raster-canvas').getBoundingClientRect();"
        "return [r.x, r.y, r.width, r.height]; })()"
    )
    x, y = box[0] + 300, box[1] + box[3] / 2
    browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-120)
    assert view(browser)["y1"] - view(browser)["y0"] == close(0.8)
    browser.press("0")
    browser.click(x, box[1] + 4)  # the first band is the input's
    assert text(browser, "#raster .readout").startswith("tick ")
    assert text(browser, "#activity select option:checked") == "x"


def test_neurons_have_membranes(browser: Browser, files: Path) -> None:
    browser.open(files / "r.html")
    choose(browser, "#membranes select", "act1")
    choose(browser, "#membranes label:nth-of-type(2) select", "8")
    assert "act1, neuron 8: membrane" in text(browser, "#membranes")
    assert browser.run("document.querySelectorAll('#membranes path.curve').length") == 1
    assert browser.run("document.querySelectorAll('#membranes .level').length") > 0


def test_nodes_are_reached_by_keys(browser: Browser, files: Path) -> None:
    browser.open(files / "r.html")
    choose(browser, "#activity select", "x")
    browser.run("document.querySelector('#network-plot').focus()")
    reached = []
    for _ in range(3):
        browser.press("ArrowDown")
        reached.append(text(browser, "#network-details h3"))
    assert reached == ["stem", "act1", "stream"]
    assert browser.run("document.querySelectorAll('#network-plot [data-node]').length") == 8


def test_tables_sort_and_every_control_has_a_name(browser: Browser, files: Path) -> None:
    browser.open(files / "r.html")
    rows = "[...document.querySelectorAll('#layers tbody tr')].map((r) => r.cells[0].innerText)"
    assert browser.run(rows) == ["x", "stem", "act1", "stream", "act2", "pool", "head"]
    browser.run("document.querySelectorAll('#layers th button')[3].click()")  # neurons, most first
    assert browser.run(rows)[-2:] == ["head", "pool"]
    nameless = browser.run(
        "[...document.querySelectorAll('button, select, input, canvas, svg.plot')].filter((e) =>"
        "!(e.innerText || e.labels?.[0]?.innerText || e.getAttribute('aria-label'))).length"
    )
    assert nameless == 0


def luminance(browser: Browser) -> list[int]:
    colour = browser.run("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in colour[4:-1].split(",")]


def test_light_dark_narrow_and_print(browser: Browser, files: Path, tmp_path: Path) -> None:
    shots = Path(os.environ.get("SNNC_SCREENSHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    browser.open(files / "r.html")
    assert min(luminance(browser)) > 200
    browser.screenshot(shots / "light.png")
    browser.press("t")
    assert max(luminance(browser)) < 60
    browser.open(files / "r.html", dark=True)
    assert max(luminance(browser)) < 60
    browser.screenshot(shots / "dark.png")
    browser.open(files / "r.html", width=390, height=844)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    browser.screenshot(shots / "narrow.png")
    browser.pdf(shots / "print.pdf")
    assert (shots / "print.pdf").read_bytes().startswith(b"%PDF")
    assert browser.problems == []


def test_a_trace_alone_is_a_page_too(browser: Browser, tmp_path: Path) -> None:
    x = np.full((1, 1, 4, 4), 3.0, dtype=np.float32)
    model = model_of(network())
    trace(
        model, DataSet(x=x, y=None, name="x"), sample=0, code="burst", membranes=True,
        ticks=(2, 28), plot=tmp_path / "t.html",
    )  # fmt: skip
    browser.open(tmp_path / "t.html")
    assert browser.run("[...document.querySelectorAll('section')].map((s) => s.id)") == [
        "summary", "activity", "raster", "membranes", "network",
    ]  # fmt: skip
    browser.run("document.querySelector('#raster-canvas').focus()")
    browser.press("0")
    assert view(browser) == {"t0": 1.5, "t1": 27.5, "y0": 0, "y1": 1}
    assert browser.problems == []
