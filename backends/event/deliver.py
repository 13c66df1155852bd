"""Delivery: events meet their synapses and change membranes.

One kernel for each way of being connected; each adds payload x weight to flat membranes, or
brings payloads to maxima. Work is events x fan-out.
"""

from __future__ import annotations

import numpy as np

from snnc.backends.event.jit import inlined, kernel
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
from snnc.backends.event.simd import add_rows
from snnc.backends.event.tables import (
    DENSE,
    GROUPED,
    MEDIUM,
    NARROW,
    ONE_TO_ONE,
    SPARSE,
    WINDOW,
    Program,
    State,
)
from snnc.ir.arrays import Array


@inlined
def deliver(program: Program, state: State, p: int) -> None:
    """Bring the list of projection `p` to its target."""
    projection = program.projections[p]
    if state.n_events[projection.list] == 0:
        return
    if projection.maximum:
        if projection.kind == GROUPED:
            _grouped_maximum(program, state, p)
        else:
            _sparse_maximum(program, state, p)
    elif projection.width == NARROW:
        _add(program, state, p, state.acc32, program.weights16)
    elif projection.width == MEDIUM:
        _add(program, state, p, state.acc32, program.weights32)
    else:
        _add(program, state, p, state.acc64, program.weights64)


@inlined
def _add(program: Program, state: State, p: int, acc: Array, weights: Array) -> None:
    projection = program.projections[p]
    if projection.kind == WINDOW:
        _window(program, state, p, acc, weights)
    elif projection.kind == DENSE:
        first = program.lists[projection.list].events
        last = first + state.n_events[projection.list]
        add_rows(
            acc, projection.acc, projection.pitch, weights, projection.weight, projection.pitch,
            state.index, state.payload, first, last,
        )  # fmt: skip
    elif projection.kind == GROUPED:
        _grouped(program, state, p, acc, weights)
    elif projection.kind == SPARSE:
        _sparse(program, state, p, acc, weights)
    elif projection.kind == ONE_TO_ONE:
        _one_to_one(program, state, p, acc, weights)


@kernel
def _window(program: Program, state: State, p: int, acc: Array, weights: Array) -> None:
    projection = program.projections[p]
    room = program.lists[projection.list]
    table = program.geometry[projection.geometry :]
    height, width, row = table[HEIGHT], table[WIDTH], table[ROW]
    channels_in, channels = table[CHANNELS_IN], table[CHANNELS_OUT]
    pitch = projection.pitch
    for y in range(height):
        at_y = HEADER + 3 * y
        for x in range(width):
            pixel = y * width + x
            first = room.events + state.segments[room.segments + pixel]
            last = room.events + state.segments[room.segments + pixel + 1]
            if first == last:
                continue
            at_x = HEADER + 3 * (height + x)
            # channel * pitch is index * pitch less what the pixel adds to the index
            origin = projection.weight - pixel * channels_in * pitch
            for j in range(table[at_y + 1]):
                out = (table[at_y] + j * table[STEP_Y]) * row + table[at_x]
                tap = (table[at_y + 2] + j) * table[TAPS_X] + table[at_x + 2]
                at, offset = projection.acc + out * channels, origin + tap * channels
                if table[STEP_X] == 1:
                    # neighbouring taps meet neighbouring pixels: one run for all of them
                    add_rows(
                        acc, at, table[at_x + 1] * channels, weights, offset, pitch,
                        state.index, state.payload, first, last,
                    )  # fmt: skip
                    continue
                for u in range(table[at_x + 1]):
                    add_rows(
                        acc, at + u * table[STEP_X] * channels, channels, weights,
                        offset + u * channels, pitch, state.index, state.payload, first, last,
                    )  # fmt: skip


@kernel
def _grouped(program: Program, state: State, p: int, acc: Array, weights: Array) -> None:
    projection = program.projections[p]
    room = program.lists[projection.list]
    table = program.geometry[projection.geometry :]
    height, width, row = table[HEIGHT], table[WIDTH], table[ROW]
    channels_in, channels, size = table[CHANNELS_IN], table[CHANNELS_OUT], table[GROUP_OUT]
    for y in range(height):
        at_y = HEADER + 3 * y
        for x in range(width):
            pixel = y * width + x
            at_x = HEADER + 3 * (height + x)
            first = room.events + state.segments[room.segments + pixel]
            last = room.events + state.segments[room.segments + pixel + 1]
            for e in range(first, last):
                channel = state.index[e] - pixel * channels_in
                k = state.payload[e]
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


@kernel
def _sparse(program: Program, state: State, p: int, acc: Array, weights: Array) -> None:
    projection = program.projections[p]
    room = program.lists[projection.list]
    for e in range(room.events, room.events + state.n_events[projection.list]):
        row = projection.indptr + state.index[e]
        k = state.payload[e]
        for s in range(program.indptr[row], program.indptr[row + 1]):
            to = projection.acc + program.targets[projection.targets + s]
            acc[to] += weights[projection.weight + s] * k


@kernel
def _one_to_one(program: Program, state: State, p: int, acc: Array, weights: Array) -> None:
    projection = program.projections[p]
    room = program.lists[projection.list]
    for e in range(room.events, room.events + state.n_events[projection.list]):
        n = state.index[e]
        to = program.targets[projection.targets + n]
        if to >= 0:
            acc[projection.acc + to] += weights[projection.weight + n] * state.payload[e]


@kernel
def _grouped_maximum(program: Program, state: State, p: int) -> None:
    projection = program.projections[p]
    room = program.lists[projection.list]
    target = program.nodes[projection.target]
    table = program.geometry[projection.geometry :]
    height, width, row, channels = table[HEIGHT], table[WIDTH], table[ROW], table[CHANNELS_OUT]
    for y in range(height):
        at_y = HEADER + 3 * y
        for x in range(width):
            pixel = y * width + x
            at_x = HEADER + 3 * (height + x)
            first = room.events + state.segments[room.segments + pixel]
            last = room.events + state.segments[room.segments + pixel + 1]
            for e in range(first, last):
                channel = state.index[e] - pixel * channels
                for j in range(table[at_y + 1]):
                    out = (table[at_y] + j * table[STEP_Y]) * row + table[at_x]
                    for u in range(table[at_x + 1]):
                        n = (out + u * table[STEP_X]) * channels + channel
                        _reach(state, target.seen + n, state.payload[e])


@kernel
def _sparse_maximum(program: Program, state: State, p: int) -> None:
    projection = program.projections[p]
    room = program.lists[projection.list]
    target = program.nodes[projection.target]
    for e in range(room.events, room.events + state.n_events[projection.list]):
        row = projection.indptr + state.index[e]
        for s in range(program.indptr[row], program.indptr[row + 1]):
            n = np.int64(program.targets[projection.targets + s])
            _reach(state, target.seen + n, state.payload[e])


@inlined
def _reach(state: State, n: int, k: int) -> None:
    """An event with payload k is among the inputs of maximum n."""
    state.best[n] = k if state.seen[n] == 0 else max(state.best[n], k)
    state.seen[n] += 1


@kernel
def settle_maximum(program: Program, state: State, i: int) -> None:
    """End of a tick at a maximum: add what came to its membrane, an absent input being 0."""
    node = program.nodes[i]
    for n in range(node.size):
        at = node.seen + n
        if state.seen[at] > 0:
            best = state.best[at]
            if state.seen[at] < program.inputs[at]:
                best = max(best, 0)
            state.acc64[node.acc + n] += best
            state.seen[at] = 0
