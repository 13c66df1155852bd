"""Vector kernels, written in LLVM's own terms.

A loop in numba keeps its accumulators in memory. Here a tile of the membrane is loaded into
registers once, all events of a pixel are added to it, and it is stored once. The code is
generic over integer widths and vector extensions: LLVM cuts `<N x i32>` to what the CPU has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils

from snnc.backends.event.jit import inlined
from snnc.backends.event.tables import BASE, FIRST, RUN
from snnc.backends.event.vectors import (
    I64,
    alloca,
    array_of,
    intrinsic,
    load,
    resize,
    splat,
    store,
    vector_pointer,
)
from snnc.ir.arrays import Array


def _make_add_block(lanes: int) -> Callable[..., None]:
    """acc[at + j] += sum over events e of payload[e] * weights[offset + index[e] * pitch + j]"""

    @intrinsic
    def add_block(  # type: ignore[no-untyped-def]
        typing_context, acc, at, weights, offset, pitch, index, payload, first, last
    ):
        signature = types.void(acc, at, weights, offset, pitch, index, payload, first, last)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            acc, weights, index, payload = (
                array_of(context, builder, kinds[i], args[i]) for i in (0, 2, 5, 6)
            )
            at, offset, pitch, first, last = (args[i] for i in (1, 3, 4, 7, 8))
            target = vector_pointer(builder, acc, at, lanes)
            tile = alloca(builder, load(builder, target))
            kind = tile.type.pointee
            with cgutils.for_range(builder, builder.sub(last, first), intp=I64) as loop:
                event = builder.add(first, loop.index)
                source = resize(builder, builder.load(builder.gep(index.data, [event])), I64)
                times = builder.load(builder.gep(payload.data, [event]))
                row = builder.add(offset, builder.mul(source, pitch))
                weight = load(builder, vector_pointer(builder, weights, row, lanes))
                scale = splat(builder, resize(builder, times, kind.element), lanes)
                term = builder.mul(resize(builder, weight, kind), scale)
                builder.store(builder.add(builder.load(tile), term), tile)
            store(builder, builder.load(tile), target)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = add_block
    return made


_add_64 = _make_add_block(64)
_add_32 = _make_add_block(32)
_add_16 = _make_add_block(16)
_add_8 = _make_add_block(8)
_add_4 = _make_add_block(4)


@inlined
def add_rows(
    acc: Array,
    at: int,
    size: int,
    weights: Array,
    offset: int,
    pitch: int,
    index: Array,
    payload: Array,
    first: int,
    last: int,
) -> None:
    """Add the weighted rows of events `first` to `last` to a run of `size` membranes.

    acc[at + j] += sum over e of payload[e] * weights[offset + index[e] * pitch + j]
    """
    j = 0
    while size - j >= 64:
        _add_64(acc, at + j, weights, offset + j, pitch, index, payload, first, last)
        j += 64
    if size - j >= 32:
        _add_32(acc, at + j, weights, offset + j, pitch, index, payload, first, last)
        j += 32
    if size - j >= 16:
        _add_16(acc, at + j, weights, offset + j, pitch, index, payload, first, last)
        j += 16
    if size - j >= 8:
        _add_8(acc, at + j, weights, offset + j, pitch, index, payload, first, last)
        j += 8
    if size - j >= 4:
        _add_4(acc, at + j, weights, offset + j, pitch, index, payload, first, last)
        j += 4
    if j < size:
        for e in range(first, last):
            row = offset + np.int64(index[e]) * pitch
            for u in range(j, size):
                acc[at + u] += weights[row + u] * payload[e]


def _make_scaled_block(lanes: int) -> Callable[..., None]:
    """acc[at + j] += times * weights[row + j]"""

    @intrinsic
    def scaled_block(typing_context, acc, at, weights, row, times):  # type: ignore[no-untyped-def]
        signature = types.void(acc, at, weights, row, times)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            acc, weights = (array_of(context, builder, signature.args[i], args[i]) for i in (0, 2))
            target = vector_pointer(builder, acc, args[1], lanes)
            old = load(builder, target)
            weight = load(builder, vector_pointer(builder, weights, args[3], lanes))
            scale = splat(builder, resize(builder, args[4], old.type.element), lanes)
            term = builder.mul(resize(builder, weight, old.type), scale)
            store(builder, builder.add(old, term), target)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = scaled_block
    return made


_scaled_64 = _make_scaled_block(64)
_scaled_16 = _make_scaled_block(16)

SCALED_LANES = 16
"""What `add_scaled` adds to is a multiple of this."""


@inlined
def add_scaled(acc: Array, at: int, size: int, weights: Array, row: int, times: int) -> None:
    """Add the weighted row of one event to a run of `size` membranes, a multiple of 16.

    acc[at + j] += times * weights[row + j]; no tile, so that little is to be done before and after.
    """
    j = 0
    while size - j >= 64:
        _scaled_64(acc, at + j, weights, row + j, times)
        j += 64
    while size - j >= SCALED_LANES:
        _scaled_16(acc, at + j, weights, row + j, times)
        j += SCALED_LANES


def _add_tile(builder: Any, acc: Any, at: Any, lanes: int, tile: Any) -> None:
    """Add the sums of a tile, which may be narrower, to membranes."""
    target = vector_pointer(builder, acc, at, lanes)
    old = load(builder, target)
    term = resize(builder, builder.load(tile), old.type)
    store(builder, builder.add(old, term), target)


def _make_gather_block(lanes: int, bits: int) -> Callable[..., None]:
    """acc[at + j] += sum over runs r, their events e: payload[e] * weights[row(r, e) + j]

    row(r, e) = runs[r].base + column + index[e] * pitch; the sum is one of `bits` bits.
    """

    @intrinsic
    def gather_block(  # type: ignore[no-untyped-def]
        typing_context, acc, at, weights, column, pitch, index, payload, runs, begin, end
    ):
        signature = types.void(acc, at, weights, column, pitch, index, payload, runs, begin, end)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            if bits < 2 * kinds[2].dtype.bitwidth:
                return context.get_dummy_value()  # weights this wide are never summed so narrowly
            acc, weights, index, payload, runs = (
                array_of(context, builder, kinds[i], args[i]) for i in (0, 2, 5, 6, 7)
            )
            at, column, pitch, begin, end = (args[i] for i in (1, 3, 4, 8, 9))
            kind = ir.VectorType(ir.IntType(bits), lanes)
            tile = alloca(builder, ir.Constant(kind, None))
            with cgutils.for_range(builder, builder.sub(end, begin), intp=I64) as run:
                at_run = builder.mul(builder.add(begin, run.index), I64(RUN))
                first, last, base = (
                    builder.load(builder.gep(runs.data, [builder.add(at_run, I64(i))]))
                    for i in range(3)
                )
                base = builder.add(base, column)
                with cgutils.for_range(builder, builder.sub(last, first), intp=I64) as loop:
                    event = builder.add(first, loop.index)
                    neuron = builder.load(builder.gep(index.data, [event]))
                    row = builder.mul(builder.zext(neuron, I64), pitch)
                    row = builder.add(base, row)
                    weight = load(builder, vector_pointer(builder, weights, row, lanes))
                    times = builder.load(builder.gep(payload.data, [event]))
                    scale = splat(builder, resize(builder, times, kind.element), lanes)
                    term = builder.mul(resize(builder, weight, kind), scale)
                    builder.store(builder.add(builder.load(tile), term), tile)
            _add_tile(builder, acc, at, lanes, tile)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = gather_block
    return made


def _make_channel_block(lanes: int) -> Callable[..., None]:
    """acc[at + j] += sum over runs r: weights[r.base + column + j] * spread[r.first + column + j]

    The sum is one of 16 bits.
    """

    @intrinsic
    def channel_block(typing_context, acc, at, weights, column, spread, runs, n):  # type: ignore[no-untyped-def]
        signature = types.void(acc, at, weights, column, spread, runs, n)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            acc, weights, spread, runs = (
                array_of(context, builder, signature.args[i], args[i]) for i in (0, 2, 4, 5)
            )
            at, column, n = (args[i] for i in (1, 3, 6))
            kind = ir.VectorType(ir.IntType(16), lanes)
            tile = alloca(builder, ir.Constant(kind, None))
            with cgutils.for_range(builder, n, intp=I64) as run:
                at_run = builder.mul(run.index, I64(RUN))
                first, base = (
                    builder.load(builder.gep(runs.data, [builder.add(at_run, I64(i))]))
                    for i in (FIRST, BASE)
                )
                first, base = builder.add(first, column), builder.add(base, column)
                weight = load(builder, vector_pointer(builder, weights, base, lanes))
                payload = load(builder, vector_pointer(builder, spread, first, lanes))
                term = builder.mul(resize(builder, weight, kind), payload)
                builder.store(builder.add(builder.load(tile), term), tile)
            _add_tile(builder, acc, at, lanes, tile)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = channel_block
    return made


_channels_64 = _make_channel_block(64)
_channels_16 = _make_channel_block(16)
_gather_16_128 = _make_gather_block(128, 16)
_gather_16_64 = _make_gather_block(64, 16)
gather_16_32 = _make_gather_block(32, 16)
gather_16_16 = _make_gather_block(16, 16)
_gather_32_64 = _make_gather_block(64, 32)
_gather_32_16 = _make_gather_block(16, 32)


@inlined
def gather_16(
    acc: Array,
    at: int,
    size: int,
    weights: Array,
    pitch: int,
    index: Array,
    payload: Array,
    runs: Array,
    begin: int,
    end: int,
) -> None:
    """Add what runs `begin` to `end` - 1 bring to `size` membranes, summed in 16 bits.

    Args:
        size: a multiple of 16; weights of lanes that there are not are 0.
    """
    j = 0
    while size - j >= 128:
        _gather_16_128(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 128
    if size - j >= 64:
        _gather_16_64(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 64
    if size - j >= 32:
        gather_16_32(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 32
    if size - j >= 16:
        gather_16_16(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)


@inlined
def gather_32(
    acc: Array,
    at: int,
    size: int,
    weights: Array,
    pitch: int,
    index: Array,
    payload: Array,
    runs: Array,
    begin: int,
    end: int,
) -> None:
    """As `gather_16`, summed in 32 bits."""
    j = 0
    while size - j >= 64:
        _gather_32_64(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 64
    while size - j >= 16:
        _gather_32_16(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 16


@inlined
def gather_channels(
    acc: Array, at: int, size: int, weights: Array, spread: Array, runs: Array, n: int
) -> None:
    """Add to `size` channels, a multiple of 16, what each hears of its own in n pixels."""
    j = 0
    while size - j >= 64:
        _channels_64(acc, at + j, weights, j, spread, runs, n)
        j += 64
    while size - j >= 16:
        _channels_16(acc, at + j, weights, j, spread, runs, n)
        j += 16
