"""`snnc quantize`: what it shows, writes and refuses; its output is a SOURCE."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import needs
from tests.cli.helpers import check_schema, check_snapshot, snnc

pytestmark = pytest.mark.torch
torch = needs.module("torch")
from tests.cli import nets  # noqa: E402

DATA = ("--data", "digits-train", "--limit", "40")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    nets.save(tmp_path / "model.pt", nets.float_net())
    return tmp_path


def test_quantize_then_convert(folder: Path) -> None:
    done = snnc("quantize", "model.pt", *DATA, "--bits", "3", "--json")
    assert done.code == 0, done.stdout
    check_schema("quantize", done.json)
    assert done.json["output"] == "model-quantized.pt"
    assert done.json["levels"] == {"1": 7}
    assert done.json["input_grid"] == {"lo": 0, "hi": 16, "step": 1.0, "zero_point": 0}
    converted = snnc("convert", "model-quantized.pt", "--json")
    assert converted.code == 0, converted.stdout
    assert set(converted.json["levels"].values()) == {16, 7}


def test_for_people(folder: Path) -> None:
    done = snnc("quantize", "model.pt", *DATA, "--levels", "7", "-o", "q.pt")
    check_snapshot("quantize", done.stdout)
    again = snnc("quantize", "model.pt", *DATA, "-o", "q.pt", "--json")
    assert again.json["error"]["code"] == "SNNC203"


def test_fine_tuning(folder: Path) -> None:
    args = ("--levels", "2", "--finetune", "2", "--lr", "0.01", "--test", "digits-test", "--json")
    done = snnc("quantize", "model.pt", *DATA, *args)
    assert done.code == 0, done.stdout
    check_schema("quantize", done.json)
    assert len(done.json["losses"]) == 2
    assert done.json["n_test"] == 360


def test_an_integer_network_is_refused(folder: Path) -> None:
    nets.save(folder / "integer.pt")
    done = snnc("quantize", "integer.pt", *DATA, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC312"
    assert not (folder / "integer-quantized.pt").exists()
