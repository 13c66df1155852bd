"""Energies of a small network, against sums done by hand.

x (2 inputs) -> hidden (3, integer-fire) -> sums (2, accumulator) -> top (1, integer-fire)
                                                                   -> out
"""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.base import Counters, EngineResult, NodeCounters
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.runtime.energy import (
    Counted,
    EnergyEstimate,
    Placed,
    ann_baselines,
    estimate,
    load_hardware,
    papers_formula,
)
from snnc.runtime.energy.memory import MemoryCounters, Widths
from tests.close import close

N_SAMPLES = 2


@pytest.fixture
def graph() -> Graph:
    fire = IntegerFire(lo=0, thresholds=np.array([[1, 2]]))
    ones = np.ones((3, 2), dtype=np.int64)
    return Graph(
        [
            Input(name="x", shape=(2,), hi=2),
            Population(name="hidden", shape=(3,), model=fire),
            Population(name="sums", shape=(2,), model=Accumulator()),
            Population(name="top", shape=(1,), model=fire),
            Output(name="out", shape=(1,)),
        ],
        [
            Projection(name="x>hidden", source="x", target="hidden", map=Dense(weight=ones)),
            Projection(
                name="hidden>sums", source="hidden", target="sums", map=Dense(weight=ones.T)
            ),
            Projection(name="sums>top", source="sums", target="top", map=Dense(weight=ones[:1])),
            Projection(
                name="top>out",
                source="top",
                target="out",
                map=Identity(shape=(1,)),
            ),
        ],
    ).validate()


@pytest.fixture
def result() -> EngineResult:
    """Made-up counters of two samples; each number is used in the sums below."""
    return EngineResult(
        counts={},
        counters={
            "x>hidden": Counters(10, 20, 3, 7, 12),
            "hidden>sums": Counters(8, 16, 8, 0, 12),
            "sums>top": Counters(4, 400, 0, 4, 4),
        },
        node_counters={
            "x": NodeCounters(events=4, spikes=8),
            "hidden": NodeCounters(events=5, spikes=9, neuron_updates=60, neuron_latches=6),
            "sums": NodeCounters(events=4, spikes=400, neuron_updates=40, neuron_latches=4),
            "top": NodeCounters(events=1, spikes=1, neuron_updates=20, neuron_latches=2),
        },
        n_samples=N_SAMPLES,
        n_ticks=10,
    )


def of(
    name: str, graph: Graph, result: EngineResult, *, code: str, placed: Placed | None = None
) -> EnergyEstimate:
    """On a shipped chip, with made-up memory traffic."""
    memory = {"hidden": MemoryCounters(64, 640), "top": MemoryCounters(0, 128)}
    counted = Counted(graph=graph, result=result, code=code, memory=memory, placed=placed)
    return estimate(counted, load_hardware(name))


def test_45nm(graph: Graph, result: EngineResult) -> None:
    energy = of("45nm", graph, result, code="graded")
    assert energy.by_layer == close(
        {
            "hidden": (3 * 0.9 + 7 * 4.6) / 2,
            "sums": (8 * 0.9) / 2,
            "top": (4 * 4.6) / 2,
        }
    )
    assert energy.picojoule == close((11 * 0.9 + 11 * 4.6) / 2)
    assert energy.by_figure == close(
        {
            "accumulate": 11 * 0.9 / 2,
            "multiply_accumulate": 11 * 4.6 / 2,
            "neuron_latch": (6 + 4 + 2) * 2 * 0.9 / 2,
            "weight_bits": 64 * 10 / 64 / 2,
            "state_bits": (640 + 128) * 10 / 64 / 2,
        }
    )
    assert energy.assumptions == ()


def test_parts_beside_the_total(graph: Graph, result: EngineResult) -> None:
    """Neurons and memory are shown, and not added up unless that is asked for."""
    value = of("45nm", graph, result, code="graded").to_json()
    arithmetic = (11 * 0.9 + 11 * 4.6) / 2
    moved = (64 + 640 + 128) / 64 / 2
    assert value["parts"]["synapses"]["in_total"] is True
    assert value["parts"]["memory"] == close(
        {
            "picojoule": moved * 10,
            "picojoule_low": moved * 10,
            "picojoule_high": moved * 100,
            "in_total": False,
        }
    )
    assert value["picojoule"] == value["picojoule_high"] == close(arithmetic)
    counted = Counted(
        graph=graph, result=result, code="graded", memory={"top": MemoryCounters(64, 0)}
    )
    both = estimate(counted, load_hardware("45nm"), parts=["synapses", "memory"]).to_json()
    assert both["picojoule"] == close(arithmetic + 10 / 2)
    assert both["picojoule_high"] == close(arithmetic + 100 / 2)
    assert both["by_layer"]["top"] == close((4 * 4.6 + 10) / 2)
    assert both["by_layer_figure"]["hidden"]["neuron_latch"] == close(6 * 1.8 / 2)


