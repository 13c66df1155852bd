"""Counts of one node, gathered batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.ir.arrays import FloatArray, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.nodes import Node, Population
from snnc.ir.schedule import Schedule
from snnc.runtime.statistics.interval import Spread

POPULATION_KEYS = (
    "mean_count_low", "mean_count_high", "n_dead", "n_dead_channels", "n_saturated",
    "saturated_share", "by_channel", "count_histogram",
)  # fmt: skip
"""What is known of a node once samples have been looked at."""
MOST_LEVELS = 1024
"""Counts with more levels get no histogram."""


@dataclass(eq=False)
class NodeTally:
    """What one emitting node did.

    Attributes:
        node: of the graph.
        fires: does it emit counts (and not sums)?
        bounds: smallest and largest count that it can emit; None for sums.
        n_frames: of all samples together.
        magnitude: sum over frames of |count| by neuron, flat.
        ever: by neuron: did it emit anything?
        at_bound: frames by neuron in which its count was at the bound farther than 0.
        histogram: frames x neurons by count, from `bounds[0]` up; None for sums and wide ranges.
        spread: of the mean |count| of samples, by channel and, last, of the node.
        frame_events, frame_spikes: by frame of the sample, summed.
        tick_events: by tick of the sample, summed.
    """

    node: Node
    fires: bool
    bounds: tuple[int, int] | None
    n_frames: int = 0
    magnitude: FloatArray = field(init=False)
    ever: Any = field(init=False)
    at_bound: IntArray = field(init=False)
    histogram: IntArray | None = field(init=False)
    spread: Spread = field(init=False)
    frame_events: IntArray | None = None
    frame_spikes: IntArray | None = None
    tick_events: IntArray | None = None

    def __post_init__(self) -> None:
        size = self.node.size
        self.magnitude = np.zeros(size)
        self.ever = np.zeros(size, dtype=bool)
        self.at_bound = np.zeros(size, dtype=np.int64)
        self.spread = Spread(self.node.shape[self.axis] + 1 if self.node.shape else 2)
        wide = self.bounds is None or self.bounds[1] - self.bounds[0] >= MOST_LEVELS
        self.histogram = None
        if self.bounds is not None and not wide:
            self.histogram = np.zeros(self.bounds[1] - self.bounds[0] + 1, dtype=np.int64)

    def add(self, counts: IntArray, settings: RunSettings, schedule: Schedule) -> None:
        """Take some samples in.

        Args:
            counts: shape (N, T, *shape).
            settings, schedule: of the run; say how the counts travel.
        """
        flat = counts.reshape(*counts.shape[:2], -1)
        size = np.abs(flat)
        self.n_frames += flat.shape[0] * flat.shape[1]
        self.magnitude += size.sum(axis=(0, 1))
        self.ever |= flat.any(axis=(0, 1))
        for sample in size.mean(axis=1) if self.fires else ():
            channels = self.by_channel(sample)
            self.spread.add(np.append(channels, channels.mean()))
        if self.bounds is not None:
            low, high = self.bounds
            top = (flat == high) if high else np.zeros(flat.shape, dtype=bool)
            self.at_bound += (top | (flat == low) if low else top).sum(axis=(0, 1))
        if self.histogram is not None and self.bounds is not None:
            shifted = flat.reshape(-1) - self.bounds[0]
            self.histogram += np.bincount(shifted, minlength=len(self.histogram))
        if settings.rate is None:
            self._add_events(flat, settings, schedule)

    def _add_events(self, flat: IntArray, settings: RunSettings, schedule: Schedule) -> None:
        sent = np.diff(flat, axis=1, prepend=0) if settings.sends_changes else flat
        size, n_frames = np.abs(sent), sent.shape[1]
        unit = settings.unit_spikes and self.fires
        once = (size != 0).sum(axis=(0, 2))
        spikes = size.sum(axis=(0, 2))
        if self.frame_events is None or self.frame_spikes is None or self.tick_events is None:
            self.frame_events = np.zeros(n_frames, dtype=np.int64)
            self.frame_spikes = np.zeros(n_frames, dtype=np.int64)
            self.tick_events = np.zeros(schedule.n_ticks(n_frames), dtype=np.int64)
        self.frame_events += spikes if unit else once
        self.frame_spikes += spikes if self.fires else 0
        first = schedule.start[self.node.name] + schedule.period * np.arange(n_frames)
        self.tick_events[first] += once
        for slot in range(1, int(size.max(initial=0)) if unit else 1):
            self.tick_events[first + slot] += (size > slot).sum(axis=(0, 2))

    @property
    def axis(self) -> int:
        """The axis of the node's shape that holds channels."""
        return self.node.channel_axis if isinstance(self.node, Population) else 0

    def by_channel(self, values: FloatArray) -> FloatArray:
        """Mean over the neurons of each channel of a flat array."""
        axes = tuple(a for a in range(len(self.node.shape)) if a != self.axis)
        mean: FloatArray = values.reshape(self.node.shape).mean(axis=axes)
        return mean

    def to_json(self) -> dict[str, Any]:
        """Counts by channel and level, dead and saturated neurons."""
        mean = self.magnitude / max(1, self.n_frames)
        at_bound = self.at_bound / max(1, self.n_frames)
        fires = self.bounds is not None
        events = self.by_channel(self.ever.astype(np.float64))
        bounds = self.spread.bounds() if fires else None
        low, high = bounds if bounds is not None else (None, None)
        histogram = None
        if self.histogram is not None and self.bounds is not None:
            share = self.histogram / max(1, int(self.histogram.sum()))
            histogram = {"lo": self.bounds[0], "share": share.tolist()}
        return {
            "mean_count_low": None if low is None else float(low[-1]),
            "mean_count_high": None if high is None else float(high[-1]),
            "n_dead": int((~self.ever).sum()),
            "n_dead_channels": int((events == 0).sum()),
            "n_saturated": int((at_bound >= 0.5).sum()) if fires else None,
            "saturated_share": float(at_bound.mean()) if fires else None,
            "by_channel": {
                "mean_count": self.by_channel(mean).tolist() if fires else None,
                "mean_count_low": None if low is None else low[:-1].tolist(),
                "mean_count_high": None if high is None else high[:-1].tolist(),
                "saturated_share": self.by_channel(at_bound).tolist() if fires else None,
                "dead_share": (1 - events).tolist(),
            },
            "count_histogram": histogram,
        }


def tally_of(graph: Graph, name: str) -> NodeTally:
    """An empty tally of an emitting node."""
    fires = graph.emits(name) == "count"
    return NodeTally(graph.nodes[name], fires, _bounds(graph, name) if fires else None)


def _bounds(graph: Graph, name: str) -> tuple[int, int]:
    """Smallest and largest count; a maximum is among its inputs or, where all are absent, 0."""
    node = graph.nodes[name]
    if not isinstance(node, Population):
        return int(node.lo), int(node.hi)  # type: ignore[attr-defined]  # an input, a host operator
    if node.model.combine == "max":
        low, high = _bounds(graph, graph.incoming(name)[0].source)
        return min(low, 0), max(high, 0)
    return node.model.count_range(node.shape, node.channel_axis)
