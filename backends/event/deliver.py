"""Delivery: events meet their synapses and change membranes.

One kernel for each way of being connected; each adds payload x weight to flat membranes, or
brings payloads to maxima. Work is events x fan-out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.changes import hold
from snnc.backends.event.gather import INT16_MAX, gather_dense, gather_each, gather_window
from snnc.backends.event.jit import inlined, kernel
from snnc.backends.event.late import late
from snnc.backends.event.layout import (
    CHANNELS_IN,
    CHANNELS_OUT,
    GROUP_IN,
    GROUP_OUT,
    HEADER,
    HEIGHT,
    ROW,
    STEP_X,
    STEP_Y,
    TAPS_X,
    WIDTH,
)
from snnc.backends.event.plane import fits_plane, scatter_plane
from snnc.backends.event.simd import SCALED_LANES, add_rows, add_scaled
from snnc.backends.event.tables import (
    BITS_8,
    BITS_16,
    DENSE,
    EACH,
    GATHER,
    GROUPED,
    PLANE,
    SCATTER,
    SPARSE,
    WINDOW,
    Lists,
    Program,
    State,
)
from snnc.backends.event.values import add_values
from snnc.ir.arrays import Array, IntArray

_DEAR = 2**62
_FEW = 2
"""Events of a pixel up to which each is added on its own: a tile of sums pays from three on."""


@kernel
def deliver(program: Program, state: State, p: int) -> None:
    """Bring the list of projection `p` to its target.

    Pasted into its callers it would cost no less to call, and make them take twice as long to
    compile.
    """
    projection = program.projections[p]
    room = program.rooms[projection.list]
    if state.lists.length[room.number] > 0 or program.rehearsed == 1:
        if projection.maximum:
            if projection.held >= 0:
                changed, room = room, program.rooms[projection.kept]
                hold(projection, changed, room, state.lists, state.held)
                clear_maximum(program.nodes[projection.target], state.acc64)
            node, geometry = program.nodes[projection.target], program.geometry
            best, seen = state.best, state.seen
            if projection.kind == GROUPED:
                _grouped_maximum(projection, node, room, state.lists, geometry, best, seen)
            else:
                indptr, targets = program.indptr, program.targets
                _sparse_maximum(projection, node, room, state.lists, indptr, targets, best, seen)
        elif projection.width == BITS_8:
            _add(program, projection, room, state, state.acc32, program.weights8)
        elif projection.width == BITS_16:
            _add(program, projection, room, state, state.acc32, program.weights16)
        else:
            _scatter(program, projection, room, state.lists, state.acc64, program.weights64)


@inlined
def _add(
    program: Program, projection: Any, room: Any, state: State, acc: Array, weights: Array
) -> None:
    if projection.values >= 0:
        add_values(projection, room.size, state.values, acc, weights)
        return
    way = _way(program, projection, room, state.lists)
    if way == SCATTER:
        _scatter(program, projection, room, state.lists, acc, weights)
    elif way == PLANE:
        scatter_plane(projection, room, state.lists, program.geometry, state.plane, acc, weights)
    elif projection.kind == WINDOW:
        gather_window(projection, room, state, program.geometry, acc, weights)
    elif projection.kind == EACH:
        gather_each(projection, room, state, program.geometry, acc, weights)
    else:
        gather_dense(projection, room, state, acc, weights)


@inlined
def _way(program: Program, projection: Any, room: Any, lists: Lists) -> int:
    """Which ways are allowed, and which of them costs least?"""
    if projection.gather < 0 or program.method == SCATTER:
        return SCATTER
    # a neuron whose weights are all 0 may send what 63 bits hold: the product must not wrap
    peak = min(lists.peak[room.number], INT16_MAX + 1)
    if projection.kind == EACH and projection.taps * peak * projection.heaviest > INT16_MAX:
        return SCATTER
    if program.method == GATHER:
        return GATHER
    n = lists.length[room.number]
    pixels = n * room.pixels // (n + room.pixels)  # that have events, about
    scatter = projection.scatter_once + pixels * projection.scatter_pixel
    scatter += n * projection.scatter_event
    gather = projection.gather_once + n * projection.gather_event
    way, least = (GATHER, gather) if gather < scatter else (SCATTER, scatter)
    if program.method == PLANE:
        way, least = SCATTER, _DEAR
    if projection.plane >= 0 and projection.plane_once + n * projection.plane_event < least:  # noqa: SIM102
        if fits_plane(projection, room, lists, program.geometry):
            return PLANE
    return way


@inlined
def _scatter(
    program: Program, projection: Any, room: Any, lists: Lists, acc: Array, weights: Array
) -> None:
    if projection.kind == WINDOW:
        scatter_window(projection, room, lists, program.geometry, acc, weights)
    elif projection.kind == DENSE:
        _dense(projection, room, lists, acc, weights)
    elif projection.kind == EACH:
        scatter_each(projection, room, lists, program.geometry, acc, weights)
    elif projection.kind == GROUPED:
        _grouped(projection, room, lists, program.geometry, acc, weights)
    elif projection.kind == SPARSE:
        _sparse(projection, room, lists, program.indptr, program.targets, acc, weights)
    else:
        _one_to_one(projection, room, lists, program.targets, acc, weights)


@late
def _dense(projection: Any, room: Any, lists: Lists, acc: Array, weights: Array) -> None:
    last = room.events + lists.length[room.number]
    add_rows(
        acc, projection.acc, projection.pitch, weights, projection.weight, projection.pitch,
        lists.neuron, lists.payload, room.events, last,
    )  # fmt: skip


@inlined
def _add_runs(
    acc: Array,
    at: int,
    runs: int,
    across: int,
    size: int,
    weights: Array,
    tap: int,
    channels: int,
    k: int,
) -> None:
    """Add one event through one row of taps."""
    for _ in range(runs):
        add_scaled(acc, at, size, weights, tap, k)
        at += across
        tap += channels


@late
def scatter_window(
    projection: Any, room: Any, lists: Lists, geometry: IntArray, acc: Array, weights: Array
) -> None:
    """Convolutions without groups, and dense maps on many positions."""
    table = geometry[projection.geometry :]
    height, width, row = table[HEIGHT], table[WIDTH], table[ROW]
    channels_in, channels, pitch = table[CHANNELS_IN], table[CHANNELS_OUT], projection.pitch
    # from one output, and one tap, to the next in its column and in its row
    down, across = table[STEP_Y] * row * channels, table[STEP_X] * channels
    down_taps = table[TAPS_X] * channels
    for y in range(height):
        at_y = HEADER + 3 * y
        for x in range(width):
            pixel = y * width + x
            first = room.events + lists.segments[room.segments + pixel]
            last = room.events + lists.segments[room.segments + pixel + 1]
            if first == last:
                continue
            at_x = HEADER + 3 * (height + x)
            # where neighbouring taps meet neighbouring pixels, all of them are one run
            rows, runs, size = table[at_y + 1], table[at_x + 1], channels
            if across == channels:
                runs, size = 1, runs * channels
            at = projection.acc + (table[at_y] * row + table[at_x]) * channels
            # channel * pitch is index * pitch less what the pixel adds to the index
            offset = projection.weight - pixel * channels_in * pitch
            offset += table[at_y + 2] * down_taps + table[at_x + 2] * channels
            if last - first <= _FEW and channels % SCALED_LANES == 0:
                for e in range(first, last):
                    tap, k = offset + np.int64(lists.neuron[e]) * pitch, lists.payload[e]
                    for j in range(rows):
                        to = at + j * down
                        _add_runs(acc, to, runs, across, size, weights, tap, channels, k)
                        tap += down_taps
                continue
            for j in range(rows):
                to, tap = at + j * down, offset + j * down_taps
                for u in range(runs):
                    add_rows(
                        acc, to + u * across, size, weights, tap + u * channels, pitch,
                        lists.neuron, lists.payload, first, last,
                    )  # fmt: skip


@late
def _grouped(
    projection: Any, room: Any, lists: Lists, geometry: IntArray, acc: Array, weights: Array
) -> None:
    table = geometry[projection.geometry :]
    height, width, row = table[HEIGHT], table[WIDTH], table[ROW]
    channels_in, channels, size = table[CHANNELS_IN], table[CHANNELS_OUT], table[GROUP_OUT]
    for y in range(height):
        at_y = HEADER + 3 * y
        for x in range(width):
            pixel = y * width + x
            at_x = HEADER + 3 * (height + x)
            first = room.events + lists.segments[room.segments + pixel]
            last = room.events + lists.segments[room.segments + pixel + 1]
            for e in range(first, last):
                channel = lists.neuron[e] - pixel * channels_in
                k = lists.payload[e]
                at = projection.acc + channel // table[GROUP_IN] * size
                offset = projection.weight + channel * projection.pitch
                for j in range(table[at_y + 1]):
                    out = (table[at_y] + j * table[STEP_Y]) * row + table[at_x]
                    tap = (table[at_y + 2] + j) * table[TAPS_X] + table[at_x + 2]
                    for u in range(table[at_x + 1]):
                        to = at + (out + u * table[STEP_X]) * channels
                        w = offset + (tap + u) * size
                        for c in range(size):
                            acc[to + c] += weights[w + c] * k


@late
def scatter_each(
    projection: Any, room: Any, lists: Lists, geometry: IntArray, acc: Array, weights: Array
) -> None:
    """As `_grouped`, each channel a group."""
    table = geometry[projection.geometry :]
    height, width, row, channels = table[HEIGHT], table[WIDTH], table[ROW], table[CHANNELS_OUT]
    step = table[STEP_X] * channels
    for y in range(height):
        at_y = HEADER + 3 * y
        for x in range(width):
            pixel = y * width + x
            at_x = HEADER + 3 * (height + x)
            n = table[at_x + 1]
            for e in range(
                room.events + lists.segments[room.segments + pixel],
                room.events + lists.segments[room.segments + pixel + 1],
            ):
                channel = np.int64(lists.neuron[e]) - pixel * channels
                k = lists.payload[e]
                for j in range(table[at_y + 1]):
                    out = (table[at_y] + j * table[STEP_Y]) * row + table[at_x]
                    tap = (table[at_y + 2] + j) * table[TAPS_X] + table[at_x + 2]
                    to = np.uint64(projection.acc + channel + out * channels)
                    w = np.uint64(projection.weight + channel * projection.pitch + tap)
                    for _ in range(n):
                        acc[to] += weights[w] * k
                        to += np.uint64(step)
                        w += np.uint64(1)


@late
def _sparse(
    projection: Any,
    room: Any,
    lists: Lists,
    indptr: IntArray,
    targets: Array,
    acc: Array,
    weights: Array,
) -> None:
    for e in range(room.events, room.events + lists.length[room.number]):
        row = projection.indptr + lists.neuron[e]
        k = lists.payload[e]
        for s in range(indptr[row], indptr[row + 1]):
            to = projection.acc + targets[projection.targets + s]
            acc[to] += weights[projection.weight + s] * k


@late
def _one_to_one(
    projection: Any, room: Any, lists: Lists, targets: Array, acc: Array, weights: Array
) -> None:
    neuron = lists.neuron[room.events : room.events + lists.length[room.number]]
    payload = lists.payload[room.events :]
    onto, weight = targets[projection.targets :], weights[projection.weight :]
    if projection.straight and len(neuron) == room.size:  # all fire: no index to follow
        membrane = acc[projection.acc : projection.acc + room.size]
        for e in range(room.size):
            membrane[e] += weight[e] * payload[e]
        return
    for e in range(len(neuron)):
        to = onto[neuron[e]]
        if to >= 0:
            acc[projection.acc + to] += weight[neuron[e]] * payload[e]


@late
def _grouped_maximum(
    projection: Any,
    target: Any,
    room: Any,
    lists: Lists,
    geometry: IntArray,
    best: IntArray,
    seen: Array,
) -> None:
    table = geometry[projection.geometry :]
    height, width, row, channels = table[HEIGHT], table[WIDTH], table[ROW], table[CHANNELS_OUT]
    step_y, step_x, segments = table[STEP_Y], table[STEP_X], lists.segments[room.segments :]
    neuron, payload = lists.neuron[room.events :], lists.payload[room.events :]
    for y in range(height):
        at_y = HEADER + 3 * y
        for x in range(width):
            pixel = y * width + x
            first, last = segments[pixel], segments[pixel + 1]
            if first == last:
                continue
            at_x = HEADER + 3 * (height + x)
            columns = table[at_x + 1]
            for j in range(table[at_y + 1]):
                out = (table[at_y] + j * step_y) * row + table[at_x]
                for u in range(columns):
                    # neuron n is channel n - pixel * channels, and the same channel is reached
                    to = target.seen + (out + u * step_x - pixel) * channels
                    for e in range(first, last):
                        _reach(best, seen, np.uint64(to + neuron[e]), payload[e])


@late
def _sparse_maximum(
    projection: Any,
    target: Any,
    room: Any,
    lists: Lists,
    indptr: IntArray,
    targets: Array,
    best: IntArray,
    seen: Array,
) -> None:
    for e in range(room.events, room.events + lists.length[room.number]):
        row = projection.indptr + lists.neuron[e]
        for s in range(indptr[row], indptr[row + 1]):
            n = np.int64(targets[projection.targets + s])
            _reach(best, seen, target.seen + n, lists.payload[e])


@inlined
def _reach(best: IntArray, seen: Array, n: Any, k: int) -> None:
    """An event with payload k is among the inputs of maximum n."""
    best[n] = k if seen[n] == 0 else max(best[n], k)
    seen[n] += 1


@late
def clear_maximum(node: Any, acc: IntArray) -> None:
    """Let the next maximum of all inputs take the place of the one before."""
    acc[node.acc : node.acc + node.size] = 0
