"""How often each neuron sends, measured on data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.base import Counters
from snnc.backends.mapping.traffic import Activity
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.codes import RunSettings
from snnc.runtime.batches import batch_size
from snnc.runtime.data import DataSet
from snnc.runtime.engines import open_engine
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import Model
from snnc.runtime.progress import Progress


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What a run on data showed.

    Attributes:
        activity: means over all frames.
        engine: that ran.
        n_samples, n_frames: samples; frames of each sample.
    """

    activity: Activity
    engine: str
    n_samples: int
    n_frames: int


def measure(
    model: Model,
    samples: DataSet,
    *,
    engine: str,
    progress: Progress,
) -> Measured:
    """Run a model and count each neuron's events.

    Args:
        model: to run, in its own settings.
        samples: to run it on.
        engine: that runs it.
        progress: is told after each batch.

    Raises:
        SnncError: by its subclass, as of `snnc.run`.
    """
    feeder, settings = Feeder(model.file), model.settings
    n_frames = feeder.n_frames(samples.samples, samples.name)
    opened = open_engine(model, engine, settings, n_frames)
    graph = model.integer_graph
    emitting = [n for n in graph.nodes if any(graph.is_event(p) for p in graph.outgoing(n))]
    tally = Tally(settings, {n: graph.emits(n) == "count" for n in emitting})
    pairs = {node.name: 0.0 for node in graph.products}
    size = opened.batch or batch_size(sum(n.size for n in graph.nodes.values()), n_frames)
    done = 0
    for x in samples.batches(size):
        result = opened.session.run(
            feeder.feeds(x, first=done, where=samples.name), record=frozenset(emitting)
        )
        tally.add(
            {name: result.counts[name] for name in emitting},
            {name: result.node_counters[name].events for name in emitting},
        )
        for name in pairs:
            pairs[name] += result.counters.get(name, Counters()).synaptic_events
        done = min(done + size, len(samples))
        progress("run", done, len(samples))
    frames = len(samples) * n_frames
    return Measured(
        activity=Activity(
            events={name: sent / frames for name, sent in tally.events.items()},
            peak={name: sent / frames for name, sent in tally.peak().items()},
            pairs={name: n / frames for name, n in pairs.items()},
            measured=True,
        ),
        engine=opened.name,
        n_samples=len(samples),
        n_frames=n_frames,
    )


class Tally:
    """Events of each neuron, added up.

    Args:
        settings: that say how counts travel.
        counted: by emitting node: does it emit counts (and not values)?
    """

    def __init__(self, settings: RunSettings, counted: dict[str, bool]) -> None:
        self.events: dict[str, FloatArray] = {}
        self._peak: dict[str, FloatArray] = {}
        self._settings, self._counted = settings, counted

    def add(self, counts: dict[str, IntArray], totals: dict[str, int]) -> None:
        """Take a batch in.

        Args:
            counts: by node, shape (N, T, *shape).
            totals: by node, the events that the engine counted. In code `rate` counts are what is
                left of them after rounding, so that they say only how the total is shared.
        """
        for name, count in counts.items():
            sent = count.reshape(*count.shape[:2], -1)
            if self._settings.sends_changes:
                sent = np.diff(sent, axis=1, prepend=0)
            once = np.count_nonzero(sent, axis=(0, 1)).astype(np.float64)
            _add(self._peak, name, once)
            if self._settings.unit_spikes and self._counted[name]:
                once = np.abs(sent).sum(axis=(0, 1)).astype(np.float64)
            if self._settings.rate is not None:
                once *= totals[name] / once.sum() if once.any() else 0.0
            _add(self.events, name, once)

    def peak(self) -> dict[str, FloatArray]:
        """Events in the busiest tick of a frame; in code `rate` all ticks are alike."""
        if self._settings.rate is None:
            return self._peak
        return {name: sent / self._settings.rate.ticks for name, sent in self.events.items()}


def _add(sums: dict[str, FloatArray], name: str, amounts: Array) -> None:
    sums[name] = sums[name] + amounts if name in sums else amounts
