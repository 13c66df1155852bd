"""Traces as neo objects, read back from NIX files by neo itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from snnc.backends.base import Stretch
from snnc.backends.event import session, simulate
from snnc.ir.errors import DataError, OutputExists
from snnc.runtime import trace_neo
from snnc.runtime.trace import TraceResult, trace, trace_to
from tests.needs import module
from tests.runtime.models import samples, save_model

neo = module("neo")
module("nixio")


def read(path: Path) -> Any:
    with neo.NixIO(str(path), mode="ro") as file:
        return file.read_block()


def check_segment(segment: Any, traced: TraceResult) -> None:
    """Is a segment what was traced?"""
    assert segment.annotations["sample"] == traced.sample
    assert tuple(train.name for train in segment.spiketrains) == traced.names
    for index, train in enumerate(segment.spiketrains):
        chosen = traced.population == index
        assert train.times.dimensionality.string == "ms"
        assert np.array_equal(train.times.magnitude, traced.tick[chosen])
        assert float(train.t_start) == traced.ticks[0]
        assert float(train.t_stop) == traced.ticks[1]
        for key in ("neuron", "payload"):
            assert np.array_equal(train.array_annotations[key], getattr(traced, key)[chosen])
    assert sum(map(len, segment.spiketrains)) == len(traced.tick) > 0
    membranes = traced.membranes or {}
    assert {signal.name for signal in segment.analogsignals} == set(membranes)
    for signal in segment.analogsignals:
        values = membranes[signal.name]
        assert signal.dtype == np.int64
        assert np.array_equal(signal.magnitude, values.reshape(len(values), -1))
        assert np.array_equal(signal.times.magnitude, np.arange(*traced.ticks))


def test_neo_reads_back_what_was_traced(tmp_path: Path) -> None:
    model, path = save_model(tmp_path), tmp_path / "trace.nix"
    args: Any = {"sample": 2, "code": "burst", "membranes": True, "ticks": (1, None)}
    traced = trace(model, samples()[0], output=path, **args)
    block = read(path)
    assert block.annotations["code"] == "burst"
    assert block.annotations["n_ticks"] == traced.n_ticks
    (segment,) = block.segments
    check_segment(segment, traced)
    check_segment(trace_neo.to_neo(traced).segments[0], traced)
    with pytest.raises(OutputExists):
        trace(model, samples()[0], output=path, **args)


def test_several_samples_are_as_many_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "_ROOM", 1)  # many stretches
    monkeypatch.setattr(session, "LOG_ROOM", 1)
    model, path = save_model(tmp_path), tmp_path / "traces.nix"
    trace_to(model, samples()[0], path, samples=(1, 3), code="burst", membranes=True)
    segments = read(path).segments
    assert len(segments) == 2
    for sample, segment in zip((1, 2), segments, strict=True):
        traced = trace(model, samples()[0], sample=sample, code="burst", membranes=True)
        check_segment(segment, traced)


class Looked(np.ndarray):
    """Counts how often all entries are computed with."""

    times: ClassVar[int] = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **more: Any) -> Any:
        Looked.times += 1
        return getattr(ufunc, method)(*map(np.asarray, inputs), **more)


def test_events_are_looked_at_once_for_all_populations() -> None:
    names = [f"p{i}" for i in range(40)]
    rng = np.random.default_rng(0)
    population, tick = rng.integers(0, 39, 500), np.sort(rng.integers(0, 90, 500))
    part = Stretch(0, tick, population.view(Looked), np.arange(500), -np.arange(500))
    trains = trace_neo._segment(names, (0, 90), part).spiketrains
    assert [train.name for train in trains] == names
    for index, train in enumerate(trains):
        chosen = np.flatnonzero(population == index)
        assert train.times.magnitude.tolist() == tick[chosen].tolist()
        assert train.array_annotations["neuron"].tolist() == chosen.tolist()
        assert train.array_annotations["payload"].tolist() == (-chosen).tolist()
    assert Looked.times <= 1


def test_a_silent_population(tmp_path: Path) -> None:
    model, path = save_model(tmp_path), tmp_path / "silent.nix"
    x = np.zeros_like(samples()[0])
    traced = trace(model, x, sample=0, output=path)
    assert tuple(train.name for train in read(path).segments[0].spiketrains) == traced.names
    assert len(read(path).segments[0].spiketrains[0]) == 0


def test_more_membranes_than_nix_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_neo, "MAX_SIGNALS", 3)
    model, path = save_model(tmp_path), tmp_path / "trace.nix"
    with pytest.raises(DataError, match="too many for NIX"):
        trace_to(model, samples()[0], path, sample=0, membranes=True)
    assert not path.exists()
    traced = trace(model, samples()[0], sample=0, membranes=True)
    with pytest.raises(DataError, match="too many for NIX"):
        trace_neo.to_neo(traced)
