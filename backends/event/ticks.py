"""Tick by tick: the clocked simulation, in which every event, tick and membrane is seen.

A node that latches keeps its event list in a ring until every projection has delivered it; a
projection works on its own list, which shrinks from tick to tick of a burst. Ticks at which
nothing is due are skipped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snnc.backends.event.changes import to_changes
from snnc.backends.event.deliver import deliver
from snnc.backends.event.frames import Data, write_record
from snnc.backends.event.jit import entry, inlined, kernel
from snnc.backends.event.latch import latch
from snnc.backends.event.late import late
from snnc.backends.event.lists import (
    add_counts,
    copy_list,
    count_node,
    count_synapses,
    first_spikes,
    next_spikes,
    read_feed,
    regroup,
)
from snnc.backends.event.staircase import settle_maximum
from snnc.backends.event.tables import FOREIGN, SOURCE, Lists, Program, State
from snnc.ir.arrays import Array, IntArray

NEVER = np.iinfo(np.int64).max


class Clock(NamedTuple):
    """Times of a run, and what each node has reached."""

    window: int
    period: int
    n_frames: int
    n_biased: int
    """Frames at whose start the bias joins."""
    n_ticks: int
    ring: IntArray
    """By node: first of the lists that hold its latest frames."""
    depth: IntArray
    """By node: how many these are."""
    latched: IntArray
    """By node: frames latched so far."""
    biased: IntArray
    """By node: frames whose bias has been added so far."""
    slots: IntArray
    """By list: ticks in which it is emitted."""
    held: IntArray
    """By list: which (frame, slot) it holds; a window's lists are filled slot by slot."""


class Events(NamedTuple):
    """Emitted events until they are fetched, in the order of a trace."""

    tick: Array
    node: Array
    neuron: Array
    payload: IntArray
    used: IntArray
    """Shape (1,)."""
    membranes: IntArray
    """Node after node; within a node: tick, neuron in C order. Empty: not kept."""
    since: IntArray
    """The tick that these begin with, shape (1,)."""
    held: int
    """Ticks that there is room for."""
    membrane_at: IntArray
    """By node: offset of its membranes; -1: it is no population."""
    offsets: IntArray
    """Working memory: one more than any node has channels."""
    enough: int
    """Room that one tick can need."""


@entry
def run_ticks(
    program: Program,
    state: State,
    clock: Clock,
    data: Data,
    events: Events,
    sample: int,
    tick: int,
    first_node: int,
) -> tuple[int, int]:
    """Run from `tick` on.

    Args:
        first_node: 0; or, going on after a pause, the node whose list has been filled.

    Returns:
        where it paused: (tick, node) at a node that latches now and has no compiled latch;
        (tick, 0) where `events` or membranes could overflow, at the end, or after a tick in which
        a width was passed (`exceeded`).
    """
    n_nodes = len(program.nodes)
    while tick < clock.n_ticks and state.exceeded[0] == 0:
        if first_node == 0:
            if len(events.tick) > 0 and len(events.tick) - events.used[0] < events.enough:
                return tick, 0
            if len(events.membranes) > 0 and tick - events.since[0] >= events.held:
                return tick, 0
            _arrive(program, state, clock, tick)
            if len(events.membranes) > 0:
                _snapshot(program, state, events, tick)
        for i in range(first_node, n_nodes):
            if first_node == 0 or i > first_node:
                due = program.nodes[i].start + clock.latched[i] * clock.period
                if tick == due and clock.latched[i] < clock.n_frames:
                    if program.nodes[i].kind == FOREIGN:
                        return tick, i
                    _latch(program, state, clock, data, i, sample)
                    _finish(program, state, clock, data, i, sample)
            else:
                _finish(program, state, clock, data, i, sample)
            _emit(program, state, clock, events, i, tick)
        first_node = 0
        tick = (
            tick + 1
            if len(events.membranes) > 0
            else _next_tick(program.nodes, program.projections, clock, tick)
        )
    return tick, 0


