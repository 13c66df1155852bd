"""The conformance suite on the engines of this package, and on a broken one."""

from dataclasses import replace

import pytest

from snnc.backends.base import EngineResult
from snnc.backends.conformance import EngineConformance
from snnc.backends.oracle import OracleEngine


class TestOracle(EngineConformance):
    engine_name = "oracle"


class TestEvent(EngineConformance):
    engine_name = "event"


class TestDense(EngineConformance):
    engine_name = "dense"


class OffByOne(OracleEngine):
    """An engine that counts one event too many in one sample."""

    def prepare(self, graph, settings, *, n_frames=1):
        session = super().prepare(graph, settings, n_frames=n_frames)
        honest = session.run

        def run(feeds, *, record=None) -> EngineResult:
            result = honest(feeds, record=record)
            name = next(iter(result.counts))
            wrong = result.counts[name].copy()
            wrong.flat[-1] += 1
            return replace(result, counts={**result.counts, name: wrong})

        session.run = run
        return session


class BrokenSuite(EngineConformance):
    def engine(self) -> OffByOne:
        return OffByOne()


def test_one_wrong_count_is_found() -> None:
    with pytest.raises(AssertionError, match="1 of .* differ, first at"):
        BrokenSuite().test_some_random_graphs()
