"""When things happen: one pure function from graph and settings to ticks.

An event emitted at tick t arrives at t + 1 + delay. A node integrates the ticks of its window,
latches at the last of them, `start`, and emits from that very tick on:

    tick = start + n * period + slot,   n = sample * T + frame,   0 <= slot < window

What a projection with `frames` brings was emitted that many periods before the window in which
it arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, NotExecutable, UnsupportedByTarget
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, Output, Population

_MOST_LEVELS = 2**31
"""A D as large as this is a model that does not bound its counts."""


@dataclass(frozen=True)
class Schedule:
    """Ticks of a run.

    Attributes:
        window: ticks in which one frame's counts travel.
        period: ticks from one frame to the next.
        start: by node: tick of its first emission, for frame 0. Absent for outputs, raw inputs
            and host operators with a real result.
        delay: by projection: ticks beyond the one that every event takes (the graph's own and
            what balances a pipeline).
    """

    window: int
    period: int
    start: Mapping[str, int]
    delay: Mapping[str, int]

    def n_ticks(self, n_frames: int) -> int:
        """Ticks until the last event of `n_frames` frames has been emitted."""
        return max(self.start.values()) + self.window + (n_frames - 1) * self.period


def levels(graph: Graph, name: str) -> int:
    """D of a node that emits counts: the largest |count| that it can emit."""
    node = graph.nodes[name]
    if isinstance(node, Input | HostOp):
        return max(abs(node.lo), abs(node.hi))
    if isinstance(node, Population):
        model = node.model
        if model.combine == "max":
            return levels(graph, graph.incoming(name)[0].source)
        lo, hi = model.count_range(node.shape, node.channel_axis)
        return _bounded(max(abs(lo), abs(hi)), model.kind, name)
    raise GraphError("has no levels: it does not emit counts", where=name)


def _bounded(levels: int, kind: str, name: str) -> int:
    if levels >= _MOST_LEVELS:
        raise GraphError(
            f"neuron model `{kind}` emits counts without a bound",
            where=name,
            hint='a count is spikes in a window: bound it in `out_range`, or let it emit "value"',
        )
    return levels


def window_length(graph: Graph, settings: RunSettings) -> int:
    """Ticks of one window: the largest D in burst, R in rate, else 1."""
    if settings.rate is not None:
        return settings.rate.ticks
    if not settings.unit_spikes:
        return 1
    counts = [n for n in graph.nodes if _fires(graph, n)]
    return max([levels(graph, name) for name in counts] + [1])


def make_schedule(graph: Graph, settings: RunSettings, max_delay: int | None = None) -> Schedule:
    """Ticks of every node and projection.

    Args:
        max_delay: the longest delay that the target knows.

    Raises:
        UnsupportedByTarget: a balancing delay is longer than `max_delay`.
        NotExecutable: a loop takes longer than the frames between which it is closed.
    """
    window = window_length(graph, settings)
    start: dict[str, int] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Output) or (isinstance(node, Input) and not node.grid):
            continue
        if isinstance(node, HostOp):  # it takes no tick: it reads what its sources latch
            read = (start[p.source] for p in graph.incoming(name) if p.source in start)
            start[name] = max(read, default=0)
            continue
        arriving = [p for p in graph.incoming(name) if graph.is_event(p) and not p.frames]
        start[name] = max(
            (start[p.source] + p.delay + _answer(graph, p, window, settings) for p in arriving),
            default=0,
        )
    for host in graph.host_ops:
        if host.result == "real":
            del start[host.name]  # it emits nothing
    period = window if settings.schedule == "pipelined" else max(start.values()) + window
    delay = {
        p.name: _delay(
            p,
            start[p.target] - start[p.source],
            _answer(graph, p, window, settings),
            period,
            settings,
        )
        for p in graph.projections.values()
        if graph.is_event(p)
    }
    _check_delays(delay, max_delay)
    return Schedule(window, period, start, delay)


def _fires(graph: Graph, name: str) -> bool:
    node = graph.nodes[name]
    if isinstance(node, Output) or (isinstance(node, Input) and not node.grid):
        return False
    return graph.emits(name) == "count"


def _answer(graph: Graph, p: Projection, window: int, settings: RunSettings) -> int:
    """Ticks after which a target may emit what a source's first event has brought."""
    if settings.rate is None:
        return window
    # who fires while it integrates answers in the next tick; sums are passed on directly
    return 1 if graph.emits(p.source) == "count" else 0


def _delay(p: Projection, ahead: int, answer: int, period: int, settings: RunSettings) -> int:
    """Ticks that a projection's events wait.

    Args:
        ahead: ticks by which its target starts after its source.
        answer: ticks that it takes at least.
    """
    if settings.schedule == "pipelined":
        ticks = ahead - answer + p.frames * period
        if ticks < 0:
            raise NotExecutable(
                f"closes a loop that takes {answer - ahead} ticks, a frame follows after {period}",
                where=f"projection {p.name}",
                hint="use the sequential schedule",
            )
        return ticks
    if p.frames:  # behind the latch of the frame before, and no earlier than need be
        return max(ahead, 0) + (p.frames - 1) * period
    return p.delay


def _check_delays(delay: Mapping[str, int], max_delay: int | None) -> None:
    for name, ticks in delay.items():
        if max_delay is not None and ticks > max_delay:
            raise UnsupportedByTarget(
                f"needs a delay of {ticks} ticks, the target has {max_delay}",
                where=f"projection {name}",
                hint="`snnc convert` for this target, with this schedule, puts in relays",
            )
