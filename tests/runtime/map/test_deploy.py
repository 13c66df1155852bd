"""Mapping a model for a chip that it was not converted for: the chip's passes run first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.passes import DirectProjections
from snnc.runtime.map import map as map_model
from snnc.runtime.model import Model
from tests.close import close

WEIGHT = np.array([[1, -2], [3, 1]])
BURST = RunSettings("burst", "sequential")


def stream(scale: int = 1) -> Graph:
    """x -> stem, a sum; act reads it; total = stem + W act; last reads that."""
    fire = IntegerFire(lo=0, thresholds=np.array([[2, 5, 9]]))
    nodes = [
        Input(name="x", shape=(2,), lo=0, hi=3),
        Population(name="stem", shape=(2,), model=Accumulator(), bias=np.array([3, 0])),
        Population(name="act", shape=(2,), model=fire),
        Population(name="total", shape=(2,), model=Accumulator()),
        Population(name="last", shape=(2,), model=fire),
        Output(name="z", shape=(2,)),
    ]
    ends = [
        ("x", "stem", Dense(weight=WEIGHT)),
        ("stem", "act", Identity(shape=(2,))),
        ("stem", "total", Identity(shape=(2,))),
        ("act", "total", Dense(weight=WEIGHT.T * scale)),
        ("total", "last", Dense(weight=WEIGHT)),
        ("last", "z", Identity(shape=(2,))),
    ]
    joins = [Projection(name=f"{s} -> {t}", source=s, target=t, map=m) for s, t, m in ends]
    return Graph(nodes, joins).validate()


def as_model(graph: Graph, target: str = "sim", settings: RunSettings | None = None) -> Model:
    settings = settings or RunSettings()
    file = SnncFile(float_graph=graph, integer_graph=graph, settings=settings)
    return Model(path=None, file=file, bundle=None, target=target, settings=settings)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 4, (10, 2))


def test_sums_become_direct_projections_on_a_chip_of_unit_spikes(x: np.ndarray) -> None:
    found = map_model(as_model(stream()), "loihi1", x)
    assert [c.name for c in found.changes] == ["code", "direct-projections"]
    assert found.settings == BURST
    assert found.to_json()["graph_hash"] == stream().content_hash()
    straight = DirectProjections()(stream())
    ran = get_engine("oracle").prepare(straight, BURST).run({"x": x[:, None]})
    counted = {
        name: sum(ran.counters[p.name].synaptic_events for p in straight.incoming(name)) / len(x)
        for name in ("act", "last")
    }
    assert {p["name"]: p["synaptic_events"] for p in found.populations()} == close(counted)


def test_what_was_converted_for_the_chip_is_mapped_as_it_is(x: np.ndarray) -> None:
    converted = as_model(DirectProjections()(stream()), "loihi1", BURST)
    found = map_model(converted, "loihi1", x)
    assert found.changes == ()
    other = map_model(as_model(stream()), "loihi1", x)
    assert found.populations() == other.populations()
    assert found.traffic == other.traffic


def test_the_code_that_was_asked_for_stays() -> None:
    found = map_model(as_model(stream()), "loihi1", code="graded")
    assert found.settings.code == "graded"
    assert found.fits == "no"
    assert any("graded" in reason.what for reason in found.mapping.reasons)


def test_wide_weights_become_two_projections() -> None:
    graph = stream(scale=101)
    found = map_model(as_model(graph), "loihi2")
    assert [c.name for c in found.changes] == ["split-weights"]
    assert "act -> total (high)" in found.mapping.graph.projections


def test_what_no_pass_can_mend_is_a_reason() -> None:
    wide = replace(stream().projections["act -> total"], map=Dense(weight=WEIGHT * (2**50 + 1)))
    graph = stream().replace(
        projections=[wide if p.name == wide.name else p for p in stream().projections.values()]
    )
    found = map_model(as_model(graph), "loihi2")
    assert found.changes == ()
    assert found.fits == "no"
    assert any("weight" in reason.what for reason in found.mapping.reasons)
