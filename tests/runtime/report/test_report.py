"""Reports of a small residual network: counts, shares, files, and hostile names."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from snnc.ir.errors import BadInputFile, OutputExists, UnknownHardware, WrongUsage
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, SumPool
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.runtime.data import DataSet
from snnc.runtime.model import Model
from snnc.runtime.report import Report, report, write_report
from snnc.runtime.report.page.events import raster
from snnc.runtime.report.page.pack import unpack
from snnc.runtime.run import run
from snnc.runtime.trace import trace
from tests.close import close

HOSTILE = "</script><script>alert(1)</script>"


def network(name: str = "net") -> Graph:
    """x (1, 4, 4) -> stem sums + conv(fire(stem)) -> top -> pooled sums -> out."""
    rng = np.random.default_rng(0)
    fire = IntegerFire(lo=0, thresholds=np.array([[3, 9, 15, 21]]))
    pad = ((1, 1), (1, 1))

    def conv(inputs: int) -> Conv:
        weight = rng.integers(-3, 5, size=(2, inputs, 3, 3))
        return Conv(
            weight=weight, in_shape=(inputs, 4, 4), stride=(1, 1), padding=pad, dilation=(1, 1)
        )

    def population(name: str, shape: tuple[int, ...], model: Any) -> Population:
        return Population(name=name, shape=shape, model=model, module_path=f"net.{name}")

    pool = SumPool(in_shape=(2, 4, 4), kernel=(4, 4), stride=(4, 4), padding=((0, 0), (0, 0)))
    links = [
        ("x", "stem", conv(1)),
        ("stem", "act1", Identity(shape=(2, 4, 4))),
        ("stem", "stream", Identity(shape=(2, 4, 4))),
        ("act1", "stream", conv(2)),
        ("stream", "act2", Identity(shape=(2, 4, 4))),
        ("act2", "pool", pool),
        ("pool", "head", Dense(weight=rng.integers(-9, 9, size=(3, 2)))),
        ("head", "out", Identity(shape=(3,))),
    ]
    nodes = [
        Input(name="x", shape=(1, 4, 4), hi=4),
        population("stem", (2, 4, 4), Accumulator()),
        population("act1", (2, 4, 4), fire),
        population("stream", (2, 4, 4), Accumulator()),
        population("act2", (2, 4, 4), fire),
        population("pool", (2, 1, 1), Accumulator()),
        population("head", (3,), Accumulator()),
        Output(name="out", shape=(3,)),
    ]
    projections = [
        Projection(name=f"{a}>{b}", source=a, target=b, map=linear) for a, b, linear in links
    ]
    return Graph(nodes, projections, name=name).validate()


def model_of(graph: Graph) -> Model:
    file = SnncFile(
        float_graph=graph,
        integer_graph=graph,
        manifest={"written_by": "snnc test", "provenance": {"file": "net.pt", "sha256": "0"}},
    )
    return Model(path=None, file=file, bundle=None, target="sim", settings=file.settings)


@pytest.fixture(scope="module")
def data() -> DataSet:
    x = np.random.default_rng(1).integers(0, 5, size=(6, 1, 4, 4))
    return DataSet(x=x.astype(np.float32), y=np.zeros(6, dtype=np.int64), name="random")


@pytest.fixture(scope="module")
def burst(data: DataSet) -> Report:
    return report(model_of(network()), data, engine="oracle", code="burst")


def test_totals_are_the_sums_over_layers(burst: Report) -> None:
    value = burst.to_json()
    for key in ("synaptic_events", "unit_spike_operations", "dense_macs", "events", "spikes"):
        assert value["counters"][key] == sum(row[key] for row in value["by_population"].values())
    for energy in value["energy"].values():
        assert energy["picojoule"] == close(sum(energy["by_layer"].values()))
        added = {f["key"] for f in energy["hardware"]["figures"] if f["in_total"]}
        figures = {key: each for key, each in energy["by_figure"].items() if key in added}
        assert energy["picojoule"] == close(sum(figures.values()))
        for key, each in energy["by_figure"].items():
            rows = energy["by_layer_figure"].values()
            assert each == close(sum(row.get(key, 0.0) for row in rows))
        parts = [p["picojoule"] for p in energy["parts"].values() if p["in_total"]]
        assert energy["picojoule"] == close(sum(part or 0.0 for part in parts))


def test_counts_of_the_input_are_those_of_the_data(burst: Report, data: DataSet) -> None:
    row = burst.to_json()["by_population"]["x"]
    assert row["spikes"] == int(data.x.sum())
    assert row["mean_count"] == int(data.x.sum()) / data.x.size
    assert row["module_path"] == ""


def test_sums_are_told_apart(burst: Report) -> None:
    """stem, stream and pool pass sums on, head is only read; the rest are spikes."""
    rows, sums = burst.to_json()["by_population"], burst.to_json()["sums"]
    assert {name for name, row in rows.items() if row["mean_count"] is None} == {
        "stem", "stream", "pool", "head",
    }  # fmt: skip
    total = burst.counters
    events = total["synaptic_events"] - sums["synaptic_events"]
    unit_spikes = total["unit_spike_operations"] - sums["unit_spike_operations"]
    assert events == unit_spikes > 0
    # every sum is one event: 32 of stem reach two populations, 32 of stream one, 2 of pool three
    assert 0 < sums["synaptic_events"] <= 6 * (64 + 32 + 6)


def test_first_layer_by_the_papers_is_the_one_after_the_input(burst: Report) -> None:
    # 3x3 kernel on 4x4 pixels, two output channels; padding counts, as in the papers' tables
    assert burst.papers.first_layer == ("x>stem",)
    assert burst.papers.first_layer_macs == 2 * 16 * 9
    assert burst.papers.left_out == ("pool>head",)


def test_ann_baseline_counts_weighted_layers_as_macs_and_skips_as_additions(
    burst: Report,
) -> None:
    on_float, on_integers, _ = burst.baseline
    assert on_float.macs == 200 + 400 + 6
    assert on_float.additions == 3 * 32 + 32
    assert on_float.picojoule == close(606 * 4.6 + 128 * 0.9)
    assert on_integers.picojoule == close(606 * 0.3 + 128 * 0.1)


def test_json_keys_of_the_contract(burst: Report) -> None:
    value = json.loads(json.dumps(burst.to_json(), allow_nan=False))
    assert {"counters", "by_population", "energy", "baseline", "definitions"} <= set(value)
    assert set(value["energy"]) == {"45nm", "45nm-int8", "loihi1"}
    assert value["n_samples"] == 6
    assert value["verification"] is None
    counters = set(value["counters"]) - {"host_macs"}
    assert counters <= set(value["definitions"])


def test_csv_has_one_row_for_each_population(burst: Report, tmp_path: Path) -> None:
    write_report(burst, tmp_path / "r.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text())))
    assert [row["population"] for row in rows] == [
        "x", "stem", "act1", "stream", "act2", "pool", "head",
    ]  # fmt: skip
    total = sum(int(row["synaptic_events"]) for row in rows)
    assert total == burst.counters["synaptic_events"]
    energy = sum(float(row["picojoule_loihi1"]) for row in rows)
    assert energy == close(burst.energy[-1].picojoule)


def test_text_and_json_files(burst: Report, tmp_path: Path) -> None:
    write_report(burst, tmp_path / "r.txt")
    text = (tmp_path / "r.txt").read_text()
    assert "Intel Loihi (first generation)" in text
    assert "synaptic_events: sum over events" in text
    write_report(burst, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == burst.to_json()


def test_page_is_self_contained_and_escapes_names(data: DataSet, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    verification = {
        "ok": True,
        "n_mismatches": 0,
        "rounding": {"changed_share": 0.25, "input": {}},
        "engines": [{"engine": "event", "against": "dense", "n_mismatches": 3, "n_values": 1234}],
        "populations": [{"name": HOSTILE, "n_activations": 77_777, "changed_share": 0.125}],
    }
    found = report(
        model_of(network(HOSTILE)),
        data,
        hardware=["45nm", "loihi1", "loihi2"],
        output=[path],
        verification=verification,
    )
    text = path.read_text()
    assert "alert(1)</script>" not in text  # the title is escaped, all else is packed
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", text)
    assert "url(" not in text
    assert "default-src 'none'" in text
    held = unpack(re.findall(r'id="data">([^<]*)<', text)[0])
    assert held["report"] == json.loads(json.dumps(found.to_json()))


def test_raster_in_the_page_holds_every_event(data: DataSet) -> None:
    found = report(model_of(network()), data, code="burst")
    traced = trace(model_of(network()), data, sample=0, code="burst")
    sizes = {layer.name: layer.n_neurons for layer in found.layers}
    drawn = raster(traced, sizes)
    events = {
        (p["name"], int(tick), int(neuron), int(payload))
        for p in drawn["populations"]
        for tick, neuron, payload in zip(p["tick"], p["neuron"], p["payload"], strict=True)
    }
    columns = (traced.population, traced.tick, traced.neuron, traced.payload)
    assert events == {
        (traced.names[p], int(tick), int(neuron), int(payload))
        for p, tick, neuron, payload in zip(*columns, strict=True)
    }
    assert len(events) == len(traced.tick) > 0


def test_verification_file(data: DataSet, tmp_path: Path) -> None:
    path = tmp_path / "verify.json"
    path.write_text('{"ok": true, "n_samples": 6}')
    found = report(model_of(network()), data, verification=path)
    assert found.to_json()["verification"] == {"ok": True, "n_samples": 6}
    path.write_text('{"ok": 1, "engines": [3], "populations": {"a": []}, "rounding": [], "x": {}}')
    strange = report(model_of(network()), data, verification=path, output=[tmp_path / "r.html"])
    assert strange.render()
    for text in ("[1]", "{", '{"yes": 1}'):
        path.write_text(text)
        with pytest.raises(BadInputFile):
            report(model_of(network()), data, verification=path)


def test_what_cannot_be_written_is_refused_before_the_run(data: DataSet, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("mine")
    with pytest.raises(OutputExists):
        report(model_of(network()), data, output=[path])
    assert path.read_text() == "mine"
    with pytest.raises(WrongUsage):
        report(model_of(network()), data, output=[tmp_path / "r.docx"])
    with pytest.raises(UnknownHardware):
        report(model_of(network()), data, hardware=["loihi9"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.json"]


def test_projections_add_up_to_the_populations_that_they_reach(burst: Report) -> None:
    value = burst.to_json()
    links = value["by_projection"]
    assert {(row["source"], row["target"]) for row in links.values()} == {
        ("x", "stem"), ("stem", "act1"), ("stem", "stream"), ("act1", "stream"),
        ("stream", "act2"), ("act2", "pool"), ("pool", "head"), ("head", "out"),
    }  # fmt: skip
    for name, row in value["by_population"].items():
        into = [link for link in links.values() if link["target"] == name]
        for key in ("synaptic_events", "unit_spike_operations", "effective_acs", "dense_macs"):
            assert row[key] == sum(link[key] for link in into)
    assert links["head>out"]["synaptic_events"] is None
    assert links["act1>stream"]["n_synapses"] == 100 * 2 * 2  # tap-position pairs x channels


def test_rate_beside_exact_codes_is_marked_and_has_its_own_accuracy(data: DataSet) -> None:
    model = model_of(network())
    found = report(model, data, code="burst", codes=["burst", "rate"], rate_ticks=8)
    value = found.to_json()
    alone = run(model, data, code="rate", rate_ticks=8)
    rows = value["codes"]
    assert {code: row["exact"] for code, row in rows.items()} == {"burst": True, "rate": False}
    assert rows["burst"]["rate"] is None
    assert rows["rate"]["rate"] == {"ticks": 8, "reset": "subtract", "pools": "refuse"}
    assert rows["rate"]["accuracy"] == alone.accuracy
    assert rows["rate"]["counters"] == dict(alone.counters)
    assert rows["rate"]["n_ticks"] == alone.n_ticks
    console = Console(width=100, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        for part in found.render():
            console.print(part)
    assert "rate (inexact)" in capture.get()
