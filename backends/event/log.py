"""Traces from frames: what each node emits in a frame, noted as it latches, laid out over ticks.

A node that latches has said all that it emits, and the schedule says when. So a trace needs no
clock: a run notes lists, in blocks, and a second pass writes each event to its place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snnc.backends.base import Trace
from snnc.backends.event.compile import Compiled
from snnc.backends.event.jit import entry, kernel
from snnc.backends.event.tables import Lists, Program
from snnc.ir.arrays import Array, IntArray

ROOM = 1 << 16
"""Events that a block holds at least."""
_FRAME, _NODE, _FIRST, _NUMBER, _NOTE = range(5)


class Log(NamedTuple):
    """A block of noted lists. Without room nothing is noted."""

    neuron: Array
    """As lists hold them."""
    payload: IntArray
    notes: IntArray
    """Of each list: frame, node, first event, number of events."""
    used: IntArray
    """Events, lists, events that these are on the clock."""
    enough: int
    """Room for events that one frame can need."""


def make_log(compiled: Compiled, room: int = 0) -> Log:
    """An empty block, for `room` events and one frame; 0: nothing is noted."""
    nodes = compiled.program.nodes
    enough = int(nodes["size"].sum())
    events = room + enough if room else 0
    return Log(
        neuron=np.zeros(events, dtype=np.uint32),
        payload=np.zeros(events, dtype=np.int64),
        notes=np.zeros(events * _NOTE, dtype=np.int64),  # no list is noted that is empty
        used=np.zeros(3, dtype=np.int64),
        enough=enough,
    )


@kernel
def is_full(log: Log) -> bool:
    """Could the next frame find no room?"""
    return len(log.neuron) > 0 and log.used[0] + log.enough > len(log.neuron)


@kernel
def note(node: Any, room: Any, lists: Lists, log: Log, frame: int, spikes: bool) -> None:
    """Note a node's list.

    Args:
        spikes: its counts travel as unit spikes.
    """
    n, first = lists.length[room.number], log.used[0]
    if n == 0:
        return
    at = log.used[1] * _NOTE
    log.notes[at + _FRAME], log.notes[at + _NODE] = frame, node.number
    log.notes[at + _FIRST], log.notes[at + _NUMBER] = first, n
    log.used[0] += n
    log.used[1] += 1
    log.used[2] += lists.total[room.number] if spikes else n
    neuron, payload = log.neuron[first : first + n], log.payload[first : first + n]
    from_neuron, from_payload = lists.neuron[room.events :], lists.payload[room.events :]
    for e in range(n):
        neuron[e] = from_neuron[e]
        payload[e] = from_payload[e]


class Block(NamedTuple):
    """What a log has held, as it is emitted: list after list, slot after slot, in C order."""

    notes: IntArray
    """Shape (n_lists, 4)."""
    per_slot: IntArray
    """Events of each list in each slot of its window, shape (n_lists, window)."""
    neuron: Array
    payload: IntArray


def take(log: Log, compiled: Compiled) -> Block:
    """Empty a log."""
    program, window = compiled.program, compiled.schedule.window
    _, lists, emitted = log.used.tolist()
    block = Block(
        notes=log.notes[: lists * _NOTE].reshape(lists, _NOTE).copy(),
        per_slot=np.zeros((lists, window), dtype=np.int64),
        neuron=np.empty(emitted, dtype=np.int64),
        payload=np.empty(emitted, dtype=np.int64),
    )
    most = int(program.nodes["channels"].max())
    _expand(program, log, np.zeros((window, most), dtype=np.int64), block)
    log.used[:] = 0
    return block


def lay_out(blocks: list[Block], compiled: Compiled, n_ticks: int) -> Trace:
    """Every event at its tick, sorted by tick, node, neuron."""
    notes = np.concatenate([b.notes for b in blocks])
    per_slot = np.concatenate([b.per_slot for b in blocks])
    which, slot = np.nonzero(per_slot)
    node, number = notes[which, _NODE], per_slot[which, slot]
    tick = compiled.program.nodes["start"][node] + slot
    tick += notes[which, _FRAME] * compiled.schedule.period
    # a node emits one slot of one frame in a tick, so tick and node say where each one begins
    order = np.lexsort((node, tick))
    ends = np.cumsum(number[order])
    begin = np.empty_like(ends)
    begin[order] = ends - number[order]
    n = int(ends[-1]) if len(ends) else 0
    columns = [np.empty(n, dtype=np.int64) for _ in range(4)]
    done = 0
    for block in blocks:
        own = slice(done, done + int(np.count_nonzero(block.per_slot)))
        _place(tick[own], node[own], number[own], begin[own], block, *columns)
        done = own.stop
    return Trace(
        tick=columns[0],
        population=columns[1],
        neuron=columns[2],
        payload=columns[3],
        names=compiled.names,
        n_ticks=n_ticks,
    )


@entry
def _expand(program: Program, log: Log, ends: Array, block: Block) -> None:
    """Write each event once for every slot in which it is emitted.

    Args:
        ends: working memory, shape (window, channels of a pixel).
    """
    begin = 0
    for i in range(log.used[1]):
        first, n = block.notes[i, _FIRST], block.notes[i, _NUMBER]
        node = program.nodes[block.notes[i, _NODE]]
        spikes = node.counted == 1 and program.unit_spikes == 1
        slots = len(ends) if spikes else 1
        neuron, payload = log.neuron[first : first + n], log.payload[first : first + n]
        # C order is channel after channel, unless events lie in C order already
        channels, pixels = (node.channels, node.pixels) if node.order >= 0 else (1, node.size)
        ends[:slots, :channels] = 0
        _count_slots(neuron, payload, channels, spikes, ends)
        for slot in range(slots - 1, 0, -1):
            for c in range(channels):
                ends[slot - 1, c] += ends[slot, c]
        for slot in range(slots):
            for c in range(channels):
                number = ends[slot, c]
                ends[slot, c] = begin
                begin += number
                block.per_slot[i, slot] += number
        _write_slots(neuron, payload, channels, pixels, spikes, ends, block)


@kernel
def _count_slots(
    neuron: Array, payload: IntArray, channels: int, spikes: bool, ends: Array
) -> None:
    """How many events of each channel have each slot as their last."""
    before = np.int64(0)  # neurons of the pixels before
    for e in range(len(neuron)):
        j = np.int64(neuron[e])
        while j >= before + channels:
            before += channels
        slot = abs(payload[e]) - 1 if spikes else 0
        ends[np.uint64(slot), np.uint64(j - before)] += 1


@kernel
def _write_slots(
    neuron: Array,
    payload: IntArray,
    channels: int,
    pixels: int,
    spikes: bool,
    ends: Array,
    block: Block,
) -> None:
    """Write events to where those of each slot and channel have come, which moves on."""
    before, pixel = np.int64(0), np.int64(0)
    for e in range(len(neuron)):
        j, k = np.int64(neuron[e]), payload[e]
        while j >= before + channels:
            before += channels
            pixel += 1
        channel = np.uint64(j - before)
        index = np.int64(channel) * pixels + pixel
        unit = (1 if k > 0 else -1) if spikes else k
        for slot in range(np.uint64(abs(k) if spikes else 1)):
            at = np.uint64(ends[slot, channel])
            ends[slot, channel] += 1
            block.neuron[at] = index
            block.payload[at] = unit


@entry
def _place(
    ticks: Array,
    nodes: Array,
    numbers: Array,
    begins: Array,
    block: Block,
    tick: IntArray,
    population: IntArray,
    neuron: IntArray,
    payload: IntArray,
) -> None:
    """Copy a block's slots to where each one begins."""
    done = 0
    for i in range(len(numbers)):
        begin, n = begins[i], numbers[i]
        for e in range(n):
            tick[begin + e] = ticks[i]
            population[begin + e] = nodes[i]
            neuron[begin + e] = block.neuron[done + e]
            payload[begin + e] = block.payload[done + e]
        done += n
