"""Events of neurons, against what engines count and trace."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, reject, settings

from snnc.backends.base import EngineResult, TracingSession
from snnc.backends.conformance import Case, cases
from snnc.backends.registry import get_engine
from snnc.ir.codes import CODES
from snnc.ir.errors import StateExceeded
from snnc.runtime.map.activity import Tally


def tally_of(case: Case, result: EngineResult) -> Tally:
    graph = case.graph
    emitting = [n for n in graph.nodes if any(graph.is_event(p) for p in graph.outgoing(n))]
    tally = Tally(case.settings, {name: graph.emits(name) == "count" for name in emitting})
    totals = {name: result.node_counters[name].events for name in emitting}
    tally.add({name: result.counts[name] for name in emitting}, totals)
    return tally


@settings(max_examples=15, deadline=None)
@given(case=cases())
def test_totals_are_the_engine_s(case: Case) -> None:
    session = get_engine("oracle").prepare(case.graph, case.settings, n_frames=case.n_frames)
    try:
        result = session.run(case.feeds)
    except StateExceeded:  # neurons that sum up what arrives, on a chip's registers
        reject()
    tally = tally_of(case, result)
    for name, events in tally.events.items():
        assert events.sum() == result.node_counters[name].events, name


@pytest.mark.parametrize("code", [code for code in CODES if code != "rate"])
def test_the_busiest_tick_is_the_trace_s(code: str) -> None:
    @settings(max_examples=6, deadline=None)
    @given(case=cases(code=code, schedule="sequential"))
    def check(case: Case) -> None:
        one = {name: feed[:1, :1] for name, feed in case.feeds.items()}
        session = get_engine("oracle").prepare(case.graph, case.settings, n_frames=1)
        assert isinstance(session, TracingSession)
        traced = session.trace(one)
        seen: Counter[str] = Counter()
        for (population, _), n in Counter(
            zip(traced.population.tolist(), traced.tick.tolist(), strict=True)
        ).items():
            name = traced.names[population]
            seen[name] = max(seen[name], n)
        tally = tally_of(case, session.run(one))
        for name, peak in tally.peak().items():
            assert peak.sum() == seen[name], name

    check()
