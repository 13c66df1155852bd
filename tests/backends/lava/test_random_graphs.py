"""Random graphs of the conformance suite: real Lava computes what the event engine does.

What Lava refuses by name is drawn again.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from snnc.backends.conformance import Case, cases, differences, run_case
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.backends.registry import get_engine
from snnc.ir.errors import NotExecutable, UnsupportedByTarget, WidthExceeded

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
