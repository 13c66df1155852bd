"""Mapping models: what results say agrees with the engines and with each other."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.ir.errors import NotExecutable, OutputExists, UnknownHardware, WrongUsage
from snnc.runtime.map import MapResult
from snnc.runtime.map import map as map_model
from tests import needs
from tests.close import close
from tests.runtime.map.chips import write_chip
from tests.runtime.models import N_HIDDEN, N_IN, N_OUT, W1, samples, save_model, save_samples


@pytest.fixture
def mapped(tmp_path: Path) -> MapResult:
    return map_model(save_model(tmp_path), write_chip(tmp_path), save_samples(tmp_path))


def test_the_python_face() -> None:
    assert snnc.map is map_model


def test_cores_and_chips(mapped: MapResult) -> None:
    assert mapped.n_cores == 3 + 2  # five and three neurons, two on a core
    assert mapped.n_chips == 2
    assert mapped.layout is not None
    assert len(set(mapped.layout.slots)) == 5
    assert sum(chip["n_cores"] for chip in mapped.chips()) == 5
    assert [p["n_cores"] for p in mapped.populations()] == [3, 2]


def test_work_is_what_the_engine_counted(mapped: MapResult, tmp_path: Path) -> None:
    ran = snnc.run(tmp_path / "tiny.snnc", samples()[0], engine="oracle")
    counted = {name: c.synaptic_events / 20 for name, c in ran.projection_counters.items()}
    found = {p["name"]: p["synaptic_events"] for p in mapped.populations()}
    assert found["hidden"] == close(counted["fc1"])
    assert found["scores"] == close(counted["fc2"])
    assert mapped.load.sent.sum() == close(ran.node_counters["hidden"].events / 20)


def test_messages_by_hand(mapped: MapResult) -> None:
    """Each input goes to three cores, each hidden neuron to two; all synapses exist."""
    x = samples()[0]
    traffic = mapped.traffic
    assert traffic["messages_from_host"] == close(3 * np.count_nonzero(x) / len(x))
    sent = mapped.load.sent.sum()
    assert traffic["messages"] + traffic["messages_within_cores"] == close(2 * sent)
    assert traffic["hops"] == traffic["hops_east_west"] + traffic["hops_north_south"]
    assert traffic["hops"] <= traffic["hops_naive"]
    for counter in ("hops_east_west", "hops_north_south", "chip_crossings"):
        sent_by = {p["name"]: p[counter] for p in mapped.populations()}
        assert sum(sent_by.values()) == close(traffic[counter])
        assert sent_by["scores"] == 0  # only read


def test_without_data_every_neuron_sends_once(tmp_path: Path) -> None:
    found = map_model(save_model(tmp_path), write_chip(tmp_path))
    assert found.data is None
    assert found.load.sent.sum() == N_HIDDEN
    assert found.load.synaptic_events.sum() == W1.size + N_HIDDEN * N_OUT
    assert found.traffic["messages_from_host"] == 3 * N_IN
    assert found.to_json()["activity"] == "uniform"


def test_burst_counts_every_spike(tmp_path: Path) -> None:
    model, chip = save_model(tmp_path), write_chip(tmp_path)
    found = map_model(model, chip, samples()[0], code="burst", limit=7)
    ran = snnc.run(model, samples()[0][:7], engine="oracle", code="burst")
    assert found.load.sent.sum() == close(ran.node_counters["hidden"].spikes / 7)
    peak = found.load.peak_synaptic_events.sum()
    assert peak < found.load.synaptic_events.sum()  # a count above one takes several ticks


def test_a_chip_without_mesh(tmp_path: Path) -> None:
    found = map_model(save_model(tmp_path), write_chip(tmp_path, mesh=False))
    assert found.layout is None
    assert found.n_chips == 2
    result = found.to_json()
    assert result["busiest_link"] is None
    assert result["traffic"]["hops"] is None
    assert result["chips"] == []
    assert result["busiest_core"]["neuron_updates"]["router"] is None


@pytest.mark.parametrize("mesh", [True, False])
@pytest.mark.parametrize(
    ("suffix", "module"), [("json", "json"), ("csv", "csv"), ("png", "matplotlib"),
                           ("html", "plotly")]
)  # fmt: skip
def test_files(tmp_path: Path, suffix: str, module: str, mesh: bool) -> None:
    needs.module(module)
    path = tmp_path / f"map.{suffix}"
    model, chip = save_model(tmp_path), write_chip(tmp_path, mesh=mesh)
    found = map_model(model, chip, output=path)
    assert found.output == path
    if suffix == "json":
        cores = json.loads(path.read_text())["cores"]
        assert [core["node"] for core in cores] == ["hidden"] * 3 + ["scores"] * 2
        assert sum(core["use"]["neurons"] for core in cores) == N_HIDDEN + N_OUT
    elif suffix == "csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert [row["box"] for row in rows] == ["0:2", "2:4", "4:5", "0:2", "2:3"]
    else:
        assert path.stat().st_size > 5_000
    with pytest.raises(OutputExists):
        map_model(model, chip, output=path)
    assert map_model(model, chip, output=path, force=True).output == path


def test_refusals(tmp_path: Path) -> None:
    model = save_model(tmp_path)
    with pytest.raises(UnknownHardware, match="no limit of a core"):
        map_model(model, "45nm")
    with pytest.raises(UnknownHardware):  # the simulator is no chip
        map_model(model)
    with pytest.raises(WrongUsage):
        map_model(model, "loihi2", output=tmp_path / "map.pdf")
    with pytest.raises(NotExecutable):
        map_model(model, "loihi2", code="morse")


def test_aliases_of_targets(tmp_path: Path) -> None:
    assert map_model(save_model(tmp_path), "loihi").mapping.chip.name == "loihi2"


def test_rate_shares_what_the_engine_counted(tmp_path: Path) -> None:
    model, x = save_model(tmp_path), samples()[0]
    found = map_model(model, write_chip(tmp_path), x, code="rate", rate_ticks=8)
    ran = snnc.run(model, x, code="rate", rate_ticks=8)
    assert found.load.sent.sum() == close(ran.node_counters["hidden"].events / len(x))
    found_peak = found.load.peak_synaptic_events.sum()
    assert found_peak == close(found.load.synaptic_events.sum() / 8)
