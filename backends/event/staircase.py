"""Latches that look at LANES neurons at once: staircases of few levels, values, maxima.

Blocks go on over pixels. A block in which nothing is to be emitted costs a comparison or two for
each vector; only in the others is anything done neuron by neuron, and then by the neurons that
emit. Arrays are longer than the last neuron's place, so that a last block can read on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.jit import inlined
from snnc.backends.event.late import late
from snnc.backends.event.lists import close_list, copy_run
from snnc.backends.event.masks import (
    copy_block,
    count_bits,
    fire_block,
    lowest_bit,
    present,
    reached,
)
from snnc.backends.event.tables import LANES, Lists
from snnc.ir.arrays import Array, IntArray

_ONE = np.uint64(1)
_ALL = np.uint64(2**LANES - 1)


@inlined
def _lanes(left: int) -> Any:
    """Mask of the lanes of a block, where `left` neurons are left."""
    return _ALL if left >= LANES else (_ONE << np.uint64(left)) - _ONE


@inlined
def _note_pixels(
    segments: IntArray, mask: Any, n: Any, first: int, size: int, channels: int, at: tuple[int, int]
) -> tuple[int, int]:
    """Note where the events of all pixels begin that begin in a block.

    Args:
        mask: the neurons of the block that emit; the first is event `n` of the list.
        at: the next pixel, and its first neuron.

    Returns:
        the same, of the next block.
    """
    pixel, edge = at
    while edge < min(first + LANES, size):
        before = mask & ((_ONE << np.uint64(edge - first)) - _ONE)
        segments[np.uint64(pixel)] = n + count_bits(before)
        pixel += 1
        edge += channels
    return pixel, edge


@inlined
def _note_events(
    neuron: Array, payload: IntArray, mask: Any, n: Any, first: int, counts: Array, at: int
) -> Any:
    """Append the neurons of a mask as events; how many there are then.

    Args:
        counts: those of the block, from `at` on.
    """
    while mask != 0:
        lane = lowest_bit(mask)
        neuron[n] = np.uint64(first) + lane
        payload[n] = counts[np.uint64(at) + lane]
        n += _ONE
        mask &= mask - _ONE
    return n


@late
def pass_on(node: Any, room: Any, lists: Lists, acc: Array) -> None:
    """Accumulators and maxima: every membrane that is not 0 is an event."""
    neuron, payload = lists.neuron[room.events :], lists.payload[room.events :]
    segments = lists.segments[room.segments :]
    size, channels = node.size, node.channels
    n, pixel, edge = np.uint64(0), 0, 0
    for first in range(0, size, LANES):
        at = node.acc + first
        mask = present(acc, at) & _lanes(size - first)
        pixel, edge = _note_pixels(segments, mask, n, first, size, channels, (pixel, edge))
        n = _note_events(neuron, payload, mask, n, first, acc, at)
    close_list(room, lists, int(n))


@late
def fire(
    node: Any, room: Any, lists: Lists, acc: Array, rest: Array, theta: Array, scratch: IntArray
) -> None:
    """Staircase with few levels; membranes return to rest."""
    neuron, payload = lists.neuron[room.events :], lists.payload[room.events :]
    segments = lists.segments[room.segments :]
    # read once: to the compiler, what is written to a list might change them
    size, channels, membrane = node.size, node.channels, node.acc
    pitch, levels, lo, row = node.theta_pitch, node.levels, node.lo, node.theta
    # thresholds come again with every pixel, unless each position has its own
    period = channels if node.theta_step == 0 else size
    turn = LANES % period
    n, pixel, edge, column = np.uint64(0), 0, 0, 0
    for first in range(0, size, LANES):
        at, above = membrane + first, row + column
        mask = np.uint64(0)
        if not _is_silent(acc, at, theta, above, pitch, levels, -lo):
            mask = fire_block(acc, at, theta, above, pitch, levels, lo, scratch)
            mask &= _lanes(size - first)
        pixel, edge = _note_pixels(segments, mask, n, first, size, channels, (pixel, edge))
        n = _note_events(neuron, payload, mask, n, first, scratch, 0)
        if size - first >= LANES:
            copy_block(acc, at, rest, at)
        else:
            copy_run(acc, at, rest, at, size - first)
        column += turn
        if column >= period:
            column -= period
    scratch[:LANES] = 0
    close_list(room, lists, int(n))


@inlined
def _is_silent(
    acc: Array, at: int, theta: Array, above: int, pitch: int, levels: int, zero: int
) -> bool:
    """Is the count of all neurons of a block 0?

    Args:
        zero: thresholds that a neuron has reached whose count is 0.
    """
    silent = zero == levels or reached(acc, at, theta, above + zero * pitch) == 0
    if silent and zero > 0:
        silent = reached(acc, at, theta, above + (zero - 1) * pitch) == _ALL
    return silent


@late
def settle_maximum(node: Any, best: IntArray, seen: Array, inputs: Array, acc: IntArray) -> None:
    """End of a tick at a maximum: add what came to its membrane, an absent input being 0."""
    for first in range(0, node.size, LANES):
        mask = present(seen, node.seen + first) & _lanes(node.size - first)
        while mask != 0:
            n = np.uint64(first) + lowest_bit(mask)
            at = np.uint64(node.seen) + n
            largest = best[at]
            if seen[at] < inputs[at]:
                largest = max(largest, 0)
            acc[np.uint64(node.acc) + n] += largest
            seen[at] = 0
            mask &= mask - _ONE