def test_loihi1_counts_sums_as_one_event_each(graph: Graph, result: EngineResult) -> None:
    energy = of("loihi1", graph, result, code="burst")
    # sums>top: 4 events, not 400 unit spikes; likewise what `sums` emits
    dynamic = {
        "synaptic_operation": (20 + 16 + 4) * 23.6 / 2,
        "neuron_update": (60 + 40 + 20) * 81 / 2,
        "spike": (8 + 9 + 4 + 1) * 1.7 / 2,
    }
    # six neurons lie on one chip: 104 mW for 10 ticks of 1 ms
    assert energy.by_figure == close({**dynamic, "static": 104e-3 * 10e-3 * 1e12})
    assert energy.picojoule == close(sum(dynamic.values()))
    assert energy.total is not None
    assert energy.total.low == close(energy.total.picojoule - (81 - 52) * 120 / 2)
    assert energy.total.high == energy.picojoule
    sums, hops, static = energy.assumptions
    assert "1 population passes sums on as graded events (sums)" in sums
    assert "hops between cores are not counted" in hops
    assert "of 1 chip (the least that hold all neurons" in static


def test_hops_and_chips_of_a_placement(graph: Graph, result: EngineResult) -> None:
    traffic = {"hops_east_west": {"hidden": 3.0, "top": 1.0}, "hops_north_south": {"hidden": 2.0}}
    placed = Placed(hardware="loihi1", n_chips=2, traffic=traffic)
    energy = of("loihi1", graph, result, code="burst", placed=placed)
    without = of("loihi1", graph, result, code="burst")
    assert energy.by_figure["hop_east_west"] == close(4 * 3.0)
    assert energy.by_figure["hop_north_south"] == close(2 * 4.0)
    assert energy.picojoule == close((without.picojoule or 0.0) + 20)
    assert energy.by_figure["static"] == close(2 * without.by_figure["static"])
    assert energy.by_layer["hidden"] == close(without.by_layer["hidden"] + 3 * 3 + 2 * 4)
    assert without.by_part["hops"] is None
    assert without.to_json()["parts"]["hops"]["picojoule"] is None
    assert not any("hops" in text for text in energy.assumptions)
    elsewhere = Placed(hardware="loihi2", n_chips=2, traffic=traffic)
    assert of("loihi1", graph, result, code="burst", placed=elsewhere) == without


def test_unit_spike_chip_after_a_graded_run_says_so(graph: Graph, result: EngineResult) -> None:
    energy = of("loihi1", graph, result, code="graded")
    assert any("run with the code burst" in text for text in energy.assumptions)


def test_chip_without_figures_gets_no_number(graph: Graph, result: EngineResult) -> None:
    energy = of("loihi2", graph, result, code="graded")
    assert energy.picojoule is None
    assert energy.by_layer == {}
    assert energy.assumptions == ("no energy per operation is published for this chip",)


WIDTHS = Widths(
    membrane={},
    count={"x": 3, "hidden": 2, "sums": 9, "top": 2},
    weight={"x>hidden": 2, "hidden>sums": 2, "sums>top": 2},
)


def test_ann_baselines(graph: Graph, result: EngineResult) -> None:
    nonzero = {"x>hidden": 3.0, "hidden>sums": 5.0, "sums>top": 1.0}  # a sample
    on_float, on_integers, skipping = ann_baselines(graph, result, 100, WIDTHS, nonzero)
    # 12 + 12 + 4 of the graph, 100 on the host, two samples
    assert on_float.macs == on_integers.macs == 64
    assert on_float.picojoule == close(64 * 4.6)
    assert on_integers.picojoule == close(64 * 0.3)
    assert skipping.macs == (6 + 10 + 2 + 100) / 2
    assert skipping.picojoule == close(59 * 0.3)
    assert on_float.weight_bits == 64 * 32
    assert on_float.state_bits == 64 * 32 + 12 / 2 * 32
    # operands are 3, 2 and 9 bits wide, results 2, 9 and 2; the host computes in float
    assert on_integers.weight_bits == (28 * 2 + 100 * 32) / 2
    written = 6 * 2 + 4 * 9 + 2 * 2
    assert on_integers.state_bits == (12 * 3 + 12 * 2 + 4 * 9 + written + 100 * 32) / 2
    assert skipping.state_bits == (6 * 3 + 10 * 2 + 2 * 9 + written + 100 * 32) / 2
    memory = skipping.to_json()["parts"]["memory"]
    bits = skipping.weight_bits + skipping.state_bits
    assert memory["picojoule"] == close(bits * 10 / 64)
    assert memory["in_total"] is False


def test_without_counts_zero_skipping_is_left_out(graph: Graph, result: EngineResult) -> None:
    found = ann_baselines(graph, result, 0, WIDTHS, None)
    assert [baseline.name for baseline in found] == ["float", "integer"]


def test_papers_formula(graph: Graph, result: EngineResult) -> None:
    papers = papers_formula(graph, result, host_macs=0)
    assert papers.first_layer == ("x>hidden",)
    assert papers.first_layer_macs == 6
    # hidden emits 9 spikes in 6 neuron-frames, hidden>sums has 6 MACs
    assert papers.other_macs == 6
    assert papers.synaptic_operations == close(9 / 6 * 6)
    assert papers.left_out == ("sums>top",)
    assert papers.picojoule == close(6 * 4.6 + 9 * 0.9)
    assert papers.picojoule_low == papers.picojoule == papers.picojoule_high
    assert papers.mean_count == close(9 / 6)


def test_papers_formula_takes_the_host_part_as_first_layer(
    graph: Graph, result: EngineResult
) -> None:
    papers = papers_formula(graph, result, host_macs=50)
    assert papers.first_layer == ("host part",)
    assert papers.first_layer_macs == 25
    # x emits 8 spikes in 4 neuron-frames, 6 MACs
    assert papers.synaptic_operations == close(8 / 4 * 6 + 9 / 6 * 6)
