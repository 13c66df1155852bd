"""Traces: every event where the event code says it is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from snnc.backends.base import Stretch
from snnc.ir.errors import DataError, OutputExists
from snnc.runtime.trace import trace
from snnc.runtime.trace_files import TraceHead, trace_file
from tests import needs
from tests.runtime.models import BIAS, THRESHOLDS, W1, D, reference, samples, save_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


KEYS = ("tick", "population", "neuron", "payload")


def hidden_counts(q: np.ndarray) -> np.ndarray:
    i = W1 @ q.astype(np.int64) + BIAS
    return (i[:, None] >= THRESHOLDS).sum(axis=1)


def test_burst_is_a_thermometer(model: Path) -> None:
    x, _ = samples()
    found = trace(model, x, sample=3, code="burst")
    counts = {0: x[3].astype(np.int64), 1: hidden_counts(x[3])}
    start = {0: 0, 1: D}
    expected = sorted(
        (start[p] + slot, p, neuron)
        for p, ks in counts.items()
        for neuron, k in enumerate(ks)
        for slot in range(k)
    )
    spiking = found.population < 2
    events = zip(found.tick[spiking], found.population[spiking], found.neuron[spiking], strict=True)
    assert [tuple(map(int, event)) for event in events] == expected
    assert set(found.payload[spiking].tolist()) == {1}
    assert found.names == ("x", "hidden", "scores")


def test_graded_is_one_event_a_count(model: Path) -> None:
    x, _ = samples()
    found = trace(model, x, sample=0)
    sent = found.population == 1
    counts = hidden_counts(x[0])
    assert found.neuron[sent].tolist() == np.flatnonzero(counts).tolist()
    assert found.payload[sent].tolist() == counts[counts > 0].tolist()
    scores = reference(x[:1])[0]
    assert found.payload[found.population == 2].tolist() == scores[scores != 0].tolist()
    assert found.n_spikes == int(x[0].sum() + counts.sum())  # sums passed on are no spikes


def test_membranes(model: Path) -> None:
    x, _ = samples()
    found = trace(model, x, sample=0, membranes=True)
    assert found.membranes is not None
    peak = found.membranes["hidden"][: found.n_ticks]
    latched = W1 @ x[0].astype(np.int64) + BIAS
    assert (peak == latched).all(axis=1).any()


def test_by_population(model: Path) -> None:
    x = np.zeros((1, 6), np.uint8)
    x[0, 0] = 2
    rows = trace(model, x, sample=0, code="burst").by_population
    assert rows["x"] == {"n_events": 2, "n_spikes": 2, "first_tick": 0, "last_tick": 1}
    silent = {"n_events": 0, "n_spikes": 0, "first_tick": None, "last_tick": None}
    quiet = trace(model, np.zeros((1, 6), np.uint8), sample=0).by_population["x"]
    assert quiet == silent


def test_no_such_sample(model: Path) -> None:
    with pytest.raises(DataError, match="there is no sample -1, only 0 to 19"):
        trace(model, samples()[0], sample=-1)


def test_files_are_checked_before_the_work(model: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "t.npz", tmp_path / "r.png"
    plot.touch()
    with pytest.raises(OutputExists, match=r"r\.png"):
        trace(model, samples()[0], sample=0, output=out, plot=plot)
    assert not out.exists()


def test_a_part_of_a_trace(model: Path) -> None:
    x, _ = samples()
    whole = trace(model, x, sample=3, code="burst", membranes=True)
    part = trace(
        model, x, sample=3, code="burst", membranes=True, populations=["hidden"], ticks=(D, D + 2)
    )
    counts = hidden_counts(x[3])
    assert part.names == ("hidden",)
    assert set(part.population.tolist()) == {0}
    assert part.n_spikes == int(np.minimum(counts, 2).sum())  # two ticks of the thermometer
    assert part.to_json()["ticks"] == [D, D + 2]
    assert whole.membranes is not None
    assert part.membranes is not None
    assert list(part.membranes) == ["hidden"]
    assert (part.membranes["hidden"] == whole.membranes["hidden"][D : D + 2]).all()
    for wrong in ((5, 5), (0, whole.n_ticks + 1), (whole.n_ticks, None)):
        with pytest.raises(DataError, match="ticks"):
            trace(model, x, sample=3, code="burst", ticks=wrong)
    with pytest.raises(DataError, match="hidde"):
        trace(model, x, sample=3, populations=["hidde"])


def test_files_read_back_without_snnc(model: Path, tmp_path: Path) -> None:
    h5py = needs.module("h5py")
    x, _ = samples()
    made = [
        trace(model, x, sample=3, code="burst", membranes=True, output=tmp_path / f"t.{kind}")
        for kind in ("npz", "h5", "csv")
    ]
    found = made[0]
    columns = [found.tick, found.population, found.neuron, found.payload]
    with np.load(tmp_path / "t.npz") as file:
        assert all((file[key] == c).all() for key, c in zip(KEYS, columns, strict=True))
        assert file["ticks"].tolist() == [0, found.n_ticks]
    with h5py.File(tmp_path / "t.h5") as file:
        assert all((file[key][:] == c).all() for key, c in zip(KEYS, columns, strict=True))
        membranes = {d.attrs["name"]: d[:] for d in file["membranes"].values()}
        assert [name.decode() for name in file["names"][:]] == list(found.names)
        assert file.attrs["code"] == "burst"
    assert found.membranes is not None
    assert (membranes["hidden"] == found.membranes["hidden"]).all()
    lines = (tmp_path / "t.csv").read_text().splitlines()
    named = [found.names[p] for p in found.population]
    rows = zip(found.tick, named, found.neuron, found.payload, strict=True)
    assert lines == ["tick,population,neuron,payload", *(f"{t},{p},{n},{k}" for t, p, n, k in rows)]


def test_names_in_a_list_of_events_are_read_back_by_csv(tmp_path: Path) -> None:
    names = ("plain", "a,b", 'a,"b"', '"', "two\nlines", "two\rlines", " spaces ", "it's", "")
    head = TraceHead(
        samples=(0, 1), several=False, code="burst", schedule="sequential", n_ticks=9,
        ticks=(0, 9), names=names, values=frozenset(), membranes={},
    )  # fmt: skip
    every = np.arange(len(names))
    with trace_file(tmp_path / "t.csv", head, force=False) as add:
        add(Stretch(0, every, every, every + 7, -every))
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(KEYS)
    assert rows[1:] == [[str(i), name, str(i + 7), str(-i)] for i, name in enumerate(names)]
