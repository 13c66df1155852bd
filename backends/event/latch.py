"""Latches: at the end of its window a node turns membranes into an event list."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.jit import inlined, kernel
from snnc.backends.event.late import late
from snnc.backends.event.lists import add_event, close_list, copy_run
from snnc.backends.event.loihi import integrate_loihi, leak, tell_changes
from snnc.backends.event.staircase import fire, pass_on
from snnc.backends.event.tables import (
    CURRENT_LEAK,
    DELTA,
    FIRE,
    INTEGRATE,
    LEAK,
    LOIHI_LIF,
    LOIHI_READOUT,
    LOOKUP,
    PRODUCT,
    REPLACE,
    RESET_STEP,
    RESET_VALUE,
    SIGMA,
    SIGMA_DELTA,
    SUBTRACT,
    TRACE,
    V_MIN,
    Lists,
    Program,
    State,
)
from snnc.backends.event.values import keep_values
from snnc.ir.arrays import Array, IntArray

_SEARCH_FROM = 16
"""Levels from which a binary search beats comparing with each threshold."""


@inlined
def latch(program: Program, state: State, i: int, to: int, listed: bool) -> None:
    """Fill list `to` with what node `i` emits; its membranes return to rest.

    Args:
        listed: a node that keeps values fills its list besides.
    """
    node, room = program.nodes[i], program.rooms[to]
    if node.values >= 0:
        if listed:
            pass_on(node, room, state.lists, state.acc32)
        keep_values(node, room, state.lists, state.acc32, program.rest32, state.values)
    elif node.wide:
        _latch(program, state, node, room, state.acc64, program.rest64, program.theta64)
    else:
        _latch(program, state, node, room, state.acc32, program.rest32, program.theta32)


@inlined
def _latch(
    program: Program, state: State, node: Any, room: Any, acc: Array, rest: Array, theta: Array
) -> None:
    if node.kind == FIRE and node.levels < _SEARCH_FROM and 0 <= -node.lo <= node.levels:
        fire(node, room, state.lists, acc, rest, theta, state.scratch)
    else:
        _latch_plainly(program, state, node, room, acc, theta)
        copy_run(acc, node.acc, rest, node.acc, node.acc_size)


@inlined
def _latch_plainly(
    program: Program, state: State, node: Any, room: Any, acc: Array, theta: Array
) -> None:
    if node.kind == FIRE:
        _fire_by_search(node, room, state.lists, acc, theta)
    elif node.kind == INTEGRATE:
        _integrate(node, room, state.lists, acc, program.theta64, state.state)
    elif node.kind == LOOKUP:
        _look_up(node, room, state.lists, acc, theta)
    elif node.kind == TRACE:
        _trace(node, room, state.lists, acc, program.theta64, state.state)
    elif node.kind == LOIHI_LIF or node.kind == LOIHI_READOUT:
        integrate_loihi(node, room, state.lists, acc, program.theta64, state.state)
    elif node.kind == DELTA or node.kind == SIGMA_DELTA or node.kind == SIGMA:
        kept, exceeded = state.state, state.exceeded
        tell_changes(node, room, state.lists, acc, program.theta64, kept, exceeded)
    elif node.kind == PRODUCT:
        counters = state.counters[node.counter]
        _multiply(node, room, state.lists, acc, state.scratch, counters)
    else:
        pass_on(node, room, state.lists, acc)


@late
def _fire_by_search(node: Any, room: Any, lists: Lists, acc: Array, theta: Array) -> None:
    """Staircase with many levels, or that knows no 0: binary search for the first not reached."""
    n = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
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
            n = add_event(room, lists, n, j, k)
    close_list(room, lists, n)


@late
def _look_up(node: Any, room: Any, lists: Lists, acc: Array, theta: Array) -> None:
    """A table of counts, one entry for each membrane from `lo` on."""
    n = 0
    j = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
        for _ in range(node.channels):
            at = np.int64(acc[node.acc + j]) - node.lo
            at = min(max(at, 0), node.levels - 1)
            k = np.int64(theta[node.theta + at])
            n = add_event(room, lists, n, j, k)
            j += 1
    close_list(room, lists, n)


@inlined
def _reset(node: Any, v: int, k: int, theta: IntArray, own: int) -> int:
    """What firing `k` leaves of a membrane."""
    if node.reset == SUBTRACT:
        v -= k * theta[own + RESET_STEP * node.theta_pitch]
    elif node.reset == REPLACE and k != 0:
        v = theta[own + RESET_VALUE * node.theta_pitch]
    return max(v, theta[own + V_MIN * node.theta_pitch])


@inlined
def _reached(v: int, theta: IntArray, at: int, pitch: int, levels: int) -> int:
    """How many rising thresholds `v` has reached."""
    n = 0
    while n < levels and v >= theta[at + n * pitch]:
        n += 1
    return n


@late
def _integrate(
    node: Any, room: Any, lists: Lists, acc: Array, theta: IntArray, state: IntArray
) -> None:
    """Membranes that live across frames, in 64 bits whatever the input's width."""
    n = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
        for c in range(node.channels):
            j = pixel * node.channels + c
            at = node.theta + pixel * node.theta_step + c
            own = at + node.levels * node.theta_pitch
            share = theta[own + LEAK * node.theta_pitch]
            i = np.int64(acc[node.acc + j]) << node.fraction
            if node.current >= 0:
                kept = theta[own + CURRENT_LEAK * node.theta_pitch]
                i += leak(state[node.current + j], kept, node.current_shift)
                state[node.current + j] = i
            v = state[node.state + j]
            if node.reset_before == 0:
                v = leak(v, share, node.leak_shift)
            v += i
            k = node.lo + _reached(v, theta, at, node.theta_pitch, node.levels)
            n = add_event(room, lists, n, j, k)
            if node.reset_before == 1:
                v = leak(v, share, node.leak_shift)
            state[node.state + j] = _reset(node, v, k, theta, own)
    close_list(room, lists, n)


