"""From sums over rows and neurons to what every projection and node did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from snnc.backends.base import Counters, NodeCounters
from snnc.backends.dense.counting import Column, NodeTally, Reads
from snnc.ir.arrays import IntArray


@dataclass
class Places:
    """Entries of the results, each with a factor."""

    at: list[int] = field(default_factory=list)
    factor: list[int] = field(default_factory=list)

    def add(self, at: int, factor: int) -> None:
        """One more."""
        self.at.append(at)
        self.factor.append(factor)

    def read(self, results: list[int]) -> list[int]:
        """Their values."""
        return [results[n] * factor for n, factor in zip(self.at, self.factor, strict=True)]


class Ledger:
    """Where counters stand in the results of all tallies, one behind the other.

    It outlives its session in the results that hold it, and so holds nothing but numbers and names.

    Args:
        dense_macs: of one frame, by projection that carries events.
        neurons: by emitting node, as far as they are updated and latched.
        pairs: of one frame, by product.

    Attributes:
        firsts: where those of each tally begin: of |k| by column, then of events by choice of rows
            and column.
        size: of the results.
    """

    def __init__(
        self,
        tallies: Sequence[NodeTally],
        dense_macs: Mapping[str, int],
        neurons: Mapping[str, int],
        pairs: Mapping[str, int],
    ) -> None:
        self._dense_macs, self._neurons, self._pairs = dense_macs, neurons, pairs
        sizes = [(1 + t.needs.n_choices) * t.needs.columns.n for t in tallies]
        ends = np.cumsum([0, *sizes]).tolist()
        self.firsts: list[int] = ends[:-1]
        self.size: int = ends[-1]
        self._projections, self._nodes = list[str](), list[str]()
        self._pools = list[str]()
        self._reached, self._units = Places(), Places()
        self._effective, self._acs = Places(), Places()
        self._events, self._spikes, self._pooled = Places(), Places(), Places()
        for tally, first in zip(tallies, self.firsts, strict=True):
            self._enter(tally, first)

    def _enter(self, tally: NodeTally, first: int) -> None:
        events = first + tally.needs.columns.n if tally.needs.n_choices else first
        if not tally.frames:  # else the node's events have been counted when it emitted them
            self._nodes.append(tally.name)
            column, factor = tally.needs.total
            self._events.add(events + column, factor)
            self._spikes.add(first + column, factor if tally.fires else 0)
        for read in tally.needs.reads:
            self._enter_read(tally, read, first, events)

    def _enter_read(self, tally: NodeTally, read: Reads, first: int, events: int) -> None:
        def entry(at: int, column: Column) -> tuple[int, int]:
            return at + column[0], column[1]

        if read.takes_max:
            self._pools.append(read.projection.target)
            self._pooled.add(*entry(events, read.fan_out))
            return
        self._projections.append(read.projection.name)
        self._reached.add(*entry(events, read.fan_out))
        self._units.add(*entry(first, read.fan_out))
        self._effective.add(*entry(events, read.effective))
        self._acs.add(*entry(events + read.small * tally.needs.columns.n, read.effective))

    def counters(
        self, results: IntArray, products: Mapping[str, Counters], n_rows: int
    ) -> dict[str, Counters]:
        """By projection and product.

        Args:
            results: of all tallies.
            products: what was counted of them.
            n_rows: frames of all samples.
        """
        values: list[int] = results.tolist()  # a product with a factor may pass int64
        columns = (p.read(values) for p in (self._reached, self._units, self._effective))
        found = dict.fromkeys(self._dense_macs, (0, 0, 0, 0))
        for name, reached, units, effective, acs in zip(
            self._projections, *columns, self._acs.read(values), strict=True
        ):
            found[name] = reached, units, acs, effective - acs
        macs = self._dense_macs
        of_projections = {name: Counters(*found[name], macs[name] * n_rows) for name in macs}
        return of_projections | {
            name: products.get(name, Counters()) + Counters(dense_macs=each * n_rows)
            for name, each in self._pairs.items()
        }

    def nodes(self, results: IntArray, n_rows: int, n_ticks: int) -> dict[str, NodeCounters]:
        """By emitting node.

        Args:
            results: of all tallies.
            n_rows, n_ticks: frames and ticks of all samples.
        """
        values: list[int] = results.tolist()
        counted = zip(self._events.read(values), self._spikes.read(values), strict=True)
        known = dict(zip(self._nodes, counted, strict=True))
        pooled = dict.fromkeys(self._neurons, 0)
        for name, inputs in zip(self._pools, self._pooled.read(values), strict=True):
            pooled[name] += inputs
        return {
            name: NodeCounters(*known.get(name, (0, 0)), n * n_ticks, n * n_rows, pooled[name])
            for name, n in self._neurons.items()
        }
