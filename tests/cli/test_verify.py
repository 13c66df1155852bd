"""`snnc verify`, `snnc report` and `snnc check` from a source to a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import needs
from tests.cli.helpers import check_schema, snnc

pytestmark = pytest.mark.torch
torch = needs.module("torch")
from tests.cli import nets  # noqa: E402

DATA = ("--data", "digits-test", "--limit", "20")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `model.pt`, what it converts to, and another model."""
    folder = tmp_path_factory.mktemp("verify")
    nets.save(folder / "model.pt")
    done = snnc("convert", folder / "model.pt", "-o", folder / "model.snnc")
    assert done.code == 0, done.stderr
    done = snnc("convert", folder / "model.pt", "-o", folder / "coarse.snnc", "--weight-bits", "3")
    assert done.code == 0, done.stderr
    other = nets.net()
    with torch.no_grad():
        other.get_parameter("0.weight")[0, 0, 0, 0] += 0.5
    nets.save(folder / "other.pt", other)
    return folder


def test_verify(folder: Path) -> None:
    done = snnc("verify", folder / "model.pt", folder / "model.snnc", *DATA, "--json")
    assert done.code == 0, done.stdout
    check_schema("verify", done.json)
    assert done.json["ok"]
    assert done.json["n_mismatches"] == 0
    assert done.json["n_activations"] == 20 * (64 + 10)
    assert {row["engine"] for row in done.json["engines"]} == {"event", "dense"}
    assert "verified" in snnc("verify", folder / "model.pt", folder / "model.snnc", *DATA).stdout


def test_a_failed_check_exits_with_1(folder: Path) -> None:
    args = ("verify", folder / "other.pt", folder / "model.snnc", *DATA)
    done = snnc(*args, "--json")
    assert done.code == 1
    if "error" not in done.json:
        assert not done.json["ok"]
    assert snnc(*args).code == 1


def test_max_changed(folder: Path) -> None:
    args = ("verify", folder / "model.pt", folder / "coarse.snnc", *DATA, "--max-changed")
    done = snnc(*args, "0", "--json")
    assert done.code == 1
    assert not done.json["ok"]
    assert not done.json["promises"]["rounding"]
    assert snnc(*args, "1", "--json").code == 0


def test_report(folder: Path) -> None:
    files = [folder / f"report.{suffix}" for suffix in ("json", "csv", "html", "txt")]
    outputs = [word for path in files for word in ("-o", str(path))]
    args = ("report", folder / "model.snnc", *DATA, "--hardware", "45nm", "--hardware", "loihi1")
    done = snnc(*args, *outputs, "--json")
    assert done.code == 0, done.stdout
    check_schema("report", done.json)
    assert set(done.json["energy"]) == {"45nm", "loihi1"}
    assert all(path.stat().st_size for path in files)
    assert json.loads(files[0].read_text())["counters"] == done.json["counters"]
    assert "default-src 'none'" in files[2].read_text()[:400]
    assert snnc(*args, *outputs, "--json").json["error"]["code"] == "SNNC203"
    assert "Energy" in snnc(*args).stdout


def test_report_shows_a_verification(folder: Path) -> None:
    verdict = folder / "verdict.json"
    done = snnc("verify", folder / "model.pt", folder / "model.snnc", *DATA, "--json")
    verdict.write_text(done.stdout)
    done = snnc("report", folder / "model.snnc", *DATA, "--verification", verdict, "--json")
    assert done.code == 0, done.stdout
    assert done.json["verification"]["ok"]


def test_unknown_hardware(folder: Path) -> None:
    done = snnc("report", folder / "model.snnc", *DATA, "--hardware", "loihi9", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC701"


def test_check(folder: Path) -> None:
    done = snnc("check", folder / "model.pt", "--json")
    assert done.code == 0
    check_schema("check", done.json)
    assert done.json["compatible"]
    assert done.json["compatible_share"] == 1
    assert "compatible" in snnc("check", folder / "model.pt").stdout


def test_check_names_what_stands_in_the_way(folder: Path) -> None:
    model = nets.net()
    model.insert(2, nets.Softmax())
    nets.save(folder / "softmax.pt", model)
    done = snnc("check", folder / "softmax.pt", "--json")
    assert done.code == 0
    assert done.json["compatible"]
    status = {r["operator"]: r["status"] for r in done.json["operators"]}
    assert status["Softmax"] == "host"
    done = snnc("check", folder / "softmax.pt", "--no-host", "--json")
    assert done.code == 0
    assert not done.json["compatible"]
    row = next(r for r in done.json["operators"] if r["status"] == "unsupported")
    assert (row["operator"], row["where"]) == ("Softmax", "2")


def test_compare(folder: Path) -> None:
    codes = ("--code", "burst", "--code", "graded", "--hardware", "45nm")
    table = folder / "compare.md"
    done = snnc("compare", folder / "model.snnc", *DATA, *codes, "-o", table, "--json")
    assert done.code == 0, done.stderr
    check_schema("compare", done.json)
    assert [p["code"] for p in done.json["points"]] == ["burst", "graded"]
    assert table.read_text().startswith("| ")


def test_report_of_several_models_is_a_comparison(folder: Path) -> None:
    page, figures = folder / "several.html", folder / "figures"
    models = (folder / "model.snnc", folder / "coarse.snnc")
    args = (*DATA, "--code", "burst", "--statistics", "20", "--hardware", "45nm")
    out = ("-o", page, "--figures", figures, "--json")
    done = snnc("report", *models, *args, *out)
    assert done.code == 0, done.stderr
    check_schema("compare", done.json)
    assert [p["name"] for p in done.json["points"]] == ["model, 8 bits", "coarse, 3 bits"]
    alone = snnc("report", models[1], *args, "--json").json
    energy = done.json["points"][1]["picojoule"]["45nm"]
    assert energy == alone["energy"]["45nm"]["picojoule"]
    assert page.read_text().startswith("<!doctype html>")
    assert {p.stem for p in figures.iterdir()} >= {"pareto-45nm", "energy-45nm", "activity"}
    again = snnc("report", *models, *args, "--figures", figures, "--json")
    assert again.json["error"]["code"] == "SNNC203"
    both = snnc("report", *models, *args, "--codes", "graded", "--json").json
    assert [p["code"] for p in both["points"]] == ["burst", "graded"] * 2
    wrong = snnc("report", *models, *args, "--codes", "exact", "--json")
    assert wrong.json["error"]["what"] == "`exact` is no event code"
