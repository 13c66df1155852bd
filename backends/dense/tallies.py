"""Adds up what the rows of a run emitted: in numpy at first, compiled where there is much of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from snnc.backends.dense.builder import DType
from snnc.backends.dense.seen import LARGEST_SUM, SUMS, Seen, Tray
from snnc.ir.arrays import Array, IntArray

PATIENCE = 0.3
"""Seconds in numpy after which compiled code is loaded, which takes about twice as long."""
COMPILER = "numba"
WORTH_THREADS = 2**20
"""Neurons, over all rows, from which on counting is shared out: about a tenth of a millisecond."""

WORTH_GROUPS = 32
"""Channels, a vector of bytes, from which on positions with one label are added to one another."""


@dataclass(frozen=True)
class Table:
    """Nodes that emit one type, as the compiled pass reads them; see `kernels.add_up`."""

    rows: NDArray[np.uint64]
    labels: NDArray[np.uint32]
    weights: Array
    masks: NDArray[np.uint32]
    sums: Array
    spare: Array


_Tables: TypeAlias = "list[tuple[DType, tuple[str, ...], Table]]"
"""By type: the tensors of some nodes, and what is read of them."""


class Tallies:
    """Counters of nodes that are counted outside of the graph.

    Args:
        seen: the nodes.
        firsts: where in the results each one's begin.
        threads: that count.
    """

    def __init__(self, seen: Sequence[Seen], firsts: Sequence[int], threads: int) -> None:
        self.seen, self.firsts, self.threads = tuple(seen), tuple(firsts), threads
        self._seconds = 0.0
        self._compiled: Callable[[Tray, IntArray], None] | None = None

    def add(self, tray: Tray, results: IntArray) -> None:
        """Add the counters of a tray's rows to `results`."""
        if self._compiled is None and (COMPILER in sys.modules or self._seconds > PATIENCE):
            self._compiled = compiled(self.seen, self.firsts, self.threads)
        if self._compiled is not None:
            self._compiled(tray, results)
            return
        begun = time.perf_counter()
        self._add_in_numpy(tray, results)
        self._seconds += time.perf_counter() - begun

    def _add_in_numpy(self, tray: Tray, results: IntArray) -> None:
        for seen, first in zip(self.seen, self.firsts, strict=True):
            counted = in_numpy(seen, tray.views[seen.tensor])
            results[first : first + counted.size] += counted.reshape(-1)


def in_numpy(seen: Seen, x: Array) -> IntArray:
    """Counters of one node, (parts, q): payloads; events of all rows and of choices."""
    x = x.reshape(len(x), -1)
    size = np.abs(x) if x.dtype.kind == "f" else x
    parts = [_over_rows(size)]
    if seen.fired:
        fired = size != 0
        parts.append(_over_rows(fired))
        for mask in seen.masks:
            taken = size if mask is None else size[:, mask]
            small = taken.max(axis=1, initial=0) <= 1
            parts.append(_over_rows(fired[small]))
    return np.stack([seen.weights @ seen.labels.add(part) for part in parts])


def _over_rows(x: Array) -> Array:
    return x[0] if len(x) == 1 else x.sum(axis=0, dtype=np.int64)


def compiled(
    seen: Sequence[Seen], firsts: Sequence[int], threads: int
) -> Callable[[Tray, IntArray], None]:
    """The compiled pass over the trays of some nodes, on some threads where that is worth it."""
    from snnc.backends.dense.kernels import add_up

    shares = [s for s in shared_out([each.size for each in seen], threads) if s]
    tables = [_tables(seen, firsts, share) for share in shares]
    pool = ThreadPoolExecutor(len(tables)) if len(tables) > 1 else None
    size = sum(each.size for each in seen)

    def add_some(some: _Tables, tray: Tray, results: IntArray) -> None:
        for dtype, tensors, t in some:
            x, starts = tray.flat[dtype], tray.starts(tensors)
            rows = np.uint64(tray.rows)
            add_up(x, rows, starts, t.rows, t.labels, t.weights, t.masks, t.sums, t.spare, results)

    def add(tray: Tray, results: IntArray) -> None:
        if pool is None or tray.rows * size < WORTH_THREADS:
            for some in tables:
                add_some(some, tray, results)
        else:  # each node has results of its own
            list(pool.map(lambda some: add_some(some, tray, results), tables))

    return add


