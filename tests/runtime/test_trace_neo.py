"""Traces as neo objects, read back from NIX files by neo itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.errors import DataError, OutputExists
from snnc.runtime import trace_neo
from snnc.runtime.trace import TraceResult, trace
from tests.needs import module
from tests.runtime.models import samples, save_model

neo = module("neo")
module("nixio")


@pytest.fixture
def traced(tmp_path: Path) -> TraceResult:
    return trace(save_model(tmp_path), samples()[0], sample=2, code="burst", membranes=True)


def test_neo_reads_back_what_was_traced(traced: TraceResult, tmp_path: Path) -> None:
    path = tmp_path / "trace.nix"
    trace_neo.write_nix(trace_neo.to_neo(traced), path, force=False)

    with neo.NixIO(str(path), mode="ro") as file:
        block = file.read_block()
    (segment,) = block.segments
    assert block.annotations["code"] == "burst"
    assert block.annotations["n_ticks"] == traced.n_ticks
    assert segment.annotations["sample"] == 2
    assert tuple(train.name for train in segment.spiketrains) == traced.names
    n_events = 0
    for index, train in enumerate(segment.spiketrains):
        chosen = traced.population == index
        assert train.times.dimensionality.string == "ms"
        assert np.array_equal(train.times.magnitude, traced.tick[chosen])
        assert float(train.t_stop) == traced.n_ticks
        for key in ("neuron", "payload"):
            assert np.array_equal(train.array_annotations[key], getattr(traced, key)[chosen])
        n_events += len(train)
    assert n_events == len(traced.tick) > 0

    assert traced.membranes is not None
    assert {signal.name for signal in segment.analogsignals} == set(traced.membranes)
    for signal in segment.analogsignals:
        values = traced.membranes[signal.name]
        assert signal.dtype == np.int64
        assert np.array_equal(signal.magnitude, values.reshape(len(values), -1))
        assert np.array_equal(signal.times.magnitude, np.arange(traced.n_ticks))

    with pytest.raises(OutputExists):
        trace_neo.write_nix(trace_neo.to_neo(traced), path, force=False)


def test_silent_populations_and_odd_names(traced: TraceResult, tmp_path: Path) -> None:
    names = tuple(f"ü/{i}, x" for i in range(len(traced.names)))
    nothing = {key: getattr(traced, key)[:0] for key in ("tick", "population", "neuron", "payload")}
    silent = replace(traced, names=names, membranes=None, ticks=(3, 7), **nothing)
    trace_neo.write_nix(trace_neo.to_neo(silent), tmp_path / "t.nix", force=False)
    with neo.NixIO(str(tmp_path / "t.nix"), mode="ro") as file:
        trains = file.read_block().segments[0].spiketrains
    assert tuple(train.name for train in trains) == names
    assert {len(train) for train in trains} == {0}
    assert {(float(train.t_start), float(train.t_stop)) for train in trains} == {(3, 7)}


def test_more_membranes_than_nix_takes(
    traced: TraceResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_neo, "MAX_SIGNALS", 3)
    with pytest.raises(DataError, match="too many for NIX"):
        trace_neo.to_neo(traced)
