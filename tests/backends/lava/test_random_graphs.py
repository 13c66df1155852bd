"""Random graphs of the conformance suite: real Lava computes what the event engine does.

What Lava refuses by name is drawn again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from snnc.backends.conformance import Case, cases, differences, run_case
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.backends.lava.limits import LOIHI1
from snnc.backends.registry import get_engine
from snnc.converter.chip import for_chip
from snnc.ir.errors import NotExecutable, UnsupportedByTarget, WidthExceeded
from snnc.ir.signs import input_parts, with_parts, with_wholes

pytestmark = pytest.mark.lava

REFUSALS = (NotExecutable, UnsupportedByTarget, WidthExceeded)
QUIET = list(HealthCheck)


def check(case: Case, conv: str) -> None:
    engine = LavaEngine(conv=conv, time_limit=300)  # type: ignore[arg-type]
    try:
        found = run_case(engine, case)
    except REFUSALS:
        reject()
    assert differences(run_case(get_engine("event"), case), found) == []


# a run starts some forty processes, so the quick part is short, and nothing is shrunk
@settings(
    max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=QUIET,
)  # fmt: skip
@given(case=cases(), conv=st.sampled_from(["sparse", "conv"]))
def test_some(lava: Environment, case: Case, conv: str) -> None:
    check(case, conv)


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(LavaEngine().codes))
@settings(
    max_examples=100, deadline=None, phases=[Phase.generate], suppress_health_check=QUIET
)  # fmt: skip
@given(data=st.data(), conv=st.sampled_from(["sparse", "conv"]))
def test_a_hundred_of_each_code(
    lava: Environment, code: str, data: st.DataObject, conv: str
) -> None:
    check(data.draw(cases(code=code)), conv)


@pytest.mark.slow
@settings(
    max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=QUIET
)  # fmt: skip
@given(case=cases(code="burst"))
def test_passes_for_unit_spikes(lava: Environment, case: Case) -> None:
    """What loihi1's passes make of a graph gives, in Lava, the counts of the graph as it was."""
    try:
        graph, notes = for_chip(case.graph, LOIHI1, case.settings)
        if not notes:
            reject()
        fitted = replace(case, graph=graph, feeds=with_parts(input_parts(graph), case.feeds))
        found = run_case(LavaEngine(target="loihi1", time_limit=300), fitted)
    except REFUSALS:
        reject()
    expected, counts = run_case(get_engine("event"), case).counts, with_wholes(graph, found.counts)
    for name in expected.keys() & counts.keys():
        assert (expected[name] == counts[name]).all(), name