@inlined
def _arrive(program: Program, state: State, clock: Clock, tick: int) -> None:
    """Deliver what is due, settle maxima, add the bias where a window begins."""
    for p in range(len(program.projections)):
        projection = program.projections[p]
        source, room = program.nodes[projection.source], program.rooms[projection.list]
        emitted = tick - projection.gap
        ring = emitting(source, clock, emitted)
        if ring >= 0 and _arrives(projection, source, clock, emitted):
            trains = program.unit_spikes == 1 and source.counted == 1
            since, old = emitted - source.start, program.rooms[ring]
            if projection.route >= 0 and since % clock.period == 0:
                regroup(projection, old, room, state.lists, program.targets, state.scratch)
                if trains:
                    first_spikes(room, state.lists, state.remaining)
            else:
                advance(old, room, state.lists, state.remaining, clock, since, trains)
            deliver(program, state, p)
            fan_out, effective = program.fan_out, program.effective
            done = count_synapses(projection, room, state.lists, fan_out, effective, False)
            target = state.node_counters[projection.target]
            add_counts(projection, done, state.counters[p], target)
    for i in range(len(program.nodes)):
        node = program.nodes[i]
        if node.seen >= 0:
            settle_maximum(node, state.best, state.seen, program.inputs, state.acc64)
        begins = node.start + clock.biased[i] * clock.period - clock.window + 1
        if tick >= begins and clock.biased[i] < clock.n_biased:
            clock.biased[i] += 1
            if node.wide:
                _add_bias(node, state.acc64, program.bias64)
            else:
                _add_bias(node, state.acc32, program.bias32)


@inlined
def _arrives(projection: Any, source: Any, clock: Clock, emitted: int) -> bool:
    """Is there a frame in the sample that takes what was emitted at a tick?"""
    frame = (emitted - source.start) // clock.period
    return projection.frames == 0 or frame + projection.frames < clock.n_frames


@inlined
def _latch(program: Program, state: State, clock: Clock, data: Data, i: int, sample: int) -> None:
    """Fill the list of the frame that node `i` latches."""
    node = program.nodes[i]
    frame = clock.latched[i]
    to = clock.ring[i] + frame % clock.depth[i]
    if node.kind == SOURCE:
        feed = data.feed_at[i] + (sample * clock.n_frames + frame) * node.size
        read_feed(node, program.rooms[to], state.lists, program.order, data.feeds, feed)
    else:
        latch(program, state, i, to, True)


@inlined
def _finish(program: Program, state: State, clock: Clock, data: Data, i: int, sample: int) -> None:
    """Record the list of a frame, which has been filled, and bring it to what is emitted."""
    node = program.nodes[i]
    frame = clock.latched[i]
    to = clock.ring[i] + frame % clock.depth[i]
    clock.latched[i] = frame + 1
    if data.record_at[i] >= 0:
        at = data.record_at[i] + (sample * clock.n_frames + frame) * node.size
        write_record(node, program.rooms[to], state.lists, program.order, data.records, at)
    if program.changes == 1:
        to_changes(node, program.rooms[to], state.lists, state.before, state.scratch)
    clock.slots[to] = min(state.lists.length[to], 1)
    if program.unit_spikes == 1 and node.counted == 1:
        clock.slots[to] = state.lists.peak[to]


@inlined
def _emit(program: Program, state: State, clock: Clock, events: Events, i: int, tick: int) -> None:
    """Emit what node `i` sends at this tick: count it and, if there is room at all, note it."""
    node = program.nodes[i]
    ring = emitting(node, clock, tick)
    if ring >= 0:
        room = program.rooms[node.list]
        trains = program.unit_spikes == 1 and node.counted == 1
        since = tick - node.start
        advance(program.rooms[ring], room, state.lists, state.remaining, clock, since, trains)
        count_node(room, state.lists, state.node_counters[i], False)
        if len(events.tick) > 0:
            _note(node, room, state.lists, events, tick)


@late
def _note(node: Any, room: Any, lists: Lists, events: Events, tick: int) -> None:
    """Append a list to the trace, neurons rising in C order."""
    n = lists.length[room.number]
    first = events.used[0]
    neurons = events.neuron[first : first + n]
    payload = events.payload[first : first + n]
    events.tick[first : first + n] = tick
    events.node[first : first + n] = node.number
    events.used[0] = first + n
    if node.order < 0:
        for e in range(n):
            neurons[e] = lists.neuron[room.events + e]
            payload[e] = lists.payload[room.events + e]
    else:
        _note_by_channel(node, room, lists, neurons, payload, events.offsets)


