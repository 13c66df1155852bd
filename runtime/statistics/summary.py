"""Statistics as reports print them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from snnc.backends.base import Counters, EngineResult, NodeCounters
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.runtime.statistics.gather import Gathered
from snnc.runtime.statistics.interval import CONFIDENCE, METHOD, bootstrap, wilson

Pay: TypeAlias = Callable[[EngineResult], float | None]
"""Energy of one sample, from its counters."""

BINS = 20
_METRICS = ("events", "spikes", "synaptic_events", "unit_spike_operations")
_QUANTILES = {"min": 0.0, "q05": 0.05, "median": 0.5, "q95": 0.95, "max": 1.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """How samples differ.

    Attributes:
        gathered: sample by sample.
        per_sample: by metric, shape (N,).
        energy: by hardware, energy of each sample in pJ, shape (N,).
    """

    gathered: Gathered
    per_sample: Mapping[str, IntArray]
    energy: Mapping[str, FloatArray]

    @property
    def n_samples(self) -> int:
        """Samples that were looked at."""
        return len(self.gathered.results)

    @property
    def mean_counts(self) -> dict[str, FloatArray]:
        """By node that emits counts: mean |count| of each neuron, of the node's shape."""
        return {
            name: (tally.magnitude / max(1, tally.n_frames)).reshape(tally.node.shape)
            for name, tally in self.gathered.tallies.items()
            if tally.fires
        }

    def by_population(self) -> dict[str, dict[str, Any]]:
        """By emitting node: dead and saturated neurons, channels, levels."""
        return {name: tally.to_json() for name, tally in self.gathered.tallies.items()}

    def to_json(self) -> dict[str, Any]:
        """The object under `statistics`."""
        early = self.gathered.early
        return {
            "engine": self.gathered.engine,
            "n_samples": self.n_samples,
            "confidence": CONFIDENCE,
            "interval": METHOD,
            "accuracy": self._accuracy(),
            "per_sample": _distributions(self.per_sample),
            "picojoule": _distributions(self.energy),
            "by_class": self._by_class(),
            "by_frame": self._over_time("frame_events", "frame_spikes"),
            "by_tick": self._over_time("tick_events"),
            "early_exit": None if early is None else early.to_json(),
        }

    def _accuracy(self) -> dict[str, float] | None:
        right = self._right()
        if right is None:
            return None
        low, high = wilson(int(right.sum()), len(right))
        return {"value": float(right.mean()), "low": low, "high": high}

    def _right(self) -> Array | None:
        found, labels = self.gathered.predictions, self.gathered.labels
        return None if found is None or labels is None else found == labels

    def _by_class(self) -> dict[str, dict[str, Any]] | None:
        labels, right = self.gathered.labels, self._right()
        if labels is None:
            return None
        rows = {}
        table = np.stack([self.per_sample[name] for name in _METRICS], axis=1)
        for label in np.unique(labels).tolist():
            own = labels == label
            metrics = dict(zip(_METRICS, bootstrap(table[own]), strict=True))
            rows[str(label)] = {
                "n_samples": int(own.sum()),
                "accuracy": None if right is None else float(right[own].mean()),
                **{name: interval.to_json() for name, interval in metrics.items()},
                "picojoule": {name: float(each[own].mean()) for name, each in self.energy.items()},
            }
        return rows

    def _over_time(self, *kinds: str) -> dict[str, Any] | None:
        """Means of a sample, all nodes together and by node; None where codes hide the times."""
        found: dict[str, Any] = {}
        for kind in kinds:
            own = {name: getattr(t, kind) for name, t in self.gathered.tallies.items()}
            if not own or any(times is None for times in own.values()):
                return None
            means = {name: times / self.n_samples for name, times in own.items()}
            what = kind.split("_")[1]
            found[what] = sum(means.values()).tolist()
            if what == "events":
                found["by_population"] = {name: each.tolist() for name, each in means.items()}
        return found


def summarise(gathered: Gathered, pay: Mapping[str, Pay]) -> Statistics:
    """Statistics of samples that were run one by one.

    Args:
        gathered: the samples.
        pay: by hardware: the energy of one sample; those without published figures are left out.
    """
    totals = [_totals(result) for result in gathered.results]
    per_sample = {name: np.array([total[name] for total in totals]) for name in _METRICS}
    energy = {}
    for name, of in pay.items():
        paid = [of(result) for result in gathered.results]
        if None not in paid:
            energy[name] = np.array(paid, dtype=np.float64)
    return Statistics(gathered=gathered, per_sample=per_sample, energy=energy)


def _totals(result: EngineResult) -> dict[str, int]:
    synaptic = sum(result.counters.values(), Counters()).to_json()
    return synaptic | sum(result.node_counters.values(), NodeCounters()).to_json()


def _distributions(values: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    """By metric: mean with its interval, spread, quantiles, histogram."""
    if not values:
        return {}
    intervals = bootstrap(np.stack(list(values.values()), axis=1))
    found = {}
    for (name, each), interval in zip(values.items(), intervals, strict=True):
        counts, edges = np.histogram(each, bins=BINS)
        quantiles = np.quantile(each, list(_QUANTILES.values()))
        found[name] = {
            **interval.to_json(),
            "std": float(each.std(ddof=1)) if len(each) > 1 else None,
            **dict(zip(_QUANTILES, quantiles.tolist(), strict=True)),
            "histogram": {"edges": edges.tolist(), "n_samples": counts.tolist()},
        }
    return found
