"""`snnc map` on a model made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.helpers import check_schema, snnc
from tests.runtime.map.chips import write_chip
from tests.runtime.models import save_model, save_samples


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


@pytest.mark.parametrize("mesh", [True, False])
def test_map_as_json(model: Path, tmp_path: Path, mesh: bool) -> None:
    chip, data = write_chip(tmp_path, mesh=mesh), save_samples(tmp_path)
    done = snnc("map", model, "--target", chip, "--data", data, "--limit", "5", "--json")
    assert done.code == 0, done.stderr
    check_schema("map", done.json)
    assert done.json["fits"] == "assumed"
    assert (done.json["n_cores"], done.json["n_chips"]) == (5, 2)
    assert (done.json["activity"], done.json["n_samples"]) == ("measured", 5)


def test_the_file_has_every_core(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    done = snnc("map", model, "--target", write_chip(tmp_path), "-o", file)
    assert done.code == 0, done.stderr
    written = json.loads(file.read_text())
    check_schema("map", written)
    assert len(written["cores"]) == written["n_cores"]


def test_loihi1_does_not_have_what_the_model_needs(model: Path) -> None:
    done = snnc("map", model, "--target", "loihi1", "--json")
    assert done.code == 0
    check_schema("map", done.json)
    assert done.json["fits"] == "no"
    assert any(reason["verdict"] == "no" for reason in done.json["fit_reasons"])


def test_map_for_people(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.csv"
    done = snnc("map", model, "--target", write_chip(tmp_path), "-o", out)
    assert done.code == 0
    for text in ("Tiny", "one event a frame from every neuron", "hops of a message", "hidden"):
        assert text in done.stdout
    assert out.exists()


def test_unknown_target(model: Path) -> None:
    done = snnc("map", model, "--target", "loihi3", "--json")
    assert done.code == 1
    check_schema("error", done.json)
    assert done.json["error"]["code"] == "SNNC701"
