"""Traces from frames: what each node emits in a frame, noted as it latches, laid out over ticks.

A node that latches has said all that it emits, and the schedule says when. So a trace needs no
clock: a run notes lists, and whenever the log is full every event is written to its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from snnc.backends.base import Stretch
from snnc.backends.event.compile import Compiled
from snnc.backends.event.jit import entry, kernel
from snnc.backends.event.late import late
from snnc.backends.event.tables import Lists
from snnc.ir.arrays import Array, IntArray

ROOM = 1 << 14
"""Events that a log holds at least: few enough to stay in a core's cache."""
MOST = 1 << 18
"""What a log is laid out as before it is full: events (a burst's counts are one for each spike)
and slots, of which every list has one for each tick of its window. A frame may add to it."""
_FRAME, _NODE, _FIRST, _NUMBER, _NOTE = range(5)
_SAMPLE, _TICK, _OF, _LENGTH, _BLOCK, _BEGIN = range(6)


class Log(NamedTuple):
    """Lists that have been noted. Without room nothing is."""

    neuron: Array
    """As lists hold them."""
    payload: IntArray
    channel: Array
    """Working memory."""
    notes: IntArray
    """Of each list: frame, counted over all samples, node, first event, number of events."""
    used: IntArray
    """Events, lists; then, laid out: events, and slots of the windows of all lists."""
    enough: int
    """Room for events that one frame can need."""
    window: int
    """Slots of a list."""
    most: int
    """Of what is laid out, before the log is full."""


def make_log(compiled: Compiled, room: int = 0) -> Log:
    """An empty log, for `room` events and one frame; 0: nothing is noted."""
    nodes = compiled.program.nodes
    enough = int(nodes["size"].sum())
    events = room + enough if room else 0
    return Log(
        neuron=np.zeros(events, dtype=np.uint32),
        payload=np.zeros(events, dtype=np.int64),
        channel=np.zeros(events, dtype=np.uint32),
        notes=np.zeros(events * _NOTE, dtype=np.int64),  # no list is noted that is empty
        used=np.zeros(3, dtype=np.int64),
        enough=enough,
        window=compiled.schedule.window,
        most=MOST,
    )


@kernel
def is_full(log: Log) -> bool:
    """Could the next frame find no room, or is this much to lay out?"""
    return len(log.neuron) > 0 and (
        log.used[0] + log.enough > len(log.neuron) or log.used[2] > log.most
    )


@late
def note(node: Any, room: Any, lists: Lists, log: Log, frame: int, trains: bool) -> None:
    """Note a node's list; `trains` as in `count_node`."""
    n, first = lists.length[room.number], log.used[0]
    if n == 0:
        return
    at = log.used[1] * _NOTE
    log.notes[at + _FRAME], log.notes[at + _NODE] = frame, node.number
    log.notes[at + _FIRST], log.notes[at + _NUMBER] = first, n
    log.used[0] += n
    log.used[1] += 1
    log.used[2] += log.window + (lists.total[room.number] if trains else n)
    neuron, payload = log.neuron[first : first + n], log.payload[first : first + n]
    from_neuron, from_payload = lists.neuron[room.events :], lists.payload[room.events :]
    for e in range(n):
        neuron[e] = from_neuron[e]
        payload[e] = from_payload[e]


class Block(NamedTuple):
    """What a log has held, as it is emitted, and the columns of a trace that this goes to."""

    notes: IntArray
    """Shape (n_lists, _NOTE)."""
    per_slot: IntArray
    """Events of each list in each slot of its window, shape (n_lists, window)."""
    begin: IntArray
    """Where these begin in the columns, the same shape."""
    at: IntArray
    """The tick of these, the same shape."""
    tick: IntArray
    population: IntArray
    neuron: IntArray
    payload: IntArray


