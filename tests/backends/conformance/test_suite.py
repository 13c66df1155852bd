"""The conformance suite on the engines of this package, and on a broken one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snnc.backends.base import EngineResult, Feeds
from snnc.backends.conformance import Case, EngineConformance
from snnc.backends.oracle import OracleEngine
from snnc.backends.oracle.engine import OracleSession
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.nodes import Input, Output


class TestEvent(EngineConformance):
    engine_name = "event"


class TestDense(EngineConformance):
    engine_name = "dense"


class OffByOneSession(OracleSession):
    """Counts one event too many in one sample."""

    def run(self, feeds: Feeds, **options: Any) -> EngineResult:
        result = super().run(feeds, **options)
        name = next(iter(result.counts))
        wrong = result.counts[name].copy()
        wrong.flat[-1] += 1
        return replace(result, counts={**result.counts, name: wrong})


class OffByOne(OracleEngine):
    """An engine of such sessions."""

    def prepare(self, graph: Graph, settings: RunSettings, *, n_frames: int = 1) -> OracleSession:
        return OffByOneSession(graph, settings, n_frames)


class BrokenSuite(EngineConformance):
    def engine(self) -> OffByOne:
        return OffByOne()


def test_one_wrong_count_is_found() -> None:
    shape = (3,)
    graph = Graph(
        [Input(name="x", shape=shape, lo=0, hi=3), Output(name="out", shape=shape)],
        [Projection(name="read", source="x", target="out", map=Identity(shape=shape))],
    )
    case = Case(graph, {"x": np.array([[[1, 2, 3]]])}, RunSettings(), 1, frozenset())
    with pytest.raises(AssertionError, match=r"x: 1 of 3 differ, first at \(0, 0, 2\): 4"):
        BrokenSuite().check(case)
