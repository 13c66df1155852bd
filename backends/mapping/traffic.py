"""Who sends how much to whom: messages between cores, and work on each core, by tick.

A message goes from a neuron to each core that hears it, for every projection on its own: that is
what an axon is. Amounts are means over the samples and frames that were measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self, TypeAlias

import numpy as np

from snnc.backends.mapping.model import Box, Split
from snnc.backends.mapping.reach import Reach, arriving, sums, take
from snnc.ir.arrays import Array, BoolArray, FloatArray, IntArray, size_of
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Product
from snnc.ir.schedule import Schedule

Tell: TypeAlias = Callable[[str, int, int], None]
OUTSIDE = -1
"""As a core: the host, where inputs come from and host operators run."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """How one node lies on cores.

    Attributes:
        first: its first core; box i is on core first + i.
        boxes: of the node's shape; together they cover it.
        owner: core of each neuron, flat.
    """

    first: int
    boxes: tuple[Box, ...]
    owner: IntArray

    @classmethod
    def of(cls, split: Split) -> Self:
        """A regular cut."""
        neurons = np.arange(size_of(split.shape))
        return cls(first=split.first, boxes=tuple(split.boxes()), owner=split.piece_at(neurons))


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity:
    """What nodes emit in one frame, on average.

    Attributes:
        events: by emitting node: events of each neuron in a frame, flat float64.
        peak: by emitting node: events of each neuron in the busiest tick of a frame.
        pairs: by product: pairs of operands that meet in a frame, both not zero.
        measured: on data; else the assumption that every neuron emits one event a frame.
    """

    events: Mapping[str, FloatArray]
    peak: Mapping[str, FloatArray]
    pairs: Mapping[str, float]
    measured: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Flow:
    """Messages of one frame between cores, each entry a pair of cores and a tick.

    Attributes:
        source, target: core of each entry; a source `OUTSIDE` is the host.
        phase: the tick of a frame in which the source starts to emit.
        events: messages in a frame.
        peak: messages in that tick.
    """

    source: IntArray
    target: IntArray
    phase: IntArray
    events: FloatArray
    peak: FloatArray

    def inside(self) -> Flow:
        """Without what the host sends."""
        return self._where(self.source != OUTSIDE)

    def between(self) -> Flow:
        """Without the host and without what stays on its core."""
        return self._where((self.source != OUTSIDE) & (self.source != self.target))

    def _where(self, chosen: BoolArray) -> Flow:
        return Flow(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


@dataclass(frozen=True, kw_only=True, eq=False)
class Load:
    """What the cores of a mapping do in one frame.

    Attributes:
        flow: messages to them.
        synaptic_events: of each core in a frame, shape (n_cores,).
        peak_synaptic_events: of each core in its busiest tick.
        sent: events that the core's neurons emit in a frame.
    """

    flow: Flow
    synaptic_events: FloatArray
    peak_synaptic_events: FloatArray
    sent: FloatArray


def uniform(graph: Graph) -> Activity:
    """One event a frame from every neuron."""
    ones = {
        name: np.ones(node.size)
        for name, node in graph.nodes.items()
        if any(graph.is_event(p) for p in graph.outgoing(name))
    }
    pairs = {node.name: float(node.pairs()) for node in graph.products}
    return Activity(events=ones, peak=ones, pairs=pairs, measured=False)


def find_load(
    graph: Graph,
    cuts: Mapping[str, Cut],
    activity: Activity,
    schedule: Schedule,
    tell: Tell,
) -> Load:
    """Work and messages of every core.

    Args:
        graph: integer form.
        cuts: by node on the chip; the others live on the host.
        activity: of every node that emits.
        schedule: of the run.
        tell: is told after each projection.
    """
    phase = phases(schedule)
    work = _Work(graph, cuts, len(set(phase.values())))
    parts: list[_Part] = []
    projections = [p for p in graph.projections.values() if graph.is_event(p)]
    for done, p in enumerate(projections, start=1):
        if p.target in cuts:
            rates = activity.events[p.source], activity.peak[p.source]
            work.add(p, *rates, phase[p.source])
            parts += _messages(graph, p, cuts, *rates, phase[p.source])
        tell("traffic", done, len(projections))
    work.add_products(activity.pairs, phase)
    sent = np.zeros(work.n_cores)
    for name, cut in cuts.items():
        if name in activity.events:
            sent += sums(cut.owner, activity.events[name], work.n_cores)
    return Load(
        flow=_joined(parts, work.n_cores),
        synaptic_events=work.events,
        peak_synaptic_events=work.peak.max(axis=1, initial=0.0),
        sent=sent,
    )


def phases(schedule: Schedule) -> dict[str, int]:
    """By node: its first tick within a frame; in a pipeline many nodes share one."""
    ticks = {name: start % schedule.period for name, start in schedule.start.items()}
    index = {tick: i for i, tick in enumerate(sorted(set(ticks.values())))}
    return {name: index[tick] for name, tick in ticks.items()}


class _Work:
    """Synaptic events of each core, in a frame and by tick."""

    def __init__(self, graph: Graph, cuts: Mapping[str, Cut], n_phases: int) -> None:
        self.n_cores = sum(len(cut.boxes) for cut in cuts.values())
        self.events: FloatArray = np.zeros(self.n_cores)
        self.peak: FloatArray = np.zeros((self.n_cores, n_phases))
        self._graph, self._cuts = graph, cuts

    def add(self, p: Projection, events: FloatArray, peak: FloatArray, phase: int) -> None:
        """What one projection brings to the neurons of a population."""
        if isinstance(self._graph.nodes[p.target], Product):
            return  # counted by pairs
        owner = self._cuts[p.target].owner
        heard = sums(owner, arriving(p, events), self.n_cores)
        self.events += heard
        if peak is not events:
            heard = sums(owner, arriving(p, peak), self.n_cores)
        self.peak[:, phase] += heard

    def add_products(self, pairs: Mapping[str, float], phase: Mapping[str, int]) -> None:
        """Pairs, spread evenly over a product's entries; they meet when it latches."""
        for name, n in pairs.items():
            owner = self._cuts[name].owner
            part = np.bincount(owner, minlength=self.n_cores) * (n / len(owner))
            self.events += part
            self.peak[:, phase[name]] += part


