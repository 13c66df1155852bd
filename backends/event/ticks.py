"""Tick by tick: the clocked simulation, in which every event, tick and membrane is seen.

A node that latches keeps its event list in a ring until every projection has delivered it; a
projection works on its own list, which shrinks from tick to tick of a burst. Ticks at which
nothing is due are skipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnc.backends.event.deliver import deliver, settle_maximum
from snnc.backends.event.frames import Data, write_record
from snnc.backends.event.jit import entry, inlined, kernel
from snnc.backends.event.latch import latch
from snnc.backends.event.lists import (
    copy_list,
    count_node,
    count_projection,
    first_spikes,
    next_spikes,
    read_feed,
    regroup,
)
from snnc.backends.event.tables import FOREIGN, SOURCE, Program, State
from snnc.ir.arrays import Array, IntArray

NEVER = np.iinfo(np.int64).max


class Clock(NamedTuple):
    """Times of a run, and what each node has reached."""

    window: int
    period: int
    n_frames: int
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
    """Emitted events, until they are fetched."""

    tick: IntArray
    node: Array
    neuron: Array
    payload: IntArray
    used: IntArray
    """Shape (1,)."""
    membranes: IntArray
    """Node after node; within a node: tick, neuron in C order. Empty: not kept."""
    membrane_at: IntArray
    """By node: offset of its membranes; -1: it is no population."""
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
        (tick, 0) where `events` could overflow, or at the end.
    """
    n_nodes = len(program.nodes)
    while tick < clock.n_ticks:
        if first_node == 0:
            if len(events.tick) > 0 and len(events.tick) - events.used[0] < events.enough:
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
        tick = tick + 1 if len(events.membranes) > 0 else _next_tick(program, clock, tick)
    return tick, 0


@inlined
def _arrive(program: Program, state: State, clock: Clock, tick: int) -> None:
    """Deliver what is due, settle maxima, add the bias where a window begins."""
    for p in range(len(program.projections)):
        emitted = tick - program.projections[p].gap
        ring = _emitting(program, clock, program.projections[p].source, emitted)
        if ring >= 0:
            _advance(program, state, clock, p, ring, emitted)
            deliver(program, state, p)
            count_projection(program, state, p, False)
    for i in range(len(program.nodes)):
        if program.nodes[i].seen >= 0:
            settle_maximum(program, state, i)
        begins = program.nodes[i].start + clock.biased[i] * clock.period - clock.window + 1
        if tick >= begins and clock.biased[i] < clock.n_frames:
            clock.biased[i] += 1
            _add_bias(program, state, i)


@inlined
def _latch(program: Program, state: State, clock: Clock, data: Data, i: int, sample: int) -> None:
    """Fill the list of the frame that node `i` latches."""
    frame = clock.latched[i]
    to = clock.ring[i] + frame % clock.depth[i]
    if program.nodes[i].kind == SOURCE:
        size = program.nodes[i].size
        feed = data.feed_at[i] + (sample * clock.n_frames + frame) * size
        read_feed(program, state, i, to, data.feeds, feed)
    else:
        latch(program, state, i, to, False)


@inlined
def _finish(program: Program, state: State, clock: Clock, data: Data, i: int, sample: int) -> None:
    """Note that the list of a frame has been filled, and record it."""
    frame = clock.latched[i]
    to = clock.ring[i] + frame % clock.depth[i]
    clock.latched[i] = frame + 1
    clock.slots[to] = min(state.n_events[to], 1)
    if program.unit_spikes == 1 and program.nodes[i].counted == 1:
        clock.slots[to] = state.peak[to]
    if data.record_at[i] >= 0:
        write_record(program, state, data, i, to, sample * clock.n_frames + frame)


@kernel
def _emit(program: Program, state: State, clock: Clock, events: Events, i: int, tick: int) -> None:
    """Emit what node `i` sends at this tick: count it and, if there is room at all, note it."""
    ring = _emitting(program, clock, i, tick)
    if ring < 0:
        return
    node = program.nodes[i]
    _step(program, state, clock, ring, node.list, i, tick)
    count_node(program, state, i, node.list, False)
    if len(events.tick) == 0:
        return
    room = program.lists[node.list]
    for e in range(room.events, room.events + state.n_events[node.list]):
        j = np.int64(state.index[e])
        to = events.used[0]
        events.tick[to] = tick
        events.node[to] = i
        events.neuron[to] = program.order[node.order + j] if node.order >= 0 else j
        events.payload[to] = state.payload[e]
        events.used[0] += 1


