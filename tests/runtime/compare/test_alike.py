"""Rows of a comparison: energies of one sum, samples that differ, codes, files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import snnc
from snnc.backends.chips import chip as chips
from snnc.ir.errors import BadInputFile, NotExecutable, WrongUsage
from snnc.runtime.compare.tables import as_csv, as_latex, as_markdown
from tests.runtime.compare.reports import report, true_report
from tests.runtime.map.chips import write_chip
from tests.runtime.models import samples, save_model
from tests.runtime.report.test_mapped import FIGURE

QUICK: dict[str, Any] = {"engine": "oracle", "statistics": 0, "codes": ["own"]}


def test_totals_of_different_parts_are_not_compared(tmp_path: Path) -> None:
    model, data = save_model(tmp_path), samples()[0]
    args: Any = {"hardware": ["loihi1"], "code": "burst", **QUICK}
    plain = snnc.report(model, data, **args).to_json()
    fewer = snnc.report(model, data, exclude=["neurons"], **args).to_json()
    with pytest.raises(BadInputFile) as caught:
        snnc.compare([plain, fewer])
    assert (
        "adds up synapses, spikes, hops; that of the first, tiny: synapses, neurons"
        in caught.value.what
    )
    assert "--exclude" in (caught.value.hint or "")
    assert len(snnc.compare([fewer, fewer]).points) == 2


def test_totals_with_and_without_a_mapping_are_not_compared(tmp_path: Path) -> None:
    model, data, chip = save_model(tmp_path), samples()[0], write_chip(tmp_path)
    hops = FIGURE.format(key="east", counter="hops_east_west", picojoule=3.0)
    events = FIGURE.format(key="events", counter="synaptic_events", picojoule=1.0)
    chip.write_text(chip.read_text() + hops + events)
    args: Any = {"hardware": [chip, "45nm"], **QUICK}
    plain, mapped = (snnc.report(model, data, map=m, **args).to_json() for m in (None, chip))
    with pytest.raises(BadInputFile) as caught:
        snnc.compare([plain, mapped])
    assert f"on `{chip.stem}` with and without a mapping: its own has one" in caught.value.what
    assert f"--map {chip.stem}" in (caught.value.hint or "")
    for each in (plain, mapped):  # a chip without figures for hops knows no difference
        del each["energy"][chip.stem]
    assert len(snnc.compare([plain, mapped]).points) == 2


def test_a_mapping_that_was_edited() -> None:
    with pytest.raises(BadInputFile, match="mapping"):
        snnc.compare([true_report(), true_report() | {"mapping": 3}])


def test_rows_of_different_samples_say_so() -> None:
    given = [report("a", 0.5, 1.0, 3), report("b", 0.5, 2.0, 3, n_samples=7, data="x_y.npz")]
    found = snnc.compare(given)
    said = "Not of the same samples: a: 4 of data; b: 7 of x_y.npz."
    assert found.note == said
    assert as_markdown(found).endswith(f" |\n\n{said}\n")
    assert f"\n% {said}\n" in as_latex(found)
    console = Console(width=80, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        for part in found.render():
            console.print(part)
    assert said in " ".join(capture.get().split())
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert [(row["data"], row["n_samples"]) for row in rows] == [("data", "4"), ("x_y.npz", "7")]
    assert snnc.compare([given[0]] * 2).note is None


def test_two_hardware_files_of_one_name(tmp_path: Path) -> None:
    other = tmp_path / "45nm.toml"
    other.write_bytes((Path(chips.__file__).parent / "45nm.toml").read_bytes())
    model, data = save_model(tmp_path), samples()[0]
    twice: list[list[str | Path]] = [["45nm", other], ["45nm", "45nm"]]
    for hardware in twice:
        with pytest.raises(WrongUsage, match="are called `45nm`"):
            snnc.report(model, data, hardware=hardware, **QUICK)
    with pytest.raises(WrongUsage, match="are called `45nm`"):
        snnc.compare([model], data, codes=["burst", "graded"], hardware=["45nm", other])


def test_codes_beside_one_that_the_options_name(tmp_path: Path) -> None:
    model, data = save_model(tmp_path), samples()[0]
    args: Any = {"statistics": 0, "limit": 3}
    found = snnc.compare(
        [model], data, code="burst", codes=["graded", "rate"], rate_ticks=8, **args
    )
    assert [p.code for p in found.points] == ["burst", "graded", "rate"]
    again = snnc.report(model, data, code="rate", rate_ticks=8, codes=["own"], **args)
    assert found.points[2].spikes * 3 == again.counters["spikes"]
    with pytest.raises(NotExecutable):
        snnc.compare([model], data, codes=["burst", "graded"], rate_ticks=8, **args)


def test_one_file_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = [report("a", 0.5, 1.0, 3)] * 2
    with pytest.raises(WrongUsage, match="one file"):
        snnc.compare(given, output=["q.md", "./q.md"])
    with pytest.raises(WrongUsage, match="one file"):
        snnc.report(save_model(tmp_path), samples()[0], output=["q.csv", tmp_path / "q.csv"])
    assert not (tmp_path / "q.md").exists()
