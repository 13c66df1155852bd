"""Running: the same numbers in every batch size, counters summed, limits kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable, OutputExists, TimeLimit
from snnc.ir.file import save
from snnc.ir.graph import Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Population
from snnc.runtime import batches
from snnc.runtime.model import load
from snnc.runtime.run import run
from snnc.runtime.scale import worker
from tests.runtime.models import N_OUT, STEP, make_file, reference, samples, save_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
@pytest.mark.parametrize("code", ["graded", "burst"])
def test_outputs(model: Path, engine: str, code: str) -> None:
    x, _ = samples()
    result = run(model, x, engine=engine, code=code)
    assert result.outputs_int is not None
    assert result.outputs_int.tolist() == reference(x).tolist()
    assert result.outputs.tolist() == (reference(x) * STEP).tolist()
    assert result.predictions is not None
    assert result.predictions.tolist() == reference(x).argmax(axis=1).tolist()
    assert result.accuracy is None
    assert (result.engine, result.code) == (engine, code)


def test_batches_change_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = samples()
    whole = run(model, x, engine="oracle", counts=True)
    monkeypatch.setattr(batches, "_LARGEST_BATCH", 7)
    told: list[tuple[str, int, int]] = []
    parts = run(model, x, engine="oracle", counts=True, progress=lambda *where: told.append(where))
    assert told == [("run", 0, 20), ("run", 7, 20), ("run", 14, 20), ("run", 20, 20)]
    assert parts.outputs_int is not None
    np.testing.assert_array_equal(parts.outputs_int, whole.outputs_int)
    assert parts.counters == whole.counters
    assert parts.counts is not None
    assert whole.counts is not None
    assert {n: c.tolist() for n, c in parts.counts.items()} == {
        n: c.tolist() for n, c in whole.counts.items()
    }


def test_counters_by_hand(model: Path) -> None:
    x = np.array([[1, 0, 2, 0, 0, 0]], np.uint8)
    hidden = run(model, x, engine="oracle", counts=True)
    assert hidden.counts is not None
    fired = hidden.counts["hidden"][0, 0]
    counters = hidden.counters
    assert counters["synaptic_events"] == 2 * 5 + np.count_nonzero(fired) * 3
    assert counters["unit_spike_operations"] == 3 * 5 + fired.sum() * 3
    assert counters["dense_macs"] == 30 + 15
    assert counters["host_macs"] == 0


def test_sums_are_told_apart(tmp_path: Path) -> None:
    file = make_file()
    graph = file.integer_graph
    late = Population(
        name="late", shape=(N_OUT,), model=IntegerFire(lo=0, thresholds=np.array([[1]]))
    )
    passed = Projection(name="passed", source="scores", target="late", map=Identity(shape=(N_OUT,)))
    graph = graph.replace(
        nodes=[*graph.nodes.values(), late], projections=[*graph.projections.values(), passed]
    )
    save(tmp_path / "m.snnc", replace(file, integer_graph=graph.validate()))
    x, _ = samples()
    result = run(tmp_path / "m.snnc", x, engine="oracle")
    scores = reference(x)
    assert result.sums.synaptic_events == np.count_nonzero(scores)
    assert result.sums.unit_spike_operations == np.abs(scores).sum()
    assert result.sums.dense_macs == scores.size


def test_limit(model: Path) -> None:
    assert run(model, samples()[0], engine="oracle", limit=3).n_samples == 3


def test_time_limit(model: Path) -> None:
    with pytest.raises(TimeLimit, match="after 0 of 20 samples"):
        run(model, samples()[0], engine="oracle", time_limit=1e-9)


def test_an_existing_output_is_found_before_the_work(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "o.npz"
    out.touch()
    monkeypatch.setattr(worker, "open_engine", None)
    with pytest.raises(OutputExists):
        run(model, samples()[0], engine="oracle", output=out)


def test_settings_come_from_the_file(tmp_path: Path) -> None:
    settings = RunSettings(code="burst", schedule="pipelined")
    model = save_model(tmp_path, settings=settings)
    result = run(model, samples()[0], engine="oracle")
    assert (result.code, result.schedule) == ("burst", "pipelined")
    result = run(load(model), samples()[0], engine="oracle", code="graded")
    assert (result.code, result.schedule) == ("graded", "pipelined")
    with pytest.raises(NotExecutable, match="did you mean `burst`"):
        run(model, samples()[0], code="bursts")


def test_batch_size() -> None:
    assert batches.batch_size(10, 1) == 250
    assert batches.batch_size(10**9, 1) == 1
    assert 1 < batches.batch_size(10**5, 1) < 250
