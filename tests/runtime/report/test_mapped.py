"""`snnc report --map`: hops of a placement, paid for by the chip's figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snnc.ir.errors import BadInputFile, SnncError, WrongUsage
from snnc.runtime.map import map as map_model
from snnc.runtime.report import report
from tests.close import close
from tests.runtime.map.chips import write_chip
from tests.runtime.models import samples, save_model

FIGURE = """
[energy.{key}]
counter = "{counter}"
picojoule = {picojoule}
covers = "a hop"
publication = "made up"
table = "none"
basis = "measured"
checked = "unchecked"
evidence = "made up"
"""


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    """A small mesh whose hops cost 3 pJ east and west, 4 pJ north and south."""
    path = write_chip(tmp_path)
    east = FIGURE.format(key="east", counter="hops_east_west", picojoule=3.0)
    north = FIGURE.format(key="north", counter="hops_north_south", picojoule=4.0)
    path.write_text(path.read_text() + east + north)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


def by_hand(mapping: dict[str, Any]) -> tuple[float, float]:
    """Hops of a frame along each axis: each event of `hidden` goes to every core of `scores`."""
    cores = mapping["cores"]
    senders = [c for c in cores if c["node"] == "hidden"]
    hearers = [c for c in cores if c["node"] == "scores"]
    along = [0.0, 0.0]
    for a in senders:
        for b in hearers:
            for axis in (0, 1):
                along[axis] += a["events_sent"] * abs(a["router"][axis] - b["router"][axis])
    return along[0], along[1]


def test_hops_are_paid_for(model: Path, chip: Path) -> None:
    found = report(model, samples()[0], map=chip)
    assert found.mapping is not None
    east, north = by_hand(dict(found.mapping))
    assert east + north > 0
    value = found.to_json()
    energy = value["energy"]["tiny-chip"]
    assert energy["by_figure"] == close({"east": 3.0 * east, "north": 4.0 * north})
    assert energy["by_layer"] == close({"hidden": 3.0 * east + 4.0 * north})
    assert value["mapping"]["n_cores"] == 5
    assert "cores" not in value["mapping"]


def test_a_map_file_says_the_same(model: Path, chip: Path, tmp_path: Path) -> None:
    path, x = tmp_path / "map.json", samples()[0]
    map_model(model, chip, x, output=path)
    energy = report(model, x, hardware=[chip], map=path).to_json()["energy"]
    assert energy == report(model, x, hardware=[chip], map=chip).to_json()["energy"]
    other = report(model, x[:7], hardware=[chip], map=path).to_json()["energy"]["tiny-chip"]
    assert any("20 samples" in text for text in other["assumptions"])


def test_without_a_map_hops_are_unknown(model: Path, chip: Path) -> None:
    found = report(model, samples()[0], hardware=[chip]).to_json()
    energy = found["energy"]["tiny-chip"]
    assert found["mapping"] is None
    assert energy["parts"]["hops"]["picojoule"] is None
    assert any("--map" in text for text in energy["assumptions"])


def test_passes_are_named_where_the_map_is_of_another_graph(model: Path) -> None:
    found = report(model, samples()[0], code="burst", map="loihi1").to_json()
    energy = found["energy"]["loihi1"]
    hops = found["mapping"]["traffic"]
    assert energy["by_figure"]["hop_east_west"] == close(3.0 * hops["hops_east_west"])
    assert energy["by_figure"]["hop_north_south"] == close(4.0 * hops["hops_north_south"])
    assert not any("--map" in text and "hops" in text for text in energy["assumptions"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"graph_hash": "other"}, BadInputFile),
        ({"activity": "uniform"}, BadInputFile),
        ({"code": "burst"}, WrongUsage),
        ({"populations": [{"name": "hidden"}]}, BadInputFile),
        ({"populations": None}, BadInputFile),
        ({"n_chips": "two"}, BadInputFile),
        ({"target": "nowhere"}, SnncError),
    ],
)
def test_maps_of_something_else(
    model: Path, chip: Path, tmp_path: Path, change: dict[str, Any], error: type[SnncError]
) -> None:
    path, x = tmp_path / "map.json", samples()[0]
    map_model(model, chip, x, output=path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(error):
        report(model, x, hardware=[chip], map=path)


CORE = "cores.0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("changes", {}),
        ("changes", [{"name": 3, "note": ""}]),
        ("cores", None),
        ("cores", []),
        (f"{CORE}.router", [0, "1"]),
        (f"{CORE}.router", [0]),
        (f"{CORE}.router", [0, 2**40]),
        (f"{CORE}.router", None),
        (f"{CORE}.chip", None),
        (f"{CORE}.node", "nobody"),
        (f"{CORE}.use", {"neurons": 1.5}),
        (f"{CORE}.use", {"other": 1}),
        (f"{CORE}.synaptic_events_per_tick", "many"),
        (f"{CORE}.events_sent", float("nan")),
        ("n_cores", 6),
        ("n_cores", True),
        ("n_chips", -1),
        ("busiest_core", []),
        ("busiest_core.synaptic_events.per_tick", None),
        ("busiest_core.synaptic_events.box", [[1]]),
        ("busiest_link", 3),
        ("busiest_link.from", [1]),
        ("traffic", []),
        ("traffic.hops", -1.0),
        ("traffic.hops_east_west", float("inf")),
        ("traffic.messages", None),
        ("populations.0", 7),
        ("populations.0.hops_east_west", "3"),
        ("populations.0.module_path", None),
        ("populations.0.name", "scores"),
        ("fits", "perhaps"),
        ("fit_reasons", [{}]),
        ("activity", 1),
        ("data", 1),
        ("n_samples", "20"),
        ("rate", {}),
        ("code", "morse"),
        ("title", None),
    ],
)
def test_maps_that_were_edited(
    model: Path, chip: Path, tmp_path: Path, path: str, value: Any
) -> None:
    file, x = tmp_path / "map.json", samples()[0]
    map_model(model, chip, x, output=file)
    edited = json.loads(file.read_text())
    inner: Any = edited
    *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in way:
        inner = inner[key]
    assert isinstance(last, int) or last in inner
    inner[last] = value
    file.write_text(json.dumps(edited))
    for given in (file, edited):  # a file, and an object from Python
        with pytest.raises(BadInputFile, match=f"`{path.split('.')[0]}|n_cores") as found:
            report(model, x, hardware=[chip], map=given)
    assert "snnc map -o map.json" in found.value.what


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"target": "loihi1"}', "[" * 100_000])
def test_files_that_are_no_maps(model: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(BadInputFile):
        report(model, samples()[0], map=path)
