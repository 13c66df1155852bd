"""Messages and work of cores, against a count over every single synapse."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given, settings

from snnc.backends.conformance import Case, cases
from snnc.backends.mapping.traffic import OUTSIDE, Activity, find_load, phases, uniform
from snnc.ir.codes import RunSettings
from snnc.ir.nodes import Population, Product
from snnc.ir.schedule import make_schedule
from snnc.runtime.progress import silent
from tests.backends.mapping.cuts import random_cuts, reached
from tests.ir.graphs import small_graph


def random_activity(case: Case, rng: np.random.Generator) -> Activity:
    """Integers as float64, so that sums are exact; silent neurons among them."""
    nodes = uniform(case.graph).events
    events = {n: rng.integers(0, 4, len(v)).astype(np.float64) for n, v in nodes.items()}
    peak = {n: np.minimum(v, 1) for n, v in events.items()}
    pairs = {node.name: float(node.size * 3) for node in case.graph.products}
    return Activity(events=events, peak=peak, pairs=pairs, measured=True)


@settings(max_examples=20, deadline=None)
@given(case=cases())
def test_random_graphs(case: Case) -> None:
    graph = case.graph
    rng = np.random.default_rng(len(graph.nodes))
    cuts, activity = random_cuts(graph, rng), random_activity(case, rng)
    schedule = make_schedule(graph, case.settings)
    phase = phases(schedule)
    n_cores = sum(len(cut.boxes) for cut in cuts.values())
    messages: dict[tuple[int, int, int], float] = defaultdict(float)
    work, peak = np.zeros(n_cores), np.zeros((n_cores, len(phase)))
    for p in graph.projections.values():
        target = graph.nodes[p.target]
        if not isinstance(target, Population | Product):
            continue
        for neuron, ends in enumerate(reached(graph, p)):
            events = activity.events[p.source][neuron]
            sender = int(cuts[p.source].owner[neuron]) if p.source in cuts else OUTSIDE
            owners = [int(cuts[p.target].owner[end]) for end in ends]
            for core in set(owners):
                if events:
                    messages[sender, core, phase[p.source]] += events
            if isinstance(target, Population):
                np.add.at(work, owners, events)
                np.add.at(peak[:, phase[p.source]], owners, activity.peak[p.source][neuron])
    for product in graph.products:  # three pairs for each entry
        np.add.at(work, cuts[product.name].owner, 3)
        np.add.at(peak[:, phase[product.name]], cuts[product.name].owner, 3)

    load = find_load(graph, cuts, activity, schedule, silent)
    flow = load.flow
    found = zip(flow.source.tolist(), flow.target.tolist(), flow.phase.tolist(), strict=True)
    assert dict(zip(found, flow.events.tolist(), strict=True)) == messages
    np.testing.assert_allclose(load.synaptic_events, work)
    np.testing.assert_allclose(load.peak_synaptic_events, peak.max(axis=1))
    sent = sum(activity.events[n].sum() for n in cuts if n in activity.events)
    assert load.sent.sum() == sent


def test_phases() -> None:
    graph = small_graph()
    sequential = phases(make_schedule(graph, RunSettings(code="burst")))
    assert sequential == {"x": 0, "conv": 1, "pool": 2, "head": 3}
    pipelined = phases(make_schedule(graph, RunSettings(code="burst", schedule="pipelined")))
    assert set(pipelined.values()) == {0}


def test_what_stays_and_what_the_host_sends() -> None:
    graph = small_graph()
    cuts = random_cuts(graph, np.random.default_rng(3))
    load = find_load(graph, cuts, uniform(graph), make_schedule(graph, RunSettings()), silent)
    assert (load.flow.source == OUTSIDE).any()
    assert (load.flow.inside().source != OUTSIDE).all()
    between = load.flow.between()
    assert (between.source != between.target).all()
    assert len(between.source) < len(load.flow.inside().source) or len(set(load.flow.target)) > 1
