"""Scattering into a plane of sums of 16 bits with margins, added to the membranes at the end.

Scattering to membranes goes pixel by pixel, and cuts rows of taps at the borders: of pixels with
few events, most of the time are branches that cannot be foreseen. Here the target has margins, so
that every event adds the same number of rows of the same length, whatever pixel it comes from;
and two sums of 16 bits take the place of one of 32. Sums that overflow on the way come back as
long as the last one fits: that is decided for each list, from its payloads and a bound that the
weights give (`limits`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd, prod
from typing import Any

import numpy as np
from numba import types

from snnc.backends.event.jit import inlined
from snnc.backends.event.late import late
from snnc.backends.event.layout import window_kernel
from snnc.backends.event.tables import Lists
from snnc.backends.event.vectors import (
    I64,
    array_of,
    intrinsic,
    load,
    resize,
    splat,
    store,
    vector_pointer,
)
from snnc.ir.arrays import Array, IntArray
from snnc.ir.maps import Conv, Dense

PLANE_LANES = 16
"""Rows of weights, and of the plane, are filled up to a multiple of this."""
PEAKS = 16
"""Lists with larger payloads are delivered in another way."""
INT16_MAX = 2**15 - 1
_NO_LIMIT = 2**62
_SHIFT = 40
_HEAVIEST, _MANY = 2**7, 2**18
_MOST_MARGINS, _SMALL = 16, 2**16
"""Planes longer than so many times the outputs, and than this, would be little but margins."""

# Header of a plane: how to divide by the channels of an input pixel, these, weights of one input
# channel; rows that an event reaches, their length, from one to the next in the plane and in the
# weights; runs of membranes: rows, runs in each, their length, from one to the next, from one row
# of the plane to the next, the first; the plane's length; taps that an output sums; limits by
# peak. Then (where the first row begins, its first weight) of each input pixel.
(
    MAGIC,
    CHANNELS_IN,
    PITCH,
    ROWS,
    SIZE,
    DOWN,
    DOWN_TAPS,
    OUT_ROWS,
    OUT_RUNS,
    RUN,
    RUN_PITCH,
    PLANE_ROW,
    FIRST,
    LENGTH,
    TAPS,
    LIMITS,
) = range(16)
HEADER = LIMITS + PEAKS + 1


@dataclass(frozen=True)
class _Axis:
    """One spatial axis of a window.

    Attributes:
        first: first output of each input position, and which stored tap it takes, shape (n, 2).
        taps: kernel index of each stored tap; -1: none, to fill up.
        number: outputs that each position meets, margins among them.
        step: from one of these to the next.
        begin: first place of the plane, at most 0.
        end: its end.
    """

    first: IntArray
    taps: list[int]
    number: int
    step: int
    begin: int
    end: int


def _axis(n: int, n_out: int, kernel: int, stride: int, pad: int, dilation: int) -> _Axis | None:
    """Positions x meet outputs by x + pad - dilation * k = stride * out; None: some meet none."""
    common = gcd(dilation, stride)
    if stride // common > kernel:
        return None
    phases = [list(range(kernel))[at :: stride // common][::-1] for at in range(stride // common)]
    number, step = max(map(len, phases)), dilation // common
    taps = [k for phase in phases for k in (*phase, *[-1] * (number - len(phase)))]
    first = np.zeros((n, 2), dtype=np.int64)
    for x in range(n):
        met = [
            ((x + pad - dilation * phase[0]) // stride, at * number)
            for at, phase in enumerate(phases)
            if (x + pad - dilation * phase[0]) % stride == 0
        ]
        if not met:
            return None
        first[x] = met[0]
    outs = first[:, 0]
    end = max(n_out, int(outs.max()) + (number - 1) * step + 1)
    return _Axis(first, taps, number, step, min(0, int(outs.min())), end)


def _axes(map_: Conv | Dense) -> tuple[_Axis, _Axis] | None:
    if isinstance(map_, Dense):
        tokens = prod(map_.lead)
        found = [_axis(1, 1, 1, 1, 0, 1), _axis(tokens, tokens, 1, 1, 0, 1)]
    else:
        found = [
            _axis(*each)
            for each in zip(
                map_.in_shape[1:], map_.out_shape[1:], map_.kernel, map_.stride,
                (before for before, _ in map_.padding), map_.dilation, strict=True,
            )
        ]  # fmt: skip
        if len(found) == 1:
            found.insert(0, _axis(1, 1, 1, 1, 0, 1))
    y, x = found
    return None if y is None or x is None or x.step != 1 else (y, x)


def limits(weights: Array) -> IntArray:
    """For each peak of payloads, how large their sum in one window may be, shape (PEAKS + 1,).

    Where no payload is larger than m and their sum is at most n * m, no sum of payload x weight
    is larger than that of the n heaviest weights of one output, each m times.

    Args:
        weights: shape (…, C_out), of 8 bits. Where they are many, only the heaviest is looked at:
            such layers gather from some 1 % on, and below that the sum is small.
    """
    c_out, peaks = weights.shape[-1], np.arange(1, PEAKS + 1)
    size = np.abs(weights.reshape(-1, c_out).astype(np.int64))
    rooms = INT16_MAX // peaks
    found = np.full(PEAKS + 1, _NO_LIMIT, dtype=np.int64)
    if size.size > _MANY:  # all of them as heavy as the heaviest
        found[1:] = rooms // max(int(size.max()), 1) * peaks
        return found
    kinds = _HEAVIEST + 1
    number = np.bincount((size + np.arange(c_out) * kinds).reshape(-1), minlength=c_out * kinds)
    number = number.reshape(c_out, kinds)[:, ::-1]  # of each size, falling from 128 to 0
    sizes = np.arange(_HEAVIEST, -1, -1)
    sums, counts = np.cumsum(number * sizes, axis=1), np.cumsum(number, axis=1)
    channel = np.arange(c_out)
    for peak in peaks[sums[:, -1].max() > rooms]:
        room = rooms[peak - 1]
        at = (sums <= room).sum(axis=1)  # sizes of which all weights fit
        limited, before = at < kinds, np.maximum(at - 1, 0)
        n, held = (np.where(at > 0, each[channel, before], 0) for each in (counts, sums))
        most = n + (room - held) // np.maximum(sizes[np.minimum(at, _HEAVIEST)], 1)
        found[peak] = most[limited].min() * peak
    return found


def _filled(map_: Conv | Dense, y: _Axis, x: _Axis) -> Array:
    kernel = map_.weight[:, :, None, None] if isinstance(map_, Dense) else window_kernel(map_)
    kernel = np.pad(kernel, [(0, 0), (0, 0), (0, 1), (0, 1)])  # what tap -1 finds
    weights = kernel[:, :, y.taps][:, :, :, x.taps].transpose(1, 2, 3, 0)
    return np.pad(weights, [(0, 0)] * 3 + [(0, -weights.shape[-1] % PLANE_LANES)])


def _divides(n: int, c_in: int) -> bool:
    """Does the magic number divide every neuron's number by the channels, within 63 bits?"""
    return n * c_in < 2**_SHIFT and n * -(-(2**_SHIFT) // c_in) < 2**63


def plane_geometry(map_: Conv | Dense, exponent: int) -> tuple[IntArray, Array | None] | None:
    """Flat geometry of a plane, and its weights; None: this map cannot be delivered so.

    Returns:
        geometry as `MAGIC` … say; weights, shape (C_in, taps y, taps x, C_out filled up), without
        `exponent`; None: those that `layout.window_geometry` gives.
    """
    c_out, c_in = map_.weight.shape[:2]
    if 2 * c_out < PLANE_LANES or not _divides(map_.in_size, c_in):
        return None  # of few outputs, most of a plane were filled up
    axes = _axes(map_)
    if axes is None:
        return None
    y, x = axes
    lanes, width = c_out + -c_out % PLANE_LANES, x.end - x.begin
    length = (y.end - y.begin) * width * lanes
    if length > _MOST_MARGINS * map_.out_size + _SMALL:
        return None
    steps = set(map_.stride) if isinstance(map_, Conv) else {1}
    filled = None if lanes == c_out and steps == {1} else _filled(map_, y, x)
    header = np.zeros(HEADER, dtype=np.int64)
    header[[MAGIC, CHANNELS_IN, PITCH]] = (
        -(-(2**_SHIFT) // c_in),
        c_in,
        len(y.taps) * len(x.taps) * lanes,
    )
    header[[ROWS, SIZE]] = y.number, x.number * lanes
    header[[DOWN, DOWN_TAPS]] = y.step * width * lanes, len(x.taps) * lanes
    out = map_.out_shape[1:] if isinstance(map_, Conv) else (prod(map_.lead),)
    n_y, n_x = (1, *out)[-2:]
    whole = lanes == c_out  # then a row of outputs is one run
    header[[OUT_ROWS, OUT_RUNS]] = n_y, 1 if whole else n_x
    header[[RUN, RUN_PITCH]] = c_out * (n_x if whole else 1), lanes
    header[[PLANE_ROW, LENGTH]] = width * lanes, length
    header[FIRST] = (-y.begin * width - x.begin) * lanes
    header[TAPS] = prod(sum(k >= 0 for k in axis.taps) for axis in axes)
    header[LIMITS:] = limits(np.moveaxis(map_.weight, 0, -1).astype(np.int64) << exponent)
    at = ((y.first[:, :1] - y.begin) * width + x.first[:, 0] - x.begin) * lanes
    tap = (y.first[:, 1:] * len(x.taps) + x.first[:, 1]) * lanes
    return np.concatenate([header, np.stack([at, tap], axis=-1).reshape(-1)]), filled


def _make_add(lanes: int) -> Callable[..., None]:
    """sums[at + j] += times * weights[row + j], vector by vector."""

    @intrinsic
    def add(typing_context, sums, at, weights, row, times):  # type: ignore[no-untyped-def]
        signature = types.void(sums, at, weights, row, times)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            sums, weights = (array_of(context, builder, signature.args[i], args[i]) for i in (0, 2))
            at, row, times = args[1], args[3], args[4]
            scale = resize(builder, times, sums.data.type.pointee)
            scale = splat(builder, scale, PLANE_LANES)
            for j in range(0, lanes, PLANE_LANES):
                target = vector_pointer(builder, sums, builder.add(at, I64(j)), PLANE_LANES)
                source = vector_pointer(builder, weights, builder.add(row, I64(j)), PLANE_LANES)
                weight = resize(builder, load(builder, source), scale.type)
                term = builder.mul(weight, scale)
                store(builder, builder.add(load(builder, target), term), target)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = add
    return made


_add_96 = _make_add(96)
_add_48 = _make_add(48)
_add_16 = _make_add(16)


@inlined
def _add_row(sums: Array, at: int, size: int, weights: Array, row: int, times: int) -> None:
    """Add the row of one event, a multiple of 16; 48 and 96 are three pixels of 16 and 32."""
    j = 0
    while size - j >= 96:
        _add_96(sums, at + j, weights, row + j, times)
        j += 96
    while size - j >= 48:
        _add_48(sums, at + j, weights, row + j, times)
        j += 48
    while size - j >= 16:
        _add_16(sums, at + j, weights, row + j, times)
        j += 16


@inlined
def fits_plane(projection: Any, room: Any, lists: Lists, geometry: IntArray) -> bool:
    """Does every sum that a list can bring fit into 16 bits?"""
    peak = lists.peak[room.number]
    if peak > PEAKS:
        return False
    limit = geometry[projection.plane + LIMITS + peak]
    taps = geometry[projection.plane + TAPS]
    return lists.total[room.number] <= limit or _fullest(room, lists) * taps <= limit


@inlined
def _fullest(room: Any, lists: Lists) -> int:
    """The largest sum of |payload| of one pixel."""
    segments = lists.segments[room.segments : room.segments + room.pixels + 1]
    payload = lists.payload[room.events :]
    most = 0
    for pixel in range(room.pixels):
        total = 0
        for e in range(segments[pixel], segments[pixel + 1]):
            total += abs(payload[e])
        most = max(most, total)
    return most


@late
def scatter_plane(
    projection: Any, room: Any, lists: Lists, geometry: IntArray, plane: Array, acc: Array, w: Array
) -> None:
    """Convolutions without groups, and dense maps on many positions, where `fits_plane` holds."""
    table = geometry[projection.plane :]
    magic, channels, pitch = table[MAGIC], table[CHANNELS_IN], table[PITCH]
    rows, size, down, down_taps = table[ROWS], table[SIZE], table[DOWN], table[DOWN_TAPS]
    neuron = lists.neuron[room.events : room.events + lists.length[room.number]]
    payload = lists.payload[room.events :]
    for e in range(len(neuron)):
        n, k = np.int64(neuron[e]), payload[e]
        pixel = (n * magic) >> _SHIFT
        place = np.uint64(HEADER + 2 * pixel)
        at, tap = table[place], table[place + np.uint64(1)] + projection.plane_weight
        tap += (n - pixel * channels) * pitch
        for _ in range(rows):
            _add_row(plane, at, size, w, tap, k)
            at += down
            tap += down_taps
    to = projection.acc
    for y in range(table[OUT_ROWS]):
        at = table[FIRST] + y * table[PLANE_ROW]
        for _ in range(table[OUT_RUNS]):
            sums = plane[at : at + table[RUN]]
            membrane = acc[to : to + table[RUN]]
            for j in range(len(sums)):
                membrane[j] += sums[j]
            at += table[RUN_PITCH]
            to += table[RUN]
    margins = plane[: table[LENGTH]]
    for j in range(len(margins)):
        margins[j] = 0
