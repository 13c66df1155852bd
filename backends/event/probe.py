"""Measure what the ways to deliver cost here, and fit the constants of the model to it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from snnc.backends.event.compile import Compiler
from snnc.backends.event.costs import Costs, set_channel_costs, set_window_costs
from snnc.backends.event.deliver import scatter_each, scatter_window
from snnc.backends.event.gather import gather_each, gather_window
from snnc.backends.event.interrupts import interruptible
from snnc.backends.event.jit import entry
from snnc.backends.event.late import reraised
from snnc.backends.event.memory import make_state
from snnc.backends.event.plane import scatter_plane
from snnc.backends.event.tables import EACH, GATHER, PLANE, SCATTER, Program, State
from snnc.backends.feeds import check_graph
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.schedule import make_schedule

LIMIT = 8.0
"""A constant that leaves the shipped one by more than this factor is not believed."""
_LAYERS = (
    (16, 16, 3, 1),
    (64, 64, 3, 1),
    (32, 128, 3, 1),
    (128, 128, 1, 1),
    (32, 32, 3, 32),
    (128, 128, 3, 128),
)
"""Channels in and out, kernel, groups."""
_SIDE = 14
_ACTIVITIES = (0.004, 0.012, 0.03, 0.08, 0.2)
_ROUNDS, _SECONDS = 3, 0.004
"""Each way of each layer is timed so often and so long: a second altogether."""
_SPREAD = 1.3
"""By how much the rounds may differ, in the median, to be believed."""
_PULL = 0.05
"""Weight of the start against one measured value in the fit."""


@dataclass(frozen=True)
class Point:
    """One list of events at one layer.

    Attributes:
        row: the layer's projection.
        events: how many.
        took: picoseconds of scattering, of gathering and, where the layer can, into a plane.
        spread: second shortest time / shortest, of the worst way.
    """

    row: Any
    map_: Conv
    events: int
    took: tuple[float, ...]
    spread: float


def measure(start: Costs) -> tuple[Costs, str]:
    """The constants that fit this machine, and a note; `start` where these choose no better."""
    points = [point for layer in _LAYERS for point in _points(*layer)]
    spread = float(np.median([p.spread for p in points]))
    if spread > _SPREAD:
        return start, f"what was measured scatters by {spread:.2f} x: the shipped ones stay"
    fitted = fit(points, start)
    lost, shipped = regret(points, fitted), regret(points, start)
    said = f"on {len(points)} lists they lose {lost:.1%}, the shipped ones {shipped:.1%}"
    if lost < shipped:
        return fitted, said
    return start, f"{said}: the shipped ones stay"


def predicted(p: Point, costs: Costs) -> tuple[float, ...]:
    """What the model expects of all ways, in picoseconds; see `deliver`."""
    row: dict[str, float] = {"scatter_pixel": 0.0}
    known = "taps", "gather_pitch", "plane_length", "plane_sums"
    row |= {name: float(p.row[name]) for name in known}
    each = int(p.row["kind"]) == EACH
    (set_channel_costs if each else set_window_costs)(row, p.map_, costs)
    pixels = p.events * _SIDE**2 // (p.events + _SIDE**2)
    scatter = row["scatter_once"] + pixels * row["scatter_pixel"]
    gather = row["gather_once"] + p.events * row["gather_event"]
    ways = scatter + p.events * row["scatter_event"], gather
    if int(p.row["plane"]) < 0:
        return ways
    return *ways, row["plane_once"] + p.events * row["plane_event"]


def regret(points: list[Point], costs: Costs) -> float:
    """By how much the ways that the model chooses take longer than the better ones, in the mean."""
    lost = []
    for p in points:
        lost.append(p.took[int(np.argmin(predicted(p, costs)))] / min(p.took) - 1)
    return float(np.mean(lost))


def fit(points: list[Point], start: Costs) -> Costs:
    """Least squares of relative errors; what the points do not say stays near `start`."""
    names = [f.name for f in fields(Costs)]
    nothing = dict.fromkeys(names, 0.0)
    # the model is linear: what it expects where one constant has its value and all others are 0
    alone = [Costs(**{**nothing, name: value}) for name, value in asdict(start).items()]
    rows = [np.array([predicted(p, costs) for costs in alone]).T for p in points]
    times = np.concatenate([p.took for p in points])
    a = np.concatenate([np.concatenate(rows) / times[:, None], _PULL * np.eye(len(names))])
    b = np.concatenate([np.ones(len(times)), np.full(len(names), _PULL)])
    scale = _bounded(a, b)
    return Costs(
        **{n: float(v * s) for (n, v), s in zip(asdict(start).items(), scale, strict=True)}
    )


def _bounded(a: Array, b: Array) -> Array:
    """Least squares with all unknowns within 1 / LIMIT … LIMIT: those that leave it are fixed."""
    x = np.ones(a.shape[1])
    free = np.ones(len(x), dtype=bool)
    while free.any():
        x[free] = np.linalg.lstsq(a[:, free], b - a[:, ~free] @ x[~free], rcond=None)[0]
        outside = free & ((x < 1 / LIMIT) | (x > LIMIT))
        if not outside.any():
            break
        x = np.clip(x, 1 / LIMIT, LIMIT)
        free &= ~outside
    return x


@entry
def _repeat(program: Program, state: State, way: int, times: int) -> None:
    """Deliver the list of the only projection again and again."""
    row = program.projections[0]
    room = program.rooms[row.list]
    acc, weights, geometry = state.acc32, program.weights8, program.geometry
    for _ in range(times):
        if way == PLANE:
            scatter_plane(row, room, state.lists, geometry, state.plane, acc, weights)
        elif row.kind == EACH and way == GATHER:
            gather_each(row, room, state, geometry, acc, weights)
        elif row.kind == EACH:
            scatter_each(row, room, state.lists, geometry, acc, weights)
        elif way == GATHER:
            gather_window(row, room, state, geometry, acc, weights)
        else:
            scatter_window(row, room, state.lists, geometry, acc, weights)


def _points(c_in: int, c_out: int, side: int, groups: int) -> list[Point]:
    rng = np.random.default_rng(0)
    map_ = Conv(
        weight=rng.integers(-127, 128, (c_out, c_in // groups, side, side)),
        in_shape=(c_in, _SIDE, _SIDE),
        stride=(1, 1),
        padding=((side // 2, side // 2),) * 2,
        dilation=(1, 1),
        groups=groups,
    )
    program, state = _tables(map_)
    row = program.projections[0]
    ways = (SCATTER, GATHER, PLANE) if row["plane"] >= 0 else (SCATTER, GATHER)
    points = []
    for activity in _ACTIVITIES:
        neuron = np.flatnonzero(rng.random(map_.in_size) < activity)
        neuron = neuron if len(neuron) else np.array([0])
        _fill(program, state, neuron, rng.integers(1, 5, len(neuron)), c_in)
        times = [[_time(program, state, way) for way in ways] for _ in range(_ROUNDS)]
        by_way = np.sort(np.array(times), axis=0)
        points.append(
            Point(
                row=row,
                map_=map_,
                events=len(neuron),
                took=tuple(by_way[0].tolist()),
                spread=float((by_way[1] / by_way[0]).max()),
            )
        )
    return points


def _tables(map_: Conv) -> tuple[Program, State]:
    graph = Graph(
        [
            Input(name="x", shape=map_.in_shape, lo=0, hi=4),
            Population(name="y", shape=map_.out_shape, model=Accumulator(), bias=np.array(0)),
            Output(name="out", shape=map_.out_shape),
        ],
        [
            Projection(name="w", source="x", target="y", map=map_),
            Projection(name="r", source="y", target="out", map=Identity(shape=map_.out_shape)),
        ],
    )
    settings = RunSettings("graded")
    ranges = check_graph(graph, settings, 1)
    compiled = Compiler(graph, settings, make_schedule(graph, settings), ranges, "scatter").build()
    return compiled.program, make_state(compiled, compiled.program)


def _fill(program: Program, state: State, neuron: Array, payload: Array, channels: int) -> None:
    """Make a list of neurons, which rise; they lie channel last."""
    room, lists, n = program.rooms[program.projections[0]["list"]], state.lists, len(neuron)
    lists.neuron[room["events"] : room["events"] + n] = neuron
    lists.payload[room["events"] : room["events"] + n] = payload
    edges = np.searchsorted(neuron, np.arange(room["pixels"] + 1) * channels)
    lists.segments[room["segments"] : room["segments"] + len(edges)] = edges
    number = room["number"]
    lists.length[number], lists.total[number] = n, payload.sum()
    lists.peak[number] = payload.max()


def _time(program: Program, state: State, way: int) -> float:
    """Picoseconds of one delivery: the shortest of some, each of them at least 0.1 ms long."""
    best, times = float("inf"), 1
    with interruptible(), reraised():
        _repeat(program, state, way, 1)
    until = time.perf_counter() + _SECONDS
    while best == float("inf") or time.perf_counter() < until:
        start = time.perf_counter()
        _repeat(program, state, way, times)
        took = (time.perf_counter() - start) / times
        best, times = min(best, took), max(1, int(1e-4 / took))
    return best * 1e12
