"""How early could a reader stop? What the output would have said at every tick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.backends import rate
from snnc.backends.base import TracingSession
from snnc.backends.registry import get_engine
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input, Output
from snnc.ir.schedule import make_schedule
from snnc.ir.stages import crosses_host
from snnc.runtime.data import DataSet
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import Model
from snnc.runtime.progress import Progress

MOST_SAMPLES = 200
"""Samples that are traced at most."""
MOST_MEMBRANES = 20_000_000
"""Ticks x neurons of a sample that are traced at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EarlyExit:
    """What the output's sums would have said, had they been read at an earlier tick.

    Attributes:
        ticks: of the sample, from the first in which its first frame's sums have begun.
        agreement: share of samples whose class is already the final one.
        accuracy: share of right classes; None without labels.
        n_samples: that were traced.
    """

    ticks: tuple[int, ...]
    agreement: tuple[float, ...]
    accuracy: tuple[float, ...] | None
    n_samples: int

    def to_json(self) -> dict[str, Any]:
        """Lists, one entry for each tick."""
        return {
            "ticks": list(self.ticks),
            "agreement": list(self.agreement),
            "accuracy": None if self.accuracy is None else list(self.accuracy),
            "n_samples": self.n_samples,
        }


def early_exit(
    model: Model,
    samples: DataSet,
    settings: RunSettings,
    final: IntArray | None,
    *,
    progress: Progress,
) -> EarlyExit | None:
    """Trace samples and read the output's membranes at every tick.

    A sum that is read while its window is still open holds what has arrived by then; frames
    before it count as in the output itself.

    Args:
        model: to trace.
        samples: to trace.
        settings: code and schedule.
        final: class of each sample in the end; None: the output is no class score.
        progress: is told after each sample.

    Returns:
        None where nothing can be read: no classes, an output that the host computes or that
        spikes, one output for each frame, or a network too large to trace.
    """
    graph = model.integer_graph
    n_frames = Feeder(model.file).n_frames(samples.samples, samples.name)
    source = _read_source(graph, n_frames)
    if final is None or source is None or crosses_host(graph):
        return None
    schedule = make_schedule(graph, settings)
    neurons = sum(n.size for n in graph.nodes.values() if not isinstance(n, Input | Output))
    if schedule.n_ticks(n_frames) * neurons > MOST_MEMBRANES:
        return None
    session = rate.open_session(get_engine("event"), graph, settings, n_frames)
    if not isinstance(session, TracingSession):
        return None
    # integrate-while-firing neurons take their window from `start` on, the others until then
    end = schedule.start[source] + (schedule.window - 1 if settings.rate is not None else 0)
    ends = end + schedule.period * np.arange(n_frames)
    some = samples.limit(MOST_SAMPLES)
    feeder = Feeder(model.file)
    said = []
    for done, x in enumerate(some.batches(1)):
        feeds = feeder.feeds(x, first=done, where=samples.name)
        trace = session.trace(feeds, membranes=True)
        assert trace.membranes is not None
        said.append(_classes(graph, source, trace.membranes[source], ends, schedule.window))
        progress("early exit", done + 1, len(some))
    classes = np.stack(said)
    first = int(ends[0]) - schedule.window + 1
    labels = None if some.y is None else some.y[: len(classes), None]
    return EarlyExit(
        ticks=tuple(range(first, first + classes.shape[1])),
        agreement=tuple((classes == final[: len(classes), None]).mean(axis=0).tolist()),
        accuracy=None if labels is None else tuple((classes == labels).mean(axis=0).tolist()),
        n_samples=len(classes),
    )


def _read_source(graph: Graph, n_frames: int) -> str | None:
    """The node of sums that the first output reads, if its frames are added up."""
    output = graph.outputs[0]
    source = graph.incoming(output.name)[0].source
    if output.reduction == "none" and n_frames > 1:
        return None
    is_sum = not isinstance(graph.nodes[source], HostOp) and graph.emits(source) == "value"
    return source if is_sum else None


def _classes(
    graph: Graph, source: str, membrane: IntArray, ends: IntArray, window: int
) -> IntArray:
    """The class that each tick would give, from the first window's first tick to the last latch."""
    p = graph.incoming(graph.outputs[0].name)[0]
    first, last = int(ends[0]) - window + 1, int(ends[-1])
    scores = np.zeros((last - first + 1, membrane[0].size), dtype=np.int64)
    before = np.zeros(membrane[0].size, dtype=np.int64)
    flat = membrane.reshape(len(membrane), -1)
    for index, end in enumerate(ends.tolist()):
        begin = end - window + 1
        scores[begin - first : end - first + 1] = before + flat[begin : end + 1]
        before = before + flat[end]
        until = int(ends[index + 1]) - window + 1 if index + 1 < len(ends) else end + 1
        scores[end + 1 - first : until - first] = before
    found: IntArray = p.apply(scores).argmax(axis=1)
    return found
