"""Comparisons: points as reports say, which of them nothing beats, tables and figures."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import snnc
from snnc.ir.errors import BadInputFile, OutputExists, WrongUsage
from snnc.runtime.compare import Comparison, Point
from snnc.runtime.compare.tables import as_markdown
from tests import needs
from tests.close import close
from tests.runtime.compare.reports import report, true_report
from tests.runtime.models import BIAS, THRESHOLDS, W1, W2, samples, save_model


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
    names = ("pareto-chip", "energy-chip", "activity", "early-exit")
    assert {p.name for p in found.files} == {
        f"{name}.{kind}" for name in names for kind in ("png", "svg", "pdf")
    }
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


def test_numbers_are_those_of_a_recount(tmp_path: Path) -> None:
    """Counts out of plain matrix products; energies are 0.9 pJ an addition: all payloads are 1."""
    x, y = samples()
    found = snnc.compare(
        [save_model(tmp_path)],
        {"x": x, "y": y},
        codes=["burst", "graded"],
        engine="oracle",
        hardware=["45nm"],
    ).to_json()
    counts = x.astype(np.int64), hidden(x)
    fan_out = [(weight != 0).sum(axis=0) for weight in (W1, W2)]
    burst, graded = found["points"]
    assert burst["spikes"] == sum(c.sum() for c in counts) / len(x)
    assert graded["spikes"] == burst["spikes"]
    rows = (len(W1), len(W2))
    assert burst["synaptic_events"] == sum(
        c.sum() * n for c, n in zip(counts, rows, strict=True)
    ) / len(x)
    assert graded["synaptic_events"] == sum(
        (c != 0).sum() * n for c, n in zip(counts, rows, strict=True)
    ) / len(x)
    paid = [0.9 * (c @ n).sum() / len(x) for c, n in zip(counts, fan_out, strict=True)]
    by_layer = {name: sum(each.values()) for name, each in burst["by_layer"]["45nm"].items()}
    assert by_layer == close({"hidden": paid[0], "scores": paid[1]})
    assert burst["picojoule"]["45nm"] == close(sum(paid))
    assert {n: row["picojoule"].get("45nm", 0.0) for n, row in burst["layers"].items()} == (
        close({"x": 0.0, "hidden": paid[0], "scores": paid[1]})
    )
    assert burst["layers"]["hidden"]["mean_count"] == counts[1].mean()
    assert burst["baseline"]["float"] == close(4.6 * (W1.size + W2.size))


def hidden(x: Any) -> Any:
    return (((x.astype(np.int64) @ W1.T + BIAS)[:, :, None]) >= THRESHOLDS).sum(axis=-1)


def test_inexact_codes_are_marked() -> None:
    given = [report("a", 0.5, 1.0, 3), report("a", 0.5, 2.0, 3, code="rate")]
    found = snnc.compare(given)
    assert [p.exact for p in found.points] == [True, False]
    assert "| a, rate (inexact) |" in as_markdown(found)


def test_terminal_tables_are_narrow() -> None:
    given = [report("a_model", 0.5, 1.0, n, code=c) for n, c in ((3, "burst"), (1, "rate"))]
    console = Console(width=80, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        for part in snnc.compare(given).render():
            console.print(part)
    lines = capture.get().splitlines()
    assert any("a_model, rate (inexact)" in line and "50.00%" in line for line in lines)


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
    options: list[dict[str, Any]] = [{"map": {"target": "x"}}, {"verification": "v.json"}]
    for option in options:
        with pytest.raises(WrongUsage, match="of one model"):
            snnc.compare([tmp_path / "a.snnc"] * 2, "d.npz", **option)
    with pytest.raises(WrongUsage, match="no event code"):
        snnc.compare([tmp_path / "a.snnc"] * 2, "d.npz", codes=["exact"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model", 3),
        ("code", "morse"),
        ("code", []),
        ("n_samples", 0),
        ("n_samples", True),
        ("accuracy", 1.5),
        ("accuracy", float("nan")),
        ("counters.spikes", -1),
        ("counters.spikes", 10**400),
        ("energy.45nm.picojoule", float("inf")),
        ("energy.45nm.picojoule_low", None),
        ("energy.45nm.hardware.figures", {}),
        ("energy.45nm.parts", {}),
        ("energy.45nm.by_layer_figure", {"hidden": {"accumulate": "much"}}),
        ("energy.45nm", None),
        ("by_population.hidden", []),
        ("by_population.hidden.mean_count", "1"),
        ("baseline.float.picojoule", None),
        ("statistics.early_exit.agreement", [2.0]),
        ("statistics.early_exit.accuracy", [0.5]),
        ("codes.graded", 1),
        ("provenance.levels", "many"),
        ("provenance.report_made_by", 1),
        ("definitions", None),
    ],
)
def test_reports_that_were_edited(tmp_path: Path, path: str, value: Any) -> None:
    edited = true_report()
    inner = edited
    *way, last = path.split(".")
    for key in way:
        inner = inner[key]
    assert last in inner
    inner[last] = value
    file = tmp_path / "edited.json"
    file.write_text(json.dumps(edited))
    with pytest.raises(BadInputFile) as found:
        snnc.compare([true_report(), file])
    assert found.value.where == str(file)
    assert f"`{path.split('.')[0]}" in found.value.what


@pytest.mark.parametrize("name", ["", "a/b", "..\\c", "a\0b", "a\nb"])
def test_hardware_names_become_files(name: str) -> None:
    edited = true_report()
    edited["energy"] = {name: edited["energy"]["45nm"]}
    with pytest.raises(BadInputFile, match="hardware's name"):
        snnc.compare([true_report(), edited])


def test_one_name_is_one_chip() -> None:
    edited = true_report()
    edited["energy"]["45nm"]["hardware"]["figures"][0]["picojoule"] = 9.9
    with pytest.raises(BadInputFile, match="not those of the other reports"):
        snnc.compare([true_report(), edited])
