"""Comparisons: points as reports say, which of them nothing beats, tables and figures."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

import snnc
from snnc.ir.errors import BadInputFile, OutputExists, WrongUsage
from snnc.runtime.compare import Comparison, Point
from tests import needs
from tests.runtime.models import samples, save_model


def report(
    model: str, accuracy: float | None, picojoule: float | None, n_ticks: int, **changes: Any
) -> dict[str, Any]:
    """What a comparison reads of a report; four samples."""
    keys = ("spikes", "synaptic_events", "unit_spike_operations", "dense_macs")
    hardware = {"title": "A & B_1"}
    return {
        "model": model, "code": "burst", "schedule": "sequential", "n_samples": 4,
        "accuracy": accuracy, "n_ticks": n_ticks, "graph_hash": "0",
        "provenance": {"weight_bits": 8, "levels": 4},
        "counters": {key: 4 * i for i, key in enumerate(keys)},
        "energy": {"chip": {"picojoule": picojoule, "hardware": hardware}}, **changes,
    }  # fmt: skip


def test_what_nothing_beats() -> None:
    costs: list[Any] = [(0.9, 10.0, 5), (0.9, 12.0, 5), (0.8, 10.0, 4), (0.95, 99.0, 9),
             (0.9, 10.0, 5),
             (0.2, 50.0, 50), (None, 1.0, 1), (0.99, None, 1)]  # fmt: skip
    given = [report(f"m{i}", *cost) for i, cost in enumerate(costs)]
    found = snnc.compare(given)
    known = {i: c for i, c in enumerate(costs) if None not in c}
    expected = []
    for i, (accuracy, energy, ticks) in known.items():
        beaten = False
        for a, e, t in known.values():
            no_worse = a >= accuracy and e <= energy and t <= ticks
            better = a > accuracy or e < energy or t < ticks
            beaten = beaten or (no_worse and better)
        if not beaten:
            expected.append(f"m{i}")
    assert found.pareto("chip") == expected == ["m0", "m2", "m3", "m4"]
    assert found.points[6].accuracy is None
    assert found.points[7].picojoule == {}
    assert [found.points[0].spikes, found.points[0].synaptic_events] == [0.0, 1.0]


def test_names_say_what_differs() -> None:
    given = [
        report("net", 0.5, 1.0, 1, code=code, provenance={"weight_bits": bits, "levels": 4})
        for code, bits in itertools.product(("burst", "graded"), (4, 8))
    ]
    names = [p.name for p in snnc.compare([*given, given[0]]).points]
    assert names == [
        "net, burst, 4 bits", "net, burst, 8 bits", "net, graded, 4 bits", "net, graded, 8 bits",
        "net, burst, 4 bits (2)",
    ]  # fmt: skip


def test_tables(tmp_path: Path) -> None:
    files = [tmp_path / f"t.{kind}" for kind in ("json", "csv", "md", "tex")]
    given = [report("a_b", 0.5, 1500.0, 3), report("c|d", None, 7.0, 12)]
    found = snnc.compare(given, output=files)
    assert json.loads(files[0].read_text()) == found.to_json()
    rows = list(csv.DictReader(io.StringIO(files[1].read_text())))
    assert [row["picojoule_chip"] for row in rows] == ["1500.0", "7.0"]
    assert [row["accuracy"] for row in rows] == ["0.5", ""]
    markdown = files[2].read_text().splitlines()
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in markdown}) == 1
    assert "1.5 nJ *" in markdown[2]
    latex = files[3].read_text()
    assert r"a\_b & 50.00\% & 3" in latex
    columns = {line.count(" & ") for line in latex.splitlines() if line.endswith(r"\\")}
    assert len(columns) == 1
    with pytest.raises(OutputExists):
        snnc.compare(given, output=files[:1])


def test_figures(tmp_path: Path) -> None:
    needs.module("matplotlib")
    given = [report("a", 0.5, 1500.0, 3), report("b", 0.75, 7000.0, 12)]
    found = snnc.compare(given, figures=tmp_path / "figures")
    assert {p.name for p in found.files} == {f"pareto-chip.{k}" for k in ("png", "svg", "pdf")}
    heads = {p.suffix: p.read_bytes()[:5] for p in found.files}
    assert heads[".png"][1:4] == b"PNG"
    assert heads[".pdf"] == b"%PDF-"
    drawing = (tmp_path / "figures" / "pareto-chip.svg").read_text()
    for word in (">a<", ">b<", "energy of one sample", "accuracy, %"):  # text stays text
        assert word in drawing
    with pytest.raises(OutputExists):
        snnc.compare(given, figures=tmp_path / "figures")


def test_models_are_run_in_each_code(tmp_path: Path) -> None:
    x, y = samples()
    found = snnc.compare(
        [save_model(tmp_path)], {"x": x, "y": y}, codes=["burst", "graded"], engine="oracle"
    )
    assert isinstance(found, Comparison)
    burst, graded = found.points
    assert (burst.code, graded.code) == ("burst", "graded")
    assert burst.accuracy == graded.accuracy
    assert burst.n_ticks > graded.n_ticks
    assert burst.spikes == graded.spikes
    alone = snnc.report(tmp_path / "tiny.snnc", {"x": x, "y": y}, engine="oracle", code="burst")
    assert burst.picojoule["45nm"] == alone.energy[0].picojoule
    assert burst.synaptic_events * 20 == alone.counters["synaptic_events"]
    assert isinstance(burst, Point)
    assert burst.levels == 4


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="two points"):
        snnc.compare([report("a", 0.5, 1.0, 3)])
    with pytest.raises(WrongUsage, match="on data"):
        snnc.compare([tmp_path / "a.snnc", tmp_path / "b.snnc"])
    for text in ("[1]", "{", '{"model": "x"}', '{"n_samples": 0, "counters": {}}', "null"):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(BadInputFile):
            snnc.compare([tmp_path / "r.json"] * 2)
    with pytest.raises(WrongUsage):
        snnc.compare([report("a", 0.5, 1.0, 3)] * 2, output=[tmp_path / "x.docx"])