@kernel
def _next_tick(program: Program, clock: Clock, tick: int) -> int:
    """The next tick at which anything latches, is emitted or is delivered."""
    soonest = clock.n_ticks
    for i in range(len(program.nodes)):
        if clock.latched[i] < clock.n_frames:
            due = program.nodes[i].start + clock.latched[i] * clock.period
            soonest = min(soonest, due)
        soonest = min(soonest, _next_emission(program, clock, i, 0, tick))
    for p in range(len(program.projections)):
        projection = program.projections[p]
        due = _next_emission(program, clock, projection.source, projection.gap, tick)
        soonest = min(soonest, due)
    return soonest


@kernel
def _snapshot(program: Program, state: State, events: Events, tick: int) -> None:
    """Copy all membranes."""
    for i in range(len(program.nodes)):
        if events.membrane_at[i] < 0:
            continue
        node = program.nodes[i]
        base = events.membrane_at[i] + tick * node.size
        for j in range(node.size):
            to = np.int64(program.order[node.order + j]) if node.order >= 0 else j
            if node.wide:
                events.membranes[base + to] = state.acc64[node.acc + j]
            else:
                events.membranes[base + to] = state.acc32[node.acc + j]


@kernel
def _emitting(program: Program, clock: Clock, i: int, tick: int) -> int:
    """The list that node `i` emits from at `tick`, or -1 where it is silent."""
    since = tick - program.nodes[i].start
    if since < 0:
        return -1
    frame, slot = since // clock.period, since % clock.period
    if frame >= clock.latched[i]:
        return -1
    ring = clock.ring[i] + frame % clock.depth[i]
    return ring if slot < clock.slots[ring] else -1


@kernel
def _next_emission(program: Program, clock: Clock, i: int, gap: int, tick: int) -> int:
    """First tick after `tick` at which an emission of node `i` is `gap` ticks old."""
    start = program.nodes[i].start + gap
    since = max(tick + 1 - start, 0)
    frame, slot = since // clock.period, since % clock.period
    while frame < clock.latched[i]:
        ring = clock.ring[i] + frame % clock.depth[i]
        if slot < clock.slots[ring]:
            return start + frame * clock.period + slot
        frame, slot = frame + 1, 0
    return NEVER


@kernel
def _advance(program: Program, state: State, clock: Clock, p: int, ring: int, emitted: int) -> None:
    """Bring the list of projection `p` to what was emitted at tick `emitted`."""
    projection = program.projections[p]
    source = program.nodes[projection.source]
    since = emitted - source.start
    if projection.route >= 0 and since % clock.period == 0:
        regroup(program, state, p, ring, projection.list)
        clock.held[projection.list] = since
        if program.unit_spikes and source.counted:
            first_spikes(program, state, projection.list)
        return
    _step(program, state, clock, ring, projection.list, projection.source, emitted)


@kernel
def _step(
    program: Program, state: State, clock: Clock, ring: int, to: int, i: int, emitted: int
) -> None:
    """Bring list `to` to what node `i` emitted at tick `emitted`, from what it holds."""
    since = emitted - program.nodes[i].start
    if clock.held[to] == since:  # shared with the node's own list
        return
    clock.held[to] = since
    if since % clock.period > 0:
        next_spikes(program, state, to)
        return
    copy_list(program, state, ring, to)
    if program.unit_spikes and program.nodes[i].counted:
        first_spikes(program, state, to)


@kernel
def _add_bias(program: Program, state: State, i: int) -> None:
    node = program.nodes[i]
    if node.wide:
        for n in range(node.acc, node.acc + node.acc_size):
            state.acc64[n] += program.rest64[n]
    else:
        for n in range(node.acc, node.acc + node.acc_size):
            state.acc32[n] += program.rest32[n]