class Layout:
    """Lays out what logs have held, sample after sample.

    Where frames overlap on the clock (pipelined), what a later frame may still come before waits.

    Args:
        n_frames: of each sample.
    """

    def __init__(self, compiled: Compiled, n_frames: int) -> None:
        nodes = compiled.program.nodes
        self._compiled = compiled
        self._nodes, self._start = nodes, nodes["start"].copy()
        self._schedule = compiled.schedule
        self._n_frames = n_frames
        shape = (compiled.schedule.window, int(nodes["channels"].max()))
        self._ends = np.zeros(shape, dtype=np.int64)
        self._slots = np.arange(compiled.schedule.window)
        self._n_ticks = compiled.schedule.n_ticks(n_frames)
        self._trains = (nodes["counted"] == 1) & (compiled.program.unit_spikes == 1)
        self._rows = np.zeros((0, 6), dtype=np.int64)
        self._blocks: dict[int, Block] = {}
        self._taken = 0

    def take(self, log: Log, frame: int) -> Iterator[Stretch]:
        """Empty a log.

        Args:
            frame: the first one that is still to come, counted over all samples.
        """
        order, block = self._expand(log)
        sample, frame = divmod(frame, self._n_frames)
        rows = self._rows_of(order, block)
        if self._rows.size or not _before(rows, sample, frame * self._schedule.period).all():
            yield from self._overlapping(rows, block, sample, frame * self._schedule.period)
            return
        changes = np.flatnonzero(rows[1:, _SAMPLE] != rows[:-1, _SAMPLE]) + 1
        edges = [*rows[changes, _BEGIN].tolist(), len(block.tick)]
        begin = 0
        for first, end in zip([0, *changes.tolist()], edges, strict=True):
            if end == 0:
                return  # nothing was noted
            own, number = slice(begin, end), int(rows[first, _SAMPLE])
            columns = block.tick[own], block.population[own], block.neuron[own], block.payload[own]
            yield Stretch(number, *columns)
            begin = end

    def load(self) -> None:
        """Compile the kernels, or load them: a log that holds nothing."""
        self._expand(make_log(self._compiled))

    def _expand(self, log: Log) -> tuple[IntArray, Block]:
        """Every event in order; and which slots of which lists these are, flat, in order."""
        n_lists = int(log.used[1])
        notes = log.notes[: n_lists * _NOTE].reshape(n_lists, _NOTE)
        node, trains = notes[:, _NODE], self._trains[notes[:, _NODE]]
        per_slot = np.zeros((n_lists, self._schedule.window), dtype=np.int64)
        _count(log, notes, trains, per_slot)
        sample, frame = np.divmod(notes[:, _FRAME], self._n_frames)
        at = (self._start[node] + frame * self._schedule.period)[:, None] + self._slots
        # a node emits one slot of one frame in a tick, so these three say where each one stands
        key = ((sample * self._n_ticks)[:, None] + at) * len(self._start) + node[:, None]
        order = np.flatnonzero(per_slot)
        order = order[np.argsort(key.reshape(-1)[order])]
        number = per_slot.reshape(-1)[order]
        ends = np.cumsum(number)
        begin = np.zeros_like(per_slot)
        begin.reshape(-1)[order] = ends - number
        total = int(ends[-1]) if len(ends) else 0
        block = Block(notes, per_slot, begin, at, *np.empty((4, total), dtype=np.int64))
        _write(self._nodes, log, trains, self._ends, block)
        log.used[:] = 0
        return order, block

    def _rows_of(self, order: IntArray, block: Block) -> IntArray:
        """Of each slot of each list: sample, tick, node, events, number of its block, begin."""
        notes = block.notes[order // self._schedule.window]
        rows = np.empty((len(order), 6), dtype=np.int64)
        rows[:, _SAMPLE] = notes[:, _FRAME] // self._n_frames
        rows[:, _OF] = notes[:, _NODE]
        rows[:, _BLOCK] = self._taken
        for column, values in ((_TICK, block.at), (_LENGTH, block.per_slot), (_BEGIN, block.begin)):
            rows[:, column] = values.reshape(-1)[order]
        self._taken += 1
        return rows

    def _overlapping(
        self, rows: IntArray, block: Block, sample: int, tick: int
    ) -> Iterator[Stretch]:
        """What is before a tick of a sample; the rest waits."""
        self._blocks[self._taken - 1] = block
        rows = np.concatenate([self._rows, rows])
        rows = rows[np.lexsort((rows[:, _OF], rows[:, _TICK], rows[:, _SAMPLE]))]
        ready = _before(rows, sample, tick)
        self._rows, rows = rows[~ready], rows[ready]
        for number in np.unique(rows[:, _SAMPLE]).tolist():
            yield self._joined(number, rows[rows[:, _SAMPLE] == number])
        waiting = set(self._rows[:, _BLOCK].tolist())
        self._blocks = {i: each for i, each in self._blocks.items() if i in waiting}

    def _joined(self, sample: int, rows: IntArray) -> Stretch:
        neuron, payload = [], []
        for of_block, begin, n in rows[:, (_BLOCK, _BEGIN, _LENGTH)].tolist():
            block = self._blocks[of_block]
            neuron.append(block.neuron[begin : begin + n])
            payload.append(block.payload[begin : begin + n])
        tick, population = (np.repeat(rows[:, c], rows[:, _LENGTH]) for c in (_TICK, _OF))
        return Stretch(sample, tick, population, np.concatenate(neuron), np.concatenate(payload))


def _before(rows: IntArray, sample: int, tick: int) -> Array:
    """Which rows no frame can come before any more that begins at a tick of a sample."""
    found: Array = (rows[:, _SAMPLE] < sample) | (rows[:, _TICK] < tick)
    return found


@entry
def _count(log: Log, notes: IntArray, trains: Array, per_slot: IntArray) -> None:
    """Events of each list in each slot.

    Args:
        trains: of each list: do its counts travel as unit spikes?
    """
    for i in range(len(notes)):
        first, n = notes[i, _FIRST], notes[i, _NUMBER]
        if trains[i]:
            for e in range(first, first + n):
                per_slot[i, np.uint64(abs(log.payload[e]) - 1)] += 1
            for slot in range(per_slot.shape[1] - 1, 0, -1):
                per_slot[i, slot - 1] += per_slot[i, slot]
        else:
            per_slot[i, 0] = n


@entry
def _write(nodes: Array, log: Log, trains: Array, ends: IntArray, block: Block) -> None:
    """Write each event once for every slot in which it is emitted; the log is used up.

    Args:
        trains: as in `_count`.
        ends: working memory, shape (window, channels of a pixel).
    """
    for i in range(len(block.notes)):
        number, per_slot, begin = block.notes[i, _NODE], block.per_slot[i], block.begin[i]
        node = nodes[number]
        first, n = block.notes[i, _FIRST], block.notes[i, _NUMBER]
        neuron, payload = log.neuron[first : first + n], log.payload[first : first + n]
        channel = log.channel[first : first + n]
        # C order is channel after channel, unless events lie in C order already
        channels, pixels = (node.channels, node.pixels) if node.order >= 0 else (1, node.size)
        ends[:, :channels] = 0
        _to_c_order(neuron, payload, channel, channels, pixels, trains[i], ends)
        for slot in range(len(ends) - 1, 0, -1):
            for c in range(channels):
                ends[slot - 1, c] += ends[slot, c]
        slot = 0
        while n > 0:
            at = begin[slot]
            block.tick[at : at + per_slot[slot]] = block.at[i, slot]
            block.population[at : at + per_slot[slot]] = number
            for c in range(channels):
                of_channel = ends[slot, c]
                ends[slot, c] = at
                at += of_channel
            if trains[i]:
                n = _write_spikes(neuron, payload, channel, n, ends[slot], block)
            else:
                n = _write_values(neuron, payload, channel, n, ends[slot], block)
            slot += 1


@kernel
def _to_c_order(
    neuron: Array,
    payload: IntArray,
    channel: Array,
    channels: int,
    pixels: int,
    trains: bool,
    ends: IntArray,
) -> None:
    """Replace neurons, which lie channel last, by their index in C order; note the channels.

    Args:
        ends: counts how many events of each channel have each slot as their last.
    """
    before, pixel = np.int64(0), np.int64(0)  # neurons of the pixels before; pixels
    for e in range(len(neuron)):
        j = np.int64(neuron[e])
        while j >= before + channels:
            before += channels
            pixel += 1
        c = j - before
        channel[e], neuron[e] = c, c * pixels + pixel
        slot = abs(payload[e]) - 1 if trains else 0
        ends[np.uint64(slot), np.uint64(c)] += 1


@kernel
def _write_spikes(
    neuron: Array, payload: IntArray, channel: Array, n: int, ends: IntArray, block: Block
) -> int:
    """Write a spike of n events to where those of each channel have come, which moves on.

    No branch follows the data: what spikes again is kept by moving it to the front.

    Returns:
        how many spike again.
    """
    left = 0
    for e in range(n):
        j, c, k = neuron[e], channel[e], payload[e]
        at = np.uint64(ends[np.uint64(c)])
        ends[np.uint64(c)] += 1
        spike = 1 if k > 0 else -1
        block.neuron[at] = j
        block.payload[at] = spike
        neuron[left], channel[left], payload[left] = j, c, k - spike
        left += k != spike
    return left


@kernel
def _write_values(
    neuron: Array, payload: IntArray, channel: Array, n: int, ends: IntArray, block: Block
) -> int:
    """Write n events to where those of each channel have come; none is left."""
    for e in range(n):
        c = np.uint64(channel[e])
        at = np.uint64(ends[c])
        ends[c] += 1
        block.neuron[at] = neuron[e]
        block.payload[at] = payload[e]
    return 0
