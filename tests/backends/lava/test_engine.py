"""Real Lava against the oracle and against plain numpy: 0 differences."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snnc.backends.conformance import differences, trace_differences
from snnc.backends.lava.engine import LavaEngine, LavaSession
from snnc.backends.lava.environment import Environment
from snnc.backends.lava.limits import LOIHI2
from snnc.backends.registry import get_engine
from snnc.converter.chip import for_chip
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import ChildFailed, DataError, MissingExtra, NotExecutable, TimeLimit
from snnc.ir.graph import Graph
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Population
from tests.backends.lava.conftest import leaked_memory, shared_memory
from tests.backends.lava.graphs import feeds_for, mlp, odd_net, residual_conv_net, two_nets
from tests.ir.graphs import skip_over

pytestmark = pytest.mark.lava


def oracle_differences(
    engine: LavaEngine, graph: Graph, settings: RunSettings, n_samples: int, n_frames: int = 1
) -> list[str]:
    feeds = feeds_for(graph, n_samples, n_frames)
    expected = get_engine("oracle").prepare(graph, settings, n_frames=n_frames).run(feeds)
    return differences(expected, engine.prepare(graph, settings, n_frames=n_frames).run(feeds))


def mlp_by_hand(graph: Graph, x: IntArray) -> dict[str, IntArray]:
    """What the network computes, without anything of snnc's arithmetic."""
    values = {"x": x}
    for projection in list(graph.projections.values())[:3]:
        node = graph.nodes[projection.target]
        assert isinstance(node, Population)
        i = values[projection.source] @ projection.map.weight.T + node.bias
        if isinstance(node.model, IntegerFire):
            steps = np.broadcast_to(
                node.model.thresholds, (node.size, node.model.thresholds.shape[1])
            )
            i = node.model.lo + (i[..., None] >= steps).sum(axis=-1)
        values[node.name] = i
    return values


@pytest.mark.parametrize("levels", [1, 4, 15])
@pytest.mark.parametrize("code", ["graded", "burst"])
def test_mlp_equals_plain_numpy(lava: Environment, code: str, levels: int) -> None:
    graph = mlp(levels)
    feeds = feeds_for(graph, 6)
    result = LavaEngine().prepare(graph, RunSettings(code=code)).run(feeds)  # type: ignore[arg-type]
    expected = mlp_by_hand(graph, feeds["x"])
    assert {name: (result.counts[name] != k).sum() for name, k in expected.items()} == {
        "x": 0, "hidden.0": 0, "hidden.1": 0, "logits": 0,
    }  # fmt: skip
    assert len(np.unique(expected["hidden.1"])) > 1


@pytest.mark.parametrize(
    ("code", "schedule", "conv"),
    [
        ("graded", "sequential", "sparse"),
        ("burst", "sequential", "sparse"),
        ("burst", "pipelined", "sparse"),
        ("graded", "pipelined", "conv"),
        ("burst", "sequential", "conv"),
    ],
)
def test_conv_pool_residual_equal_the_oracle(
    lava: Environment, code: str, schedule: str, conv: str
) -> None:
    settings = RunSettings(code, schedule)  # type: ignore[arg-type]
    engine = LavaEngine(conv=conv)  # type: ignore[arg-type]
    assert oracle_differences(engine, residual_conv_net(), settings, n_samples=4) == []


@pytest.mark.parametrize(("code", "schedule"), [("burst", "sequential"), ("graded", "pipelined")])
def test_state_across_frames_and_products(lava: Environment, code: str, schedule: str) -> None:
    settings = RunSettings(code, schedule)  # type: ignore[arg-type]
    assert oracle_differences(LavaEngine(), odd_net(), settings, n_samples=3, n_frames=3) == []


@pytest.mark.parametrize(
    ("net", "schedule"),
    [
        (residual_conv_net, "pipelined"),
        (odd_net, "sequential"),
        pytest.param(odd_net, "pipelined", marks=pytest.mark.slow),
        pytest.param(residual_conv_net, "sequential", marks=pytest.mark.slow),
    ],
)
def test_delta_keeps_membranes_maxima_and_operands(
    lava: Environment, net: Callable[[], Graph], schedule: str
) -> None:
    settings = RunSettings("delta", schedule)  # type: ignore[arg-type]
    assert oracle_differences(LavaEngine(), net(), settings, n_samples=3, n_frames=3) == []


@pytest.mark.parametrize("code", ["burst", "graded"])
def test_parts_that_never_meet(lava: Environment, code: str) -> None:
    settings = RunSettings(code)  # type: ignore[arg-type]
    assert oracle_differences(LavaEngine(), two_nets(), settings, n_samples=3) == []


def test_relays_for_delays_beyond_the_chip(lava: Environment) -> None:
    settings = RunSettings("burst", "pipelined")
    graph, notes = for_chip(skip_over(3, levels=31), LOIHI2, settings)
    assert len(notes) == 1
    assert oracle_differences(LavaEngine(), graph, settings, n_samples=5) == []


