"""Membranes that pass from run to run: in pieces as in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.backends.base import FRAMES, LAST, SessionState
from snnc.backends.registry import get_engine
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError, WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, FixedCurrentLIF, FixedIntegrateFire
from snnc.ir.nodes import Input, Node, Output, Population

N, T = 3, 7
RNG = np.random.default_rng(0)
FEEDS = {"x": RNG.integers(0, 4, (N, T, 5))}


def graph() -> Graph:
    """Leaky and whole integrators, one behind the other."""
    nodes: list[Node] = [
        Input(name="x", shape=(5,), lo=0, hi=3),
        Population(
            name="leaky",
            shape=(6,),
            model=FixedCurrentLIF(
                thresholds=np.array([20]),
                reset_step=np.array(20),
                leak_multiplier=np.array(3000),
                leak_shift=12,
                current_multiplier=np.array(1),
                current_shift=1,
            ),
        ),
        Population(name="whole", shape=(4,), model=FixedIntegrateFire.binary(5, reset="zero")),
        Population(name="sum", shape=(2,), model=Accumulator()),
        Output(name="y", shape=(2,)),
    ]
    sizes = [("x", 5, "leaky", 6), ("leaky", 6, "whole", 4), ("whole", 4, "sum", 2)]
    projections = [
        Projection(name=f"to {b}", source=a, target=b, map=Dense(weight=_weights(m, n)))
        for a, n, b, m in sizes
    ]
    read = Projection(name="read", source="sum", target="y", map=Identity(shape=(2,)))
    return Graph(nodes, [*projections, read]).validate()


def _weights(n_out: int, n_in: int) -> IntArray:
    return RNG.integers(-3, 6, (n_out, n_in))


GRAPH = graph()


def session(engine: str, code: Any = "burst") -> Any:
    return get_engine(engine).prepare(GRAPH, RunSettings(code=code), n_frames=T)


@pytest.mark.parametrize("code", ["burst", "delta"])
@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
def test_a_run_in_pieces_is_one_run(engine: str, code: str) -> None:
    whole = session(engine, code).run(FEEDS)
    assert whole.counts["leaky"].any()
    assert whole.counts["whole"].any()
    assert whole.state is None
    pieces = []
    state: SessionState | None = {}
    running = session(engine, code)
    for first, last in ((0, 2), (2, 3), (3, T)):
        piece = running.run({"x": FEEDS["x"][:, first:last]}, state=state)
        pieces.append(piece)
        state = piece.state
    for name, counts in whole.counts.items():
        together = np.concatenate([p.counts[name] for p in pieces], axis=1)
        np.testing.assert_array_equal(together, counts)
    for name, counters in whole.counters.items():
        assert sum((p.counters[name] for p in pieces[1:]), pieces[0].counters[name]) == counters
    for name, node in whole.node_counters.items():
        assert sum(p.node_counters[name].events for p in pieces) == node.events


def test_engines_agree_on_the_state() -> None:
    states = [session(engine).run(FEEDS, state={}).state for engine in ("oracle", "event", "dense")]
    assert {name: set(held) for name, held in states[0].items()} == {
        "leaky": {"v", "c"},
        "whole": {"v", FRAMES},
    }
    for other in states[1:]:
        assert _plain(other) == _plain(states[0])


def test_delta_carries_the_last_counts() -> None:
    runs = [
        session(engine, "delta").run(FEEDS, state={}) for engine in ("oracle", "event", "dense")
    ]
    for run in runs:
        assert {name: set(held) for name, held in run.state.items()} == {
            "x": {LAST},
            "leaky": {"v", "c", LAST},
            "whole": {"v", LAST, FRAMES},
            "sum": {LAST},
        }
        assert _plain(run.state) == _plain(runs[0].state)
        np.testing.assert_array_equal(run.state["sum"][LAST], run.counts["sum"][:, -1])


def test_samples_that_are_not_named_start_from_rest() -> None:
    for engine in ("oracle", "event", "dense"):
        fresh = session(engine).run(FEEDS, state={"nobody": {}})
        np.testing.assert_array_equal(fresh.counts["sum"], session(engine).run(FEEDS).counts["sum"])


@pytest.mark.parametrize("code", ["burst", "delta"])
@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
def test_a_state_of_other_samples_is_refused(engine: str, code: str) -> None:
    running = session(engine, code)
    state = running.run({"x": FEEDS["x"][:1, :2]}, state={}).state
    with pytest.raises(DataError, match=r"has shape \(1,.*\), 3 samples go on from \(3,"):
        running.run({"x": FEEDS["x"][:, 2:4]}, state=state)
    part = {"whole": {"v": np.zeros((N, 3), dtype=np.int64)}}
    with pytest.raises(DataError, match=r"whole: the state's `v` has shape \(3, 3\), .* \(3, 4\)"):
        running.run(FEEDS, state=part)


@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
def test_membranes_stay_within_the_frames_that_they_were_bounded_for(engine: str) -> None:
    running = session(engine)
    state = running.run({"x": FEEDS["x"][:, 1:]}, state={}).state
    assert state["whole"][FRAMES].tolist() == [T - 1] * N
    state = running.run({"x": FEEDS["x"][:, :1]}, state=state).state
    with pytest.raises(WidthExceeded, match="whole: .* bounded for 7 frames, the data has 1 after"):
        running.run({"x": FEEDS["x"][:, :1]}, state=state)
    rested = {"leaky": state["leaky"]}  # which forgets
    assert running.run(FEEDS, state=rested).state["whole"][FRAMES].tolist() == [T] * N


def _plain(state: SessionState) -> dict[str, dict[str, Any]]:
    return {n: {k: v.tolist() for k, v in held.items()} for n, held in state.items()}


@pytest.mark.parametrize(("engine", "code"), [("event", "burst"), ("event", "delta")])
def test_a_run_leaves_nothing_behind_that_is_not_in_its_state(engine: str, code: Any) -> None:
    """On one session: from rest, on from there, from rest again; each as on a fresh session."""
    settings = RunSettings(code=code)
    session = get_engine(engine).prepare(GRAPH, settings, n_frames=2 * T)
    begun = session.run(FEEDS, state={})
    assert begun.state is not None
    for state in ({}, begun.state, {}, begun.state):
        fresh = get_engine(engine).prepare(GRAPH, settings, n_frames=2 * T)
        expected, found = fresh.run(FEEDS, state=state), session.run(FEEDS, state=state)
        for name, counts in expected.counts.items():
            assert (found.counts[name] == counts).all()
        assert found.counters == expected.counters
        assert found.node_counters == expected.node_counters
    assert session.run(FEEDS).counters == begun.counters
