"""The engine as such: conformance in both ways of running, threads by default, light import."""

import subprocess
import sys

import pytest

from snnc.backends.base import Engine, TracingSession
from snnc.backends.conformance import EngineConformance
from snnc.backends.event import EventEngine, backend
from snnc.backends.event.engine import default_jobs
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import Input
from tests.ir.graphs import small_graph


class TestTickByTick(EngineConformance):
    """The run whose burst trains are delivered spike by spike (frame by frame: the suite)."""

    def engine(self) -> EventEngine:
        return EventEngine(1, tick_by_tick=True)


class TestScattered(EngineConformance):
    def engine(self) -> EventEngine:
        return EventEngine(1, method="scatter")


class TestGathered(EngineConformance):
    """Where there is no kernel that gathers, events are scattered all the same."""

    def engine(self) -> EventEngine:
        return EventEngine(1, method="gather")


class TestInPlanes(EngineConformance):
    """Where a list might overflow 16 bits, events are scattered all the same."""

    def engine(self) -> EventEngine:
        return EventEngine(1, method="plane")


class TestGatheredTickByTick(EngineConformance):
    def engine(self) -> EventEngine:
        return EventEngine(1, tick_by_tick=True, method="gather")


class TestThreads(EngineConformance):
    def engine(self) -> EventEngine:
        return EventEngine(3)


def test_protocol() -> None:
    assert isinstance(backend.engine, Engine)
    session = EventEngine().prepare(small_graph(), RunSettings())
    assert isinstance(session, TracingSession)


@pytest.mark.parametrize(("stated", "jobs"), [("1", 1), ("3", 3)])
def test_threads_by_environment(stated: str, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert default_jobs() == jobs


@pytest.mark.parametrize("stated", ["", "0", "many"])
def test_threads_by_cpus(stated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert default_jobs() >= 1


def test_float_graphs_do_not_run() -> None:
    graph = Graph([Input(name="x", shape=(1,))], [], form="float")
    with pytest.raises(NotExecutable, match="integer form"):
        EventEngine().prepare(graph, RunSettings())


def test_naming_the_engine_imports_no_compiler() -> None:
    code = "import sys, snnc.backends.event; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
