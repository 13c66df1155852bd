"""What the code `rate` loses, against the exact counts of the same graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.backends.base import EngineResult, Feeds
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.runtime.engines import open_engine
from snnc.runtime.model import Model
from snnc.runtime.outputs import OutputReader, predictions

_EXACT = "event"
"""The engine that gives the exact counts."""


@dataclass
class _Lost:
    """One node's integers in rate against the exact ones.

    Attributes:
        n_values: compared.
        n_changed: that differ.
        distance: sum of |difference|.
        largest: of them.
    """

    n_values: int = 0
    n_changed: int = 0
    distance: int = 0
    largest: int = 0

    def add(self, exact: IntArray, got: IntArray) -> None:
        away = np.abs(got - exact)
        self.n_values += away.size
        self.n_changed += int(np.count_nonzero(away))
        self.distance += int(away.sum())
        self.largest = max(self.largest, int(away.max(initial=0)))

    def to_json(self) -> dict[str, Any]:
        share = self.n_changed / self.n_values if self.n_values else None
        mean = self.distance / self.n_values if self.n_values else None
        return {"changed_share": share, "mean_difference": mean, "largest_difference": self.largest}


class RateLoss:
    """Runs a model exactly, and compares what it gives in rate.

    Args:
        model: that runs in rate.
        settings: code `rate`.
        n_frames: T.
    """

    def __init__(self, model: Model, settings: RunSettings, n_frames: int) -> None:
        self.graph: Graph = model.integer_graph
        self._reader = OutputReader(self.graph)
        exact = RunSettings("graded", settings.schedule)
        self._session = open_engine(model.unbundled(), _EXACT, exact, n_frames).session
        self._lost: dict[str, _Lost] = {}
        self._predicted: list[tuple[IntArray, IntArray]] = []

    def add(self, feeds: Feeds, result: EngineResult) -> EngineResult:
        """Compare one batch; returns the exact result."""
        exact = self._session.run(feeds)
        for name in exact.counts.keys() & result.counts.keys():
            self._lost.setdefault(name, _Lost()).add(exact.counts[name], result.counts[name])
        first = self.graph.outputs[0].name
        pair = [predictions(self._reader.read(r)[first].scores) for r in (exact, result)]
        if pair[0] is not None and pair[1] is not None:
            self._predicted.append((pair[0], pair[1]))
        return exact

    def to_json(self, labels: IntArray | None) -> dict[str, Any]:
        """Accuracy in rate, and what was lost by node in topological order."""
        agree = accuracy = None
        if self._predicted:
            exact, got = (np.concatenate(p) for p in zip(*self._predicted, strict=True))
            agree = float((exact == got).mean())
            if labels is not None:
                accuracy = float((got == labels[: len(got)]).mean())
        names = [name for name in self.graph.nodes if name in self._lost]
        return {
            "predictions_agree": agree,
            "accuracy": accuracy,
            "by_population": {name: self._lost[name].to_json() for name in names},
        }