_Part: TypeAlias = tuple[Array, Array, Array, Array, Array]


def _messages(
    graph: Graph,
    p: Projection,
    cuts: Mapping[str, Cut],
    events: FloatArray,
    peak: FloatArray,
    phase: int,
) -> Iterator[_Part]:
    """Messages of one projection to each core that holds targets of it."""
    reach = Reach(graph, p)
    senders, target = cuts.get(p.source), cuts[p.target]
    if senders is None:
        first, n_senders, core = OUTSIDE, 1, np.zeros(len(events), dtype=np.int64)
    else:
        first, n_senders = senders.first, len(senders.boxes)
        core = senders.owner - first
    core = reach.arrange(core, 0)
    rates = [reach.arrange(rate, 0.0) for rate in (events, peak)]
    for index, box in enumerate(target.boxes):
        heard = reach.heard(box)
        by = take(core, heard)
        sent, at_once = (sums(by, take(rate, heard), n_senders) for rate in rates)
        found = np.flatnonzero(sent)
        to, when = np.full(len(found), target.first + index), np.full(len(found), phase)
        yield found + first, to, when, sent[found], at_once[found]


def _joined(parts: Sequence[_Part], n_cores: int) -> Flow:
    """One entry for each pair of cores and phase."""
    empty = (*(np.zeros(0, dtype=np.int64),) * 3, *(np.zeros(0),) * 2)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or list(empty)
    source, target, phase, events, peak = columns
    key = ((phase * (n_cores + 1)) + source + 1) * n_cores + target
    kept, first, index = np.unique(key, return_index=True, return_inverse=True)
    return Flow(
        source=source[first],
        target=target[first],
        phase=phase[first],
        events=sums(index, events, len(kept)),
        peak=sums(index, peak, len(kept)),
    )