def test_unit_spikes_of_loihi1(lava: Environment) -> None:
    engine = LavaEngine(target="loihi1")
    assert oracle_differences(engine, mlp(4), RunSettings("burst"), n_samples=4) == []


def test_trace_is_what_travelled(lava: Environment) -> None:
    graph, settings = residual_conv_net(), RunSettings("burst")
    feeds = feeds_for(graph, 1)
    expected = get_engine("oracle").prepare(graph, settings).trace(feeds)  # type: ignore[attr-defined]
    assert trace_differences(expected, LavaEngine().prepare(graph, settings).trace(feeds)) == []


def test_record_chooses_counts(lava: Environment) -> None:
    graph = mlp(1)
    result = LavaEngine().prepare(graph, RunSettings()).run(feeds_for(graph, 2), record={"logits"})
    assert set(result.counts) == {"logits"}
    assert set(result.node_counters) == {"x", "hidden.0", "hidden.1", "logits"}


def test_without_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SNNC_LAVA_ENV", str(tmp_path / "none"))
    with pytest.raises(MissingExtra, match="snnc targets setup loihi"):
        LavaEngine().prepare(mlp(1), RunSettings())


def test_traces_of_membranes_or_many_samples_are_refused(lava: Environment) -> None:
    graph = mlp(1)
    session = LavaEngine().prepare(graph, RunSettings())
    with pytest.raises(NotExecutable, match="event engine"):
        session.trace(feeds_for(graph, 1), membranes=True)
    with pytest.raises(DataError, match="one sample"):
        session.trace(feeds_for(graph, 2))


# what goes wrong in Lava reaches the user, and nothing stays behind


def broken(session: LavaSession, file: str, old: str, new: str) -> LavaSession:
    text = session.files[file].decode()
    assert old in text
    return dataclasses.replace(
        session, files=session.files | {file: text.replace(old, new).encode()}
    )


def latch_that(session: LavaSession, act: str) -> LavaSession:
    line = "        count = np.full"
    return broken(session, "processes/fire.py", line, f"        {act}\n{line}")


@pytest.fixture
def left_behind() -> Callable[[], list[str]]:
    """What this test has left running or in shared memory."""
    before = shared_memory()

    def look() -> list[str]:
        with contextlib.suppress(AssertionError):  # given back a moment after the last process
            wait_until(lambda: not leaked_memory(before), 5)
        return lava_processes() + sorted(leaked_memory(before))

    return look


def lava_processes() -> list[str]:
    listed = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if _MARK in line]


_MARK = f"snnc-lava-test-{os.getpid()}"


@pytest.fixture
def session(lava: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LavaSession:
    folder = tmp_path / _MARK
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return LavaEngine(time_limit=60).prepare(mlp(4), RunSettings())


def test_exception_in_a_process(session: LavaSession, left_behind: Callable[[], list[str]]) -> None:
    failing = latch_that(session, "raise ValueError('boom')")
    with pytest.raises(ChildFailed, match="process `hidden.0`: ValueError: boom") as error:
        failing.run(feeds_for(session.plan.graph, 2))
    assert error.value.hint is not None
    assert "in latch" in error.value.hint
    assert left_behind() == []


def test_process_that_dies(session: LavaSession, left_behind: Callable[[], list[str]]) -> None:
    dying = latch_that(session, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ChildFailed, match="process `hidden.0` died with status -9"):
        dying.run(feeds_for(session.plan.graph, 2))
    assert left_behind() == []


def test_time_limit(session: LavaSession, left_behind: Callable[[], list[str]]) -> None:
    hanging = dataclasses.replace(latch_that(session, "import time; time.sleep(99)"), time_limit=4)
    with pytest.raises(TimeLimit, match="time limit of 4 s"):
        hanging.run(feeds_for(session.plan.graph, 2))
    assert left_behind() == []


def test_lava_that_cannot_start(session: LavaSession) -> None:
    failing = broken(
        session, "processes/fire.py", "    def latch", "    def __init__(self, p):\n"
        "        raise ValueError('no start')\n\n    def latch",
    )  # fmt: skip
    with pytest.raises(ChildFailed, match="Lava cannot start: ValueError: no start"):
        failing.run(feeds_for(session.plan.graph, 2))


def test_our_own_death_ends_lava(lava: Environment, tmp_path: Path) -> None:
    folder = tmp_path / _MARK
    folder.mkdir()
    script = (
        "from tests.backends.lava.graphs import *\n"
        "from snnc.backends.lava.engine import LavaEngine\n"
        "from snnc.ir.codes import RunSettings\n"
        "LavaEngine().prepare(mlp(4), RunSettings()).run(feeds_for(mlp(4), 20000))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"TMPDIR": str(folder)}, cwd=Path.cwd()
    )
    try:
        wait_until(lambda: len(lava_processes()) > 5)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until(lambda: lava_processes() == [])


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
