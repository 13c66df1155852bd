"""Latches: at the end of its window a node turns membranes into an event list."""

from __future__ import annotations

import numpy as np

from snnc.backends.event.jit import inlined, kernel
from snnc.backends.event.lists import close_list
from snnc.backends.event.simd import fire_block, lowest_bit
from snnc.backends.event.tables import (
    ACCUMULATE,
    FIRE,
    INTEGRATE,
    LANES,
    MAXIMUM,
    PRODUCT,
    Program,
    State,
)
from snnc.ir.arrays import Array, IntArray

_SEARCH_FROM = 16
"""Levels from which a binary search beats comparing with each threshold."""


@inlined
def latch(program: Program, state: State, i: int, to: int, rest: bool) -> None:
    """Fill list `to` with what node `i` emits, and clear its membranes.

    Args:
        rest: leave the bias in the cleared membranes (frame by frame), or zeros.
    """
    if program.nodes[i].wide:
        _latch(program, state, i, to, state.acc64, program.theta64)
    else:
        _latch(program, state, i, to, state.acc32, program.theta32)
    clear(program, state, i, rest)


@inlined
def clear(program: Program, state: State, i: int, rest: bool) -> None:
    """Clear the membranes of node `i`; `rest` as in `latch`."""
    node = program.nodes[i]
    if node.wide:
        _clear(state.acc64, program.rest64, node.acc, node.acc_size, rest)
    else:
        _clear(state.acc32, program.rest32, node.acc, node.acc_size, rest)


@kernel
def _clear(acc: Array, bias: Array, at: int, size: int, rest: bool) -> None:
    if rest:
        for n in range(at, at + size):
            acc[n] = bias[n]
    else:
        for n in range(at, at + size):
            acc[n] = 0


@inlined
def _latch(
    program: Program, state: State, i: int, to: int, acc: Array, theta: Array
) -> None:
    kind = program.nodes[i].kind
    if kind == FIRE:
        if program.nodes[i].levels < _SEARCH_FROM:
            _fire(program, state, i, to, acc, theta)
        else:
            _fire_by_search(program, state, i, to, acc, theta)
    elif kind == ACCUMULATE or kind == MAXIMUM:  # noqa: PLR1714  (numba knows no `in` here)
        node = program.nodes[i]
        collect(program, state, i, to, acc, node.acc)
    elif kind == INTEGRATE:
        _integrate(program, state, i, to, acc)
    elif kind == PRODUCT:
        _multiply(program, state, i, to, acc)


@kernel
def collect(program: Program, state: State, i: int, to: int, values: Array, at: int) -> None:
    """Fill list `to` with the values of node `i` that are not 0, internal order."""
    node = program.nodes[i]
    room = program.lists[to]
    n = 0
    j = 0
    for pixel in range(node.pixels):
        state.segments[room.segments + pixel] = n
        for _ in range(node.channels):
            k = np.int64(values[at + j])
            if k != 0:
                state.index[room.events + n] = j
                state.payload[room.events + n] = k
                n += 1
            j += 1
    close_list(program, state, to, n)


@kernel
def _fire(
    program: Program, state: State, i: int, to: int, acc: Array, theta: Array
) -> None:
    """Staircase with few levels: compare with each threshold, LANES neurons at once."""
    node = program.nodes[i]
    room = program.lists[to]
    n = 0
    whole = node.channels // LANES * LANES
    for pixel in range(node.pixels):
        state.segments[room.segments + pixel] = n
        first = pixel * node.channels
        above = node.theta + pixel * node.theta_step
        for c in range(0, whole, LANES):
            mask = fire_block(
                acc, node.acc + first + c, theta, above + c, node.theta_pitch, node.levels,
                node.lo, state.scratch, 0,
            )  # fmt: skip
            while mask != 0:
                lane = lowest_bit(mask)
                state.index[room.events + n] = first + c + lane
                state.payload[room.events + n] = state.scratch[lane]
                n += 1
                mask &= mask - np.uint64(1)
        for c in range(whole, node.channels):
            k = node.lo
            for level in range(node.levels):
                k += acc[node.acc + first + c] >= theta[above + level * node.theta_pitch + c]
            if k != 0:
                state.index[room.events + n] = first + c
                state.payload[room.events + n] = k
                n += 1
    for lane in range(LANES):
        state.scratch[lane] = 0
    close_list(program, state, to, n)