@late
def _trace(
    node: Any, room: Any, lists: Lists, acc: Array, theta: IntArray, state: IntArray
) -> None:
    """Leaky sums, passed on with fewer fraction bits."""
    half = (np.int64(1) << node.out_shift) >> 1
    n = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
        for c in range(node.channels):
            j = pixel * node.channels + c
            share = theta[node.theta + pixel * node.theta_step + c]
            v = leak(state[node.state + j], share, node.leak_shift)
            v += np.int64(acc[node.acc + j]) << node.fraction
            state[node.state + j] = v
            k = (v + half) >> node.out_shift
            n = add_event(room, lists, n, j, k)
    close_list(room, lists, n)


@late
def _multiply(
    node: Any, room: Any, lists: Lists, acc: Array, scratch: IntArray, counters: IntArray
) -> None:
    """Batched matrix product of two operands (elementwise: 1 x 1 matrices), and its counters."""
    pairs, spikes = 0, 0
    n = 0
    lists.segments[room.segments] = 0
    for batch in range(node.batch):
        for row in range(node.m):
            a = node.acc + (batch * node.m + row) * node.k
            b = node.other + batch * node.k * node.n
            for column in range(node.n):
                scratch[column] = 0
            done = _multiply_row(acc, a, b, node.k, node.n, scratch)
            pairs += done[0]
            spikes += done[1]
            for column in range(node.n):
                if scratch[column] != 0:
                    lists.neuron[room.events + n] = (batch * node.m + row) * node.n + column
                    lists.payload[room.events + n] = scratch[column]
                    scratch[column] = 0
                    n += 1
    close_list(room, lists, n)
    width_a, width_b = node.batch * node.m * node.k, node.batch * node.k * node.n
    cheap = _at_most_one(acc, node.acc, width_a) or _at_most_one(acc, node.other, width_b)
    counters[0] += pairs
    counters[1] += spikes
    counters[2 if cheap else 3] += pairs


@kernel
def _multiply_row(
    acc: Array, a: int, b: int, inner: int, width: int, out: IntArray
) -> tuple[int, int]:
    """Add one row of a x the matrix b to `out`; nonzero pairs and the sum of their sizes."""
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
    for n in range(at, at + size):  # noqa: SIM110  (numba knows no generators here)
        if abs(acc[n]) > 1:
            return False
    return True
