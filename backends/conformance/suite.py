"""The conformance suite as a test class: subclass it, name the engine, and pytest does the rest.

    class TestMyEngine(EngineConformance):
        engine_name = "mine"

The engine has to give the oracle's counts, counters and ticks on random graphs, and where it
has ticks the same events and membranes. Zero differences, or a refusal by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snnc.backends.base import Engine
from snnc.backends.conformance.cases import Case, cases
from snnc.backends.conformance.compare import (
    differences,
    run_case,
    trace_case,
    trace_differences,
)
from snnc.backends.rate import codes_of
from snnc.backends.registry import get_engine
from snnc.ir.errors import NotExecutable, UnsupportedByTarget, WidthExceeded

REFUSALS = (NotExecutable, UnsupportedByTarget, WidthExceeded)
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.differing_executors]


class EngineConformance:
    """Tests of one engine against the oracle.

    Class attributes:
        engine_name: its entry point.
        may_refuse: is a named refusal of a graph acceptable?
    """

    engine_name: ClassVar[str]
    may_refuse: ClassVar[bool] = False

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=_QUIET)
    @given(data=st.data())
    def test_some_random_graphs(self, data: st.DataObject) -> None:
        """The quick part: the same graphs on every run."""
        self.check(data.draw(self.cases()))

    @pytest.mark.slow
    @settings(max_examples=500, deadline=None, suppress_health_check=_QUIET)
    @given(data=st.data())
    def test_many_random_graphs(self, data: st.DataObject) -> None:
        """The long part: other graphs on every run."""
        self.check(data.draw(self.cases()))

    def engine(self) -> Engine:
        """The engine under test."""
        return get_engine(self.engine_name)

    def cases(self) -> st.SearchStrategy[Case]:
        """Cases in the engine's codes."""
        return st.sampled_from(sorted(codes_of(self.engine()))).flatmap(
            lambda code: cases(code=code)
        )

    def check(self, case: Case) -> None:
        """Fail with every difference between the engine and the oracle; in code `delta` as well."""
        self.check_code(case)
        if case.settings.code in ("burst", "graded") and "delta" in self.engine().codes:
            self.check_code(replace(case, settings=replace(case.settings, code="delta")))

    def check_code(self, case: Case) -> None:
        """Fail with every difference between the engine and the oracle in the case's own code."""
        oracle, engine = get_engine("oracle"), self.engine()
        try:
            got = run_case(engine, case)
            traced = trace_case(engine, case, 0)
            # without membranes an engine may take another way
            events = trace_case(engine, case, 0, membranes=False)
        except REFUSALS:
            if not self.may_refuse:
                raise
            return
        lines = differences(run_case(oracle, case), got, synapses=engine.counts_synapses)
        if traced is not None and events is not None:
            expected = trace_case(oracle, case, 0)
            assert expected is not None
            assert traced.membranes is not None
            lines += trace_differences(expected, traced) + trace_differences(expected, events)
        assert not lines, "\n".join([repr(case), *lines])