def shared_out(sizes: Sequence[int], n: int) -> list[list[int]]:
    """Numbers of what has these sizes, in n shares of about the same sum."""
    shares: list[list[int]] = [[] for _ in range(n)]
    sums = [0] * n
    for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
        least = sums.index(min(sums))
        shares[least].append(number)
        sums[least] += sizes[number]
    return [sorted(share) for share in shares]


def _tables(seen: Sequence[Seen], firsts: Sequence[int], share: Sequence[int]) -> _Tables:
    """Some of the nodes by type: their tensors and what the compiled pass reads."""
    found = []
    for dtype in SUMS:
        some = [n for n in share if seen[n].dtype == dtype]
        if some:
            table = make_table([seen[n] for n in some], [firsts[n] for n in some])
            found.append((dtype, tuple(seen[n].tensor for n in some), table))
    return found


def make_table(seen: Sequence[Seen], firsts: Sequence[int]) -> Table:
    """Nodes of one type, everything one behind the other."""
    from snnc.backends.dense.kernels import ALL, Field

    rows = np.zeros((len(seen), len(Field)), dtype=np.uint64)
    labels, weights = list[IntArray](), list[IntArray]()
    masks: list[int] = []
    n_labels = n_weights = 0
    for row, each, first in zip(rows, seen, firsts, strict=True):
        row[Field.SIZE], row[Field.IN_RUNS] = each.size, each.labels.runs is not None
        row[Field.N_LABELS], row[Field.CHANNELS] = each.labels.n, each.labels.channels
        row[Field.N_SUMS], row[Field.N_COLUMNS] = each.labels.n_sums, len(each.weights)
        row[Field.FIRED], row[Field.N_MASKS] = each.fired, len(each.masks)
        row[Field.BLOCK], row[Field.CHUNK] = each.block, LARGEST_SUM // max(1, each.largest)
        row[Field.IN_GROUPS] = in_groups(each)
        row[Field.FIRST_LABEL], row[Field.FIRST_WEIGHT] = n_labels, n_weights
        row[Field.FIRST_MASK], row[Field.FIRST_RESULT] = len(masks), first
        labels.append(each.labels.flat)
        weights.append(each.weights.reshape(-1))
        n_labels, n_weights = n_labels + labels[-1].size, n_weights + weights[-1].size
        at = len(masks) + 2 * len(each.masks)
        lengths = [ALL if mask is None else len(mask) for mask in each.masks]
        taken = [mask for mask in each.masks if mask is not None]
        for mask, n in zip(each.masks, lengths, strict=True):
            masks += [at, n]
            at += 0 if mask is None else n
        masks += [int(n) for mask in taken for n in mask]
    parts = max((2 + len(each.masks)) * each.labels.n_sums for each in seen)
    return Table(
        rows,
        np.concatenate(labels).astype(np.uint32),
        narrow(np.concatenate(weights)),
        np.array(masks, dtype=np.uint32),
        np.zeros(parts, dtype=SUMS[seen[0].dtype]),
        np.zeros(max(each.size for each in seen), dtype=np.dtype(seen[0].dtype)),
    )


def in_groups(seen: Seen) -> bool:
    """Is it quicker to add positions that share a label in bytes, before these are widened?"""
    labels = seen.labels
    if labels.runs is not None or seen.block < 2 or labels.channels < WORTH_GROUPS:
        return False
    changes = np.count_nonzero(np.diff(labels.positions))
    return bool(2 * (changes + 1) <= labels.n)


def narrow(weights: IntArray) -> Array:
    """In int32 where they fit, which is quicker to multiply."""
    small = weights.astype(np.int32)
    return small if np.array_equal(small, weights) else weights
