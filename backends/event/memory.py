"""The state of a worker, and the flat arrays that go in and out of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from snnc.backends.event.compile import Compiled
from snnc.backends.event.frames import Data
from snnc.backends.event.tables import LANES, RUN, Lists, Program, Start, State
from snnc.ir.arrays import IntArray
from snnc.ir.neurons.sigma_delta import CHECKED, too_large


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
        acc32=program.rest32.copy(),
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


class Buffers:
    """Feeds and records of one run.

    Args:
        feeds: (N, T, *shape) by source node.
        record: nodes to record.
    """

    def __init__(
        self, compiled: Compiled, feeds: Mapping[str, IntArray], record: Collection[str]
    ) -> None:
        self.n_samples, self.n_frames = next(iter(feeds.values())).shape[:2]
        frames = self.n_samples * self.n_frames
        self._compiled = compiled
        record_at = np.full(len(compiled.names), -1, dtype=np.int64)
        feed_at = np.full(len(compiled.names), -1, dtype=np.int64)
        recorded = fed = 0
        parts = []
        sizes = (compiled.program.nodes["size"] * frames).tolist()
        for i, (name, size) in enumerate(zip(compiled.names, sizes, strict=True)):
            if name in record:
                record_at[i], recorded = recorded, recorded + size
            if name in feeds:
                feed_at[i], fed = fed, fed + size
                parts.append(np.ascontiguousarray(feeds[name]).reshape(-1))
        flat = (parts[0] if len(parts) == 1 else np.concatenate(parts)).view()
        flat.flags.writeable = False  # always: to numba it is another type than a writeable one
        self.data = Data(
            feeds=flat,
            feed_at=feed_at,
            records=np.zeros(recorded, dtype=np.int64),
            record_at=record_at,
        )

    def counts(self) -> dict[str, IntArray]:
        """Recorded counts by node, (N, T, *shape)."""
        found = {}
        for name, at in zip(self._compiled.names, self.data.record_at, strict=True):
            if at >= 0:
                node = self._compiled.graph.nodes[name]
                shape = (self.n_samples, self.n_frames, *node.shape)
                flat = self.data.records[at : at + node.size * self.n_samples * self.n_frames]
                found[name] = flat.reshape(shape)
        return found