@kernel
def _note_by_channel(
    node: Any, room: Any, lists: Lists, neurons: Array, payload: IntArray, offsets: IntArray
) -> None:
    """Counting sort of a list that lies channel last into channel, then pixel."""
    offsets[: node.channels + 1] = 0
    for pixel in range(node.pixels):
        for e in range(
            lists.segments[room.segments + pixel], lists.segments[room.segments + pixel + 1]
        ):
            offsets[lists.neuron[room.events + e] - pixel * node.channels + 1] += 1
    for c in range(node.channels):
        offsets[c + 1] += offsets[c]
    for pixel in range(node.pixels):
        for e in range(
            lists.segments[room.segments + pixel], lists.segments[room.segments + pixel + 1]
        ):
            c = np.int64(lists.neuron[room.events + e]) - pixel * node.channels
            to = offsets[c]
            offsets[c] = to + 1
            neurons[to] = c * node.pixels + pixel
            payload[to] = lists.payload[room.events + e]


@late
def _snapshot(program: Program, state: State, events: Events, tick: int) -> None:
    """Copy all membranes."""
    for i in range(len(program.nodes)):
        if events.membrane_at[i] < 0:
            continue
        node = program.nodes[i]
        base = events.membrane_at[i] + (tick - events.since[0]) * node.size
        for j in range(node.size):
            to = np.int64(program.order[node.order + j]) if node.order >= 0 else j
            if node.wide:
                events.membranes[base + to] = state.acc64[node.acc + j]
            else:
                events.membranes[base + to] = state.acc32[node.acc + j]


@kernel
def _next_tick(nodes: Array, projections: Array, clock: Clock, tick: int) -> int:
    """The next tick at which anything latches, is emitted or is delivered."""
    soonest = clock.n_ticks
    for i in range(len(nodes)):
        if clock.latched[i] < clock.n_frames:
            soonest = min(soonest, nodes[i].start + clock.latched[i] * clock.period)
        soonest = min(soonest, _next_emission(nodes[i], clock, 0, tick))
    for p in range(len(projections)):
        source = nodes[projections[p].source]
        soonest = min(soonest, _next_emission(source, clock, projections[p].gap, tick))
    return soonest


@kernel
def emitting(node: Any, clock: Clock, tick: int) -> int:
    """The list that a node emits from at `tick`, or -1 where it is silent."""
    since = tick - node.start
    if since < 0:
        return -1
    frame, slot = since // clock.period, since % clock.period
    if frame >= clock.latched[node.number]:
        return -1
    ring = clock.ring[node.number] + frame % clock.depth[node.number]
    return ring if slot < clock.slots[ring] else -1


@kernel
def _next_emission(node: Any, clock: Clock, gap: int, tick: int) -> int:
    """First tick after `tick` at which an emission of a node is `gap` ticks old."""
    start = node.start + gap
    since = max(tick + 1 - start, 0)
    frame, slot = since // clock.period, since % clock.period
    while frame < clock.latched[node.number]:
        ring = clock.ring[node.number] + frame % clock.depth[node.number]
        if slot < clock.slots[ring]:
            return start + frame * clock.period + slot
        frame, slot = frame + 1, 0
    return NEVER


@kernel
def advance(
    old: Any,
    room: Any,
    lists: Lists,
    remaining: IntArray,
    clock: Clock,
    since: int,
    trains: bool,
) -> None:
    """Bring a list to what its node emitted `since` ticks after its start, from what it holds.

    Args:
        old: the list of the frame.
        trains: see `count_node`.
    """
    if clock.held[room.number] == since:  # shared, and brought there already
        return
    clock.held[room.number] = since
    if since % clock.period > 0:
        next_spikes(room, lists, remaining)
        return
    copy_list(old, room, lists)
    if trains:
        first_spikes(room, lists, remaining)


@kernel
def _add_bias(node: Any, acc: Array, bias: Array) -> None:
    for n in range(node.acc, node.acc + node.acc_size):
        acc[n] += bias[n]
