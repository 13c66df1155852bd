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
from snnc.runtime.energy import ann_baselines, estimate, load_hardware, papers_formula

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


def test_45nm(graph: Graph, result: EngineResult) -> None:
    energy = estimate(graph, result, load_hardware("45nm"), code="graded")
    assert energy.by_layer == pytest.approx(
        {
            "hidden": (3 * 0.9 + 7 * 4.6) / 2,
            "sums": (8 * 0.9) / 2,
            "top": (4 * 4.6) / 2,
        }
    )
    assert energy.picojoule == pytest.approx((11 * 0.9 + 11 * 4.6) / 2)
    assert energy.by_figure == pytest.approx(
        {"accumulate": 11 * 0.9 / 2, "multiply_accumulate": 11 * 4.6 / 2}
    )
    assert energy.assumptions == ()


def test_loihi1_counts_sums_as_one_event_each(graph: Graph, result: EngineResult) -> None:
    energy = estimate(graph, result, load_hardware("loihi1"), code="burst")
    # sums>top: 4 events, not 400 unit spikes; likewise what `sums` emits
    assert energy.by_figure == pytest.approx(
        {
            "synaptic_operation": (20 + 16 + 4) * 23.6 / 2,
            "neuron_update": (60 + 40 + 20) * 81 / 2,
            "spike": (8 + 9 + 4 + 1) * 1.7 / 2,
        }
    )
    (assumption,) = energy.assumptions
    assert "1 population passes sums on as graded events (sums)" in assumption


def test_unit_spike_chip_after_a_graded_run_says_so(graph: Graph, result: EngineResult) -> None:
    energy = estimate(graph, result, load_hardware("loihi1"), code="graded")
    assert any("run with the code burst" in text for text in energy.assumptions)


def test_chip_without_figures_gets_no_number(graph: Graph, result: EngineResult) -> None:
    energy = estimate(graph, result, load_hardware("loihi2"), code="graded")
    assert energy.picojoule is None
    assert energy.by_layer == {}
    assert energy.assumptions == ("no energy per operation is published for this chip",)


def test_ann_baselines(graph: Graph, result: EngineResult) -> None:
    on_float, on_integers = ann_baselines(graph, result, host_macs=100)
    # 12 + 12 + 4 of the graph, 100 on the host, two samples
    assert on_float.macs == on_integers.macs == 64
    assert on_float.picojoule == pytest.approx(64 * 4.6)
    assert on_integers.picojoule == pytest.approx(64 * 0.3)


def test_papers_formula(graph: Graph, result: EngineResult) -> None:
    papers = papers_formula(graph, result, host_macs=0)
    assert papers.first_layer == ("x>hidden",)
    assert papers.first_layer_macs == 12 / 2
    # hidden emits 9 spikes in 6 neuron-frames, and hidden>sums has 12 MACs in two samples
    assert papers.synaptic_operations == pytest.approx(9 / 6 * 12 / 2)
    assert papers.left_out == ("sums>top",)
    assert papers.picojoule == pytest.approx(6 * 4.6 + 9 * 0.9)


def test_papers_formula_takes_the_host_part_as_first_layer(
    graph: Graph, result: EngineResult
) -> None:
    papers = papers_formula(graph, result, host_macs=50)
    assert papers.first_layer == ("host part",)
    assert papers.first_layer_macs == 25
    # x emits 8 spikes in 4 neuron-frames, 12 MACs in two samples
    assert papers.synaptic_operations == pytest.approx((8 / 4 * 12 + 9 / 6 * 12) / 2)