@kernel
def _fire_by_search(
    program: Program, state: State, i: int, to: int, acc: Array, theta: Array
) -> None:
    """Staircase with many levels: binary search for the first threshold above the membrane."""
    node = program.nodes[i]
    room = program.lists[to]
    n = 0
    for pixel in range(node.pixels):
        state.segments[room.segments + pixel] = n
        for c in range(node.channels):
            j = pixel * node.channels + c
            above = node.theta + pixel * node.theta_step + c
            v = acc[node.acc + j]
            low, high = 0, node.levels
            while low < high:
                middle = (low + high) // 2
                if v >= theta[above + middle * node.theta_pitch]:
                    low = middle + 1
                else:
                    high = middle
            k = node.lo + low
            if k != 0:
                state.index[room.events + n] = j
                state.payload[room.events + n] = k
                n += 1
    close_list(program, state, to, n)


@inlined
def _leak(v: int, multiplier: int, shift: int) -> int:
    kept = (abs(v) * multiplier) >> shift
    return -kept if v < 0 else kept


@kernel
def _integrate(program: Program, state: State, i: int, to: int, acc: Array) -> None:
    """IF and LIF: the membrane lives across frames, in 64 bits whatever the input's width."""
    node = program.nodes[i]
    room = program.lists[to]
    n = 0
    for pixel in range(node.pixels):
        state.segments[room.segments + pixel] = n
        for c in range(node.channels):
            j = pixel * node.channels + c
            threshold = program.theta64[node.theta + pixel * node.theta_step + c]
            v = _leak(state.state[node.state + j], node.leak_multiplier, node.leak_shift)
            v += acc[node.acc + j]
            if v > threshold or (v == threshold and not node.strict):
                state.index[room.events + n] = j
                state.payload[room.events + n] = 1
                n += 1
                v = 0 if node.to_zero else v - threshold
            state.state[node.state + j] = v
    close_list(program, state, to, n)


@kernel
def _multiply(program: Program, state: State, i: int, to: int, acc: Array) -> None:
    """Batched matrix product of two operands (elementwise: 1 x 1 matrices), and its counters."""
    node = program.nodes[i]
    room = program.lists[to]
    pairs, spikes = 0, 0
    n = 0
    state.segments[room.segments] = 0
    for batch in range(node.batch):
        for row in range(node.m):
            a = node.acc + (batch * node.m + row) * node.k
            b = node.other + batch * node.k * node.n
            for column in range(node.n):
                state.scratch[column] = 0
            done = _multiply_row(acc, a, b, node.k, node.n, state.scratch)
            pairs += done[0]
            spikes += done[1]
            for column in range(node.n):
                if state.scratch[column] != 0:
                    state.index[room.events + n] = (batch * node.m + row) * node.n + column
                    state.payload[room.events + n] = state.scratch[column]
                    state.scratch[column] = 0
                    n += 1
    close_list(program, state, to, n)
    width_a, width_b = node.batch * node.m * node.k, node.batch * node.k * node.n
    cheap = _at_most_one(acc, node.acc, width_a) or _at_most_one(acc, node.other, width_b)
    counters = state.counters[node.counter]
    counters[0] += pairs
    counters[1] += spikes
    counters[2 if cheap else 3] += pairs


@kernel
def _multiply_row(
    acc: Array, a: int, b: int, inner: int, width: int, out: IntArray
) -> tuple[int, int]:
    """out += one row of a x the matrix b; nonzero pairs and the sum of their sizes."""
    pairs, spikes = 0, 0
    for x in range(inner):
        left = np.int64(acc[a + x])
        if left == 0:
            continue
        for column in range(width):
            term = left * acc[b + x * width + column]
            out[column] += term
            pairs += term != 0
            spikes += abs(term)
    return pairs, spikes


@kernel
def _at_most_one(acc: Array, at: int, size: int) -> bool:
    for n in range(at, at + size):
        if abs(acc[n]) > 1:
            return False
    return True
