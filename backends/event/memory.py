"""The state of a worker, and the flat arrays that go in and out of a run."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.event.compile import Compiled
from snnc.backends.event.frames import Data
from snnc.backends.event.tables import LANES, RUN, Lists, Program, Start, State
from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.neurons.sigma_delta import CHECKED, too_large

_MOST_KNOWN = 64
"""Sizes of runs of which it is remembered where feeds and records lie."""
_LINE = 64
"""Bytes."""


def aligned(array: Array) -> Array:
    """A copy that begins with a line of the cache: vectors that lie across two cost twice."""
    raw = np.zeros(array.nbytes + _LINE, dtype=np.uint8)
    first = -raw.ctypes.data % _LINE
    made = raw[first : first + array.nbytes].view(array.dtype)
    made[:] = array
    return made


def make_state(compiled: Compiled, program: Program, *, ticks: bool = False) -> State:
    """Fresh state; its size is that of neurons and of the lists of `program`.

    Args:
        ticks: for tick-by-tick runs.
    """
    n_events = int((program.rooms["size"] + LANES).sum())
    n_segments = int((program.rooms["pixels"] + 1).sum())
    n_lists, n_maxima = len(program.rooms), len(program.inputs)
    before = np.zeros(compiled.n_before, dtype=np.int64)
    held = np.zeros(compiled.n_held, dtype=np.int64)
    lists = Lists(
        neuron=np.zeros(n_events, dtype=np.uint32),
        payload=np.zeros(n_events, dtype=np.int64),
        segments=np.zeros(n_segments, dtype=np.int64),
        length=np.zeros(n_lists, dtype=np.int64),
        total=np.zeros(n_lists, dtype=np.int64),
        peak=np.zeros(n_lists, dtype=np.int64),
    )
    return State(
        lists=lists,
        acc32=aligned(program.rest32),
        acc64=program.rest64.copy(),
        values=np.zeros(max(compiled.n_values, 1), dtype=np.int32),
        best=np.zeros(n_maxima, dtype=np.int64),
        seen=np.zeros(n_maxima + LANES, dtype=np.int32),
        before=before,
        held=held,
        start=Start(program.rest32.copy(), program.rest64.copy(), before.copy(), held.copy()),
        state=np.zeros(max(compiled.n_state, 1), dtype=np.int64),
        initial=np.zeros(max(compiled.n_state, 1), dtype=np.int64),
        exceeded=np.zeros(3, dtype=np.int64),
        remaining=np.zeros(n_events if ticks else 1, dtype=np.int64),
        spread=np.zeros(compiled.n_spread, dtype=np.int16),
        plane=aligned(np.zeros(compiled.n_plane, dtype=np.int16)),
        runs=np.zeros(compiled.n_runs * RUN, dtype=np.int64),
        scratch=np.zeros(compiled.n_scratch, dtype=np.int64),
        counters=np.zeros((max(len(compiled.counter_names), 1), 4), dtype=np.int64),
        node_counters=np.zeros((len(compiled.names), 3), dtype=np.int64),
    )


def check_widths(compiled: Compiled, state: State) -> None:
    """Stop a run in which a node has passed a width that runs check.

    Raises:
        StateExceeded: with the node's place and what it held.
    """
    row, which, found = state.exceeded.tolist()
    if row:
        name = compiled.names[row]
        where = compiled.graph.nodes[name].module_path or name
        raise too_large(CHECKED[which], found, where)


@dataclass(frozen=True)
class Places:
    """Where the feeds and records of runs of one size lie.

    Attributes:
        feed_at, record_at: see `Data`.
        feeds: nodes that are fed, as they lie.
        records: of each node that is recorded: where it lies, and its counts' shape.
        recorded: integers of all records.
    """

    feed_at: IntArray
    record_at: IntArray
    feeds: tuple[str, ...]
    records: tuple[tuple[str, slice, Shape], ...]
    recorded: int


def find_places(
    compiled: Compiled, fed: Collection[str], record: Collection[str], size: tuple[int, int]
) -> Places:
    """Lay out feeds and records, node after node.

    Args:
        size: samples, and frames of each.
    """
    record_at = np.full(len(compiled.names), -1, dtype=np.int64)
    feed_at = np.full(len(compiled.names), -1, dtype=np.int64)
    recorded = taken = 0
    feeds, records = [], []
    for i, name in enumerate(compiled.names):
        node = compiled.graph.nodes[name]
        length = node.size * size[0] * size[1]
        if name in record:
            records.append((name, slice(recorded, recorded + length), (*size, *node.shape)))
            record_at[i], recorded = recorded, recorded + length
        if name in fed:
            feeds.append(name)
            feed_at[i], taken = taken, taken + length
    return Places(feed_at, record_at, tuple(feeds), tuple(records), recorded)


class Buffers:
    """Feeds and records of one run.

    Args:
        feeds: (N, T, *shape) by source node.
        record: nodes to record.
        known: places of earlier runs that fed the same nodes; those of this one join them.
    """

    def __init__(
        self,
        compiled: Compiled,
        feeds: Mapping[str, IntArray],
        record: Collection[str],
        known: dict[Hashable, Places] | None = None,
    ) -> None:
        size = self.n_samples, self.n_frames = next(iter(feeds.values())).shape[:2]
        known = {} if known is None else known
        key = size, frozenset(record)
        places = known.get(key)
        if places is None:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            places = known[key] = find_places(compiled, feeds, record, size)
        self._records = places.records
        parts = [np.ascontiguousarray(feeds[name]).reshape(-1) for name in places.feeds]
        flat = parts[0] if len(parts) == 1 else np.concatenate(parts)
        flat.flags.writeable = False  # always: to numba it is another type than a writeable one
        self.data = Data(
            feeds=flat,
            feed_at=places.feed_at,
            records=np.zeros(places.recorded, dtype=np.int64),
            record_at=places.record_at,
        )

    def counts(self) -> dict[str, IntArray]:
        """Recorded counts by node, (N, T, *shape)."""
        records = self.data.records
        return {name: records[place].reshape(shape) for name, place, shape in self._records}
