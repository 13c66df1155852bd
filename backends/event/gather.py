"""Gathering: what reaches one output pixel is summed in registers and added to it once.

Scattering (`deliver`) takes each event to the membranes that it reaches: as many loads and stores
of membranes as there are taps. Here every output pixel collects the events of its window, which
are few runs of the event list, and its channels stay in registers all the while. Where weights
have 8 bits they are summed in 16, twice as many at once: so many events at a time that the sum
cannot leave 16 bits whatever they are.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from snnc.backends.event.jit import inlined
from snnc.backends.event.late import late
from snnc.backends.event.layout import window_kernel
from snnc.backends.event.pairs import gather_pairs, takes_pairs
from snnc.backends.event.simd import gather_16, gather_32, gather_channels
from snnc.backends.event.tables import BASE, BITS_8, ENDS, FIRST, LAST, RUN, Lists, State
from snnc.ir.arrays import Array, IntArray
from snnc.ir.maps import Conv, Dense, SumPool

GATHER_LANES = 16
"""Rows of gathered weights are filled up with zeros to a multiple of this."""

INT16_MAX = 2**15 - 1
LEAST_CHUNK = 8
"""Sums of 16 bits that hold fewer events than this are not worth adding up."""
_ALL = 2**62

# Header of a gathered window's geometry; then (first input, number of taps, first tap) of each
# output row, then of each output column.
ROWS, COLUMNS, WIDTH, CHANNELS_IN, CHANNELS_OUT, TAPS_X, STEP_Y, STEP_X, HEADER = range(9)


def gather_axis(n: int, n_out: int, kernel: int, stride: int, pad: int, dilation: int) -> IntArray:
    """(first input, number of taps, first tap) of each output position, shape (n_out, 3)."""
    table = np.zeros((n_out, 3), dtype=np.int64)
    for out in range(n_out):
        at = out * stride - pad
        taps = [k for k in range(kernel) if 0 <= at + dilation * k < n]
        if taps:
            table[out] = at + dilation * taps[0], len(taps), taps[0]
    return table


def gather_geometry(map_: Conv | SumPool | Dense) -> tuple[IntArray, Array]:
    """Flat geometry of a window seen from its outputs, and its weights.

    Returns:
        geometry as `ROWS` … say; weights, shape (taps y, taps x, C_in, C_out filled up).
    """
    header = np.zeros(HEADER, dtype=np.int64)
    if isinstance(map_, Dense):
        tokens = prod(map_.lead)
        axes = [gather_axis(1, 1, 1, 1, 0, 1), gather_axis(tokens, tokens, 1, 1, 0, 1)]
        weights = map_.weight.T[None, None]
        steps, width = [1, 1], tokens
    else:
        axes = [
            gather_axis(*a)
            for a in zip(
                map_.in_shape[1:], map_.out_shape[1:], map_.kernel, map_.stride,
                (before for before, _ in map_.padding), map_.dilation, strict=True,
            )
        ]  # fmt: skip
        steps, width = list(map_.dilation), map_.in_shape[-1]
        weights = window_kernel(map_)
        if len(axes) == 1:
            axes.insert(0, gather_axis(1, 1, 1, 1, 0, 1))
            steps.insert(0, 1)
        weights = weights.transpose(2, 3, 1, 0)
    taps_x, c_in, c_out = weights.shape[1:]
    header[[ROWS, COLUMNS, WIDTH]] = len(axes[0]), len(axes[1]), width
    header[[CHANNELS_IN, CHANNELS_OUT, TAPS_X]] = c_in, c_out, taps_x
    header[[STEP_Y, STEP_X]] = steps
    filled = np.pad(weights, [(0, 0)] * 3 + [(0, -c_out % GATHER_LANES)])
    return np.concatenate([header, *(a.reshape(-1) for a in axes)]), filled


def n_runs(taps: int, events: int) -> int:
    """Runs that one output pixel can need at most."""
    return taps + events // LEAST_CHUNK + 2


@inlined
def chunk_of(projection: Any, peak: int) -> int:
    """Events of which every sum fits into 16 bits, or 0 where these are too few.

    |sum| <= events x peak x heaviest, payloads being at most `peak` and weights `heaviest`.
    """
    # a neuron whose weights are all 0 may send what 63 bits hold: the product must not wrap
    chunk = INT16_MAX // (projection.heaviest * min(peak, INT16_MAX + 1))
    return chunk if projection.width == BITS_8 and chunk >= LEAST_CHUNK else 0


@inlined
def _note_runs(runs: IntArray, n: int, left: int, first: int, last: int, base: int, chunk: int):  # type: ignore[no-untyped-def]
    """Append events `first` to `last` - 1 to the runs, cut where a batch is full.

    Returns:
        how many runs there are, and how many events still fit into the last batch.
    """
    while first < last:
        stop = min(last, first + left)
        runs[n * RUN + FIRST] = first
        runs[n * RUN + LAST] = stop
        runs[n * RUN + BASE] = base
        left -= stop - first
        runs[n * RUN + ENDS] = left == 0
        if left == 0:
            left = chunk
        first = stop
        n += 1
    return n, left


@inlined
def _add_batches(
    acc: Array,
    at: int,
    size: int,
    weights: Array,
    pitch: int,
    lists: Lists,
    runs: IntArray,
    n: int,
    narrow: bool,
    paired: bool,
) -> None:
    begin = 0
    while begin < n:
        end = begin + 1
        while end < n and runs[(end - 1) * RUN + ENDS] == 0:
            end += 1
        if paired:
            gather_pairs(
                acc, at, size, weights, pitch, lists.neuron, lists.payload, runs, begin, end
            )
        elif narrow:
            gather_16(acc, at, size, weights, pitch, lists.neuron, lists.payload, runs, begin, end)
        else:
            gather_32(acc, at, size, weights, pitch, lists.neuron, lists.payload, runs, begin, end)
        begin = end


@late
def gather_window(
    projection: Any, room: Any, state: State, geometry: IntArray, acc: Array, weights: Array
) -> None:
    """Convolutions, and dense maps on many positions."""
    table = geometry[projection.seen_from :]
    lists, runs, pitch = state.lists, state.runs, projection.gather_pitch
    chunk = chunk_of(projection, lists.peak[room.number])
    narrow = chunk > 0
    paired = narrow and takes_pairs(pitch, room, lists)
    if not narrow:
        chunk = _ALL
    c_in, columns = table[CHANNELS_IN], table[COLUMNS]
    for row in range(table[ROWS]):
        at_y = HEADER + 3 * row
        for column in range(columns):
            at_x = HEADER + 3 * (table[ROWS] + column)
            # neighbouring pixels lie side by side, in the list as in the weights: one run
            pieces, long = table[at_x + 1], 1
            if table[STEP_X] == 1 and pieces > 0:
                pieces, long = 1, pieces
            n, left = 0, chunk
            for j in range(table[at_y + 1]):
                tap = (table[at_y + 2] + j) * table[TAPS_X] + table[at_x + 2]
                pixel = (table[at_y] + j * table[STEP_Y]) * table[WIDTH] + table[at_x]
                for u in range(pieces):
                    segment = room.segments + pixel + u * table[STEP_X]
                    n, left = _note_runs(
                        runs,
                        n,
                        left,
                        room.events + lists.segments[segment],
                        room.events + lists.segments[segment + long],
                        projection.gather + (tap + u - pixel - u * table[STEP_X]) * c_in * pitch,
                        chunk,
                    )
            at = projection.acc + (row * columns + column) * table[CHANNELS_OUT]
            _add_batches(acc, at, pitch, weights, pitch, lists, runs, n, narrow, paired)


@late
def gather_dense(projection: Any, room: Any, state: State, acc: Array, weights: Array) -> None:
    """All to all: one output pixel."""
    lists, runs, pitch = state.lists, state.runs, projection.gather_pitch
    chunk = chunk_of(projection, lists.peak[room.number])
    narrow = chunk > 0
    paired = narrow and takes_pairs(pitch, room, lists)
    if not narrow:
        chunk = _ALL
    last = room.events + lists.length[room.number]
    n, _ = _note_runs(runs, 0, chunk, room.events, last, projection.gather, chunk)
    _add_batches(acc, projection.acc, pitch, weights, pitch, lists, runs, n, narrow, paired)


@late
def gather_each(
    projection: Any, room: Any, state: State, geometry: IntArray, acc: Array, weights: Array
) -> None:
    """Depthwise convolutions and sum-pools: each channel hears its own, and all lie side by side.

    Payloads are spread over a map of zeros; |sum| <= taps x peak x heaviest fits into 16 bits.
    """
    table = geometry[projection.seen_from :]
    lists, runs, spread = state.lists, state.runs, state.spread
    neuron = lists.neuron[room.events : room.events + lists.length[room.number]]
    payload = lists.payload[room.events :]
    for e in range(len(neuron)):
        spread[neuron[e]] = payload[e]
    channels, pitch = table[CHANNELS_OUT], projection.gather_pitch
    for row in range(table[ROWS]):
        at_y = HEADER + 3 * row
        for column in range(table[COLUMNS]):
            at_x = HEADER + 3 * (table[ROWS] + column)
            n = 0
            for j in range(table[at_y + 1]):
                tap = (table[at_y + 2] + j) * table[TAPS_X] + table[at_x + 2]
                pixel = (table[at_y] + j * table[STEP_Y]) * table[WIDTH] + table[at_x]
                for u in range(table[at_x + 1]):
                    runs[n * RUN + FIRST] = (pixel + u * table[STEP_X]) * channels
                    runs[n * RUN + BASE] = projection.gather + (tap + u) * pitch
                    n += 1
            at = projection.acc + (row * table[COLUMNS] + column) * channels
            gather_channels(acc, at, pitch, weights, spread, runs, n)
    for e in range(len(neuron)):
        spread[neuron[e]] = 0
