"""`snnc tune` on a small ONNX network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import check_schema, snnc
from tests.runtime.tune.nets import save_data, save_network


@pytest.fixture
def args(tmp_path: Path) -> list[str | Path]:
    train, test = save_data(tmp_path)
    return ["tune", save_network(tmp_path), "--data", test, "--calibrate", train]


def test_tune_as_table_and_json(args: list[str | Path], tmp_path: Path) -> None:
    best = tmp_path / "best.snnc"
    grid = ("--hardware", "45nm-int8", "--bits", "3,8", "--levels", "15", "--codes", "graded")
    done = snnc(*args, *grid, "--max-loss", "50%", "-o", best, "--json")
    assert done.code == 0, done.stderr
    check_schema("tune", done.json)
    assert done.json["max_loss"] == 0.5
    assert done.json["output"] == str(best)
    assert [row["weight_bits"] for row in done.json["rows"]] == [3, 8]

    again = snnc(*args, *grid, "--max-loss", "50%", "-o", best)
    assert again.code == 1
    assert "SNNC203" in again.stderr
    shown = snnc(*args, *grid, "--max-loss", "50%", "-o", best, "--force")
    assert shown.code == 0, shown.stderr
    (row,) = (line.split() for line in shown.stdout.splitlines() if line.rstrip().endswith("best"))
    found = done.json["best"]
    assert row[:3] == [str(found["weight_bits"]), "15", "graded"]
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_a_budget_out_of_reach_is_a_named_error(args: list[str | Path], tmp_path: Path) -> None:
    grid = ("--hardware", "45nm-int8", "--bits", "2,3", "--levels", "1", "--codes", "graded")
    done = snnc(*args, *grid, "--max-loss", "0%", "-o", tmp_path / "b.snnc", "--json")
    assert done.code == 1
    check_schema("error", done.json)
    assert done.json["error"]["code"] == "SNNC702"
    assert "D = 1, graded, reaches" in done.json["error"]["what"]
    assert "2 measurements are kept in" in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--max-loss", "much"),
        ("--max-loss", "101%"),
        ("--max-loss", "1"),
        ("--max-loss", "nan"),
        ("--reference", "98.2"),
        ("--bits", "4;8"),
    ],
)
def test_wrong_usage(option: str, value: str, args: list[str | Path]) -> None:
    done = snnc(*args, "--hardware", "45nm-int8", option, value, "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "SNNC001"
