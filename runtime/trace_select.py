"""Which part of a trace is kept, and what is summed up of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from snnc.backends.base import Stretch
from snnc.ir.arrays import IntArray
from snnc.ir.errors import DataError
from snnc.ir.registry import did_you_mean


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """Some populations and ticks; ticks keep their numbers.

    Attributes:
        names: populations whose events are kept, as those that are kept number them.
        numbers: of these in the whole trace, rising.
        membranes: populations whose membranes are kept.
        ticks: the first tick and the one behind the last.
        all: is everything kept?
    """

    names: tuple[str, ...]
    numbers: IntArray
    membranes: frozenset[str]
    ticks: tuple[int, int]
    all: bool

    @classmethod
    def make(
        cls,
        emitting: Sequence[str],
        membranes: Collection[str],
        n_ticks: int,
        populations: Sequence[str] = (),
        ticks: tuple[int | None, int | None] = (None, None),
    ) -> Selection:
        """What is asked for.

        Args:
            emitting: all that emit events.
            membranes: all whose membranes there are.
            n_ticks: of the run.
            populations: by name; none: all.
            ticks: first tick and the one behind the last; None: from the start, to the end.

        Raises:
            DataError: there is no such population, or no such ticks.
        """
        known = {*emitting, *membranes}
        for name in populations:
            if name not in known:
                raise DataError(
                    f"there is no population `{name}` that sends events"
                    f"{did_you_mean(name, sorted(known))}"
                )
        first, end = (ticks[0] or 0, n_ticks if ticks[1] is None else ticks[1])
        if not 0 <= first < end <= n_ticks:
            raise DataError(f"ticks {first}:{end} are not within 0:{n_ticks} of the run")
        kept = [i for i, name in enumerate(emitting) if not populations or name in populations]
        return cls(
            names=tuple(emitting[i] for i in kept),
            numbers=np.array(kept, dtype=np.int64),
            membranes=frozenset(n for n in membranes if not populations or n in populations),
            ticks=(first, end),
            all=len(kept) == len(emitting) and (first, end) == (0, n_ticks),
        )

    def of(self, part: Stretch) -> Stretch:
        """What is kept of a stretch."""
        held: Mapping[str, IntArray] | None = None
        at = part.first
        if part.membranes is not None:
            rows = slice(max(self.ticks[0] - at, 0), max(self.ticks[1] - at, 0))
            held = {name: m[rows] for name, m in part.membranes.items()}
            at = max(at, self.ticks[0])
        if self.all:
            return replace(part, membranes=held)
        chosen = np.isin(part.population, self.numbers)
        chosen &= (part.tick >= self.ticks[0]) & (part.tick < self.ticks[1])
        return Stretch(
            part.sample,
            part.tick[chosen],
            np.searchsorted(self.numbers, part.population[chosen]),
            part.neuron[chosen],
            part.payload[chosen],
            at,
            held,
        )


class Tally:
    """Events, spikes, first and last tick of each population.

    Args:
        names: populations, as events number them.
        values: those of them that pass sums on as graded events, which are no spikes.
    """

    def __init__(self, names: Sequence[str], values: Collection[str]) -> None:
        self.names = tuple(names)
        self.n_events = 0
        self._counts = np.array([name not in values for name in names], dtype=np.int64)
        self._events, self._spikes = np.zeros((2, len(names)), dtype=np.int64)
        self._first = np.full(len(names), np.iinfo(np.int64).max)
        self._last = np.full(len(names), -1)

    def add(self, tick: IntArray, population: IntArray, payload: IntArray) -> Tally:
        """Add events."""
        self.n_events += len(tick)
        self._events += np.bincount(population, minlength=len(self.names))
        np.add.at(self._spikes, population, np.abs(payload) * self._counts[population])
        np.minimum.at(self._first, population, tick)
        np.maximum.at(self._last, population, tick)
        return self

    @property
    def n_spikes(self) -> int:
        """Sum of |payload| over what carries counts: unit spikes."""
        return int(self._spikes.sum())

    @property
    def by_population(self) -> dict[str, dict[str, int | None]]:
        """Events, spikes, first and last tick of each emitting node, over all samples."""
        columns = (self._events, self._spikes, self._first, self._last)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return {
            name: {
                "n_events": events,
                "n_spikes": spikes,
                "first_tick": first if events else None,
                "last_tick": last if events else None,
            }
            for name, (events, spikes, first, last) in zip(self.names, rows, strict=True)
        }
