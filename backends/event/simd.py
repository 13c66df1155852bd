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
from numba.extending import intrinsic

from snnc.backends.event.jit import inlined
from snnc.backends.event.tables import BASE, FIRST, LANES, RUN
from snnc.ir.arrays import Array

_intrinsic: Any = intrinsic
_alloca: Any = cgutils.alloca_once_value
_I64 = ir.IntType(64)
_I32 = ir.IntType(32)


def _array(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.make_array(kind)(context, builder, value)


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    vector = ir.VectorType(scalar.type, lanes)
    none = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(none, scalar, ir.Constant(_I32, 0))
    zeros = ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes)
    return builder.shuffle_vector(first, none, zeros)


def _resize(builder: Any, value: Any, to: Any) -> Any:
    width, wanted = _width(value.type), _width(to)
    if width > wanted:
        return builder.trunc(value, to)
    return builder.sext(value, to) if width < wanted else value


def _width(kind: Any) -> int:
    return int(kind.element.width if isinstance(kind, ir.VectorType) else kind.width)


def _vector_pointer(builder: Any, array: Any, index: Any, lanes: int) -> Any:
    pointer = builder.gep(array.data, [index])
    return builder.bitcast(pointer, ir.VectorType(pointer.type.pointee, lanes).as_pointer())


def _load(builder: Any, pointer: Any) -> Any:
    value = builder.load(pointer)
    value.align = _width(value.type) // 8
    return value


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, pointer).align = _width(value.type) // 8


def _make_add_block(lanes: int) -> Callable[..., None]:
    """acc[at + j] += sum over events e of payload[e] * weights[offset + index[e] * pitch + j]"""

    @_intrinsic
    def add_block(  # type: ignore[no-untyped-def]
        typing_context, acc, at, weights, offset, pitch, index, payload, first, last
    ):
        signature = types.void(acc, at, weights, offset, pitch, index, payload, first, last)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            acc, weights, index, payload = (
                _array(context, builder, kinds[i], args[i]) for i in (0, 2, 5, 6)
            )
            at, offset, pitch, first, last = (args[i] for i in (1, 3, 4, 7, 8))
            target = _vector_pointer(builder, acc, at, lanes)
            tile = _alloca(builder, _load(builder, target))
            kind = tile.type.pointee
            with cgutils.for_range(builder, builder.sub(last, first), intp=_I64) as loop:
                event = builder.add(first, loop.index)
                source = _resize(builder, builder.load(builder.gep(index.data, [event])), _I64)
                times = builder.load(builder.gep(payload.data, [event]))
                row = builder.add(offset, builder.mul(source, pitch))
                weight = _load(builder, _vector_pointer(builder, weights, row, lanes))
                scale = _splat(builder, _resize(builder, times, kind.element), lanes)
                term = builder.mul(_resize(builder, weight, kind), scale)
                builder.store(builder.add(builder.load(tile), term), tile)
            _store(builder, builder.load(tile), target)
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


def _make_gather_block(lanes: int, bits: int) -> Callable[..., None]:
    """acc[at + j] += sum over runs r, their events e: payload[e] * weights[row(r, e) + j]

    row(r, e) = runs[r].base + column + index[e] * pitch; the sum is one of `bits` bits.
    """

    @_intrinsic
    def gather_block(  # type: ignore[no-untyped-def]
        typing_context, acc, at, weights, column, pitch, index, payload, runs, begin, end
    ):
        signature = types.void(acc, at, weights, column, pitch, index, payload, runs, begin, end)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            if bits < 2 * kinds[2].dtype.bitwidth:
                return context.get_dummy_value()  # weights this wide are never summed so narrowly
            acc, weights, index, payload, runs = (
                _array(context, builder, kinds[i], args[i]) for i in (0, 2, 5, 6, 7)
            )
            at, column, pitch, begin, end = (args[i] for i in (1, 3, 4, 8, 9))
            kind = ir.VectorType(ir.IntType(bits), lanes)
            tile = _alloca(builder, ir.Constant(kind, None))
            with cgutils.for_range(builder, builder.sub(end, begin), intp=_I64) as run:
                at_run = builder.mul(builder.add(begin, run.index), _I64(RUN))
                first, last, base = (
                    builder.load(builder.gep(runs.data, [builder.add(at_run, _I64(i))]))
                    for i in range(3)
                )
                base = builder.add(base, column)
                with cgutils.for_range(builder, builder.sub(last, first), intp=_I64) as loop:
                    event = builder.add(first, loop.index)
                    neuron = builder.load(builder.gep(index.data, [event]))
                    row = builder.mul(builder.zext(neuron, _I64), pitch)
                    row = builder.add(base, row)
                    weight = _load(builder, _vector_pointer(builder, weights, row, lanes))
                    times = builder.load(builder.gep(payload.data, [event]))
                    scale = _splat(builder, _resize(builder, times, kind.element), lanes)
                    term = builder.mul(_resize(builder, weight, kind), scale)
                    builder.store(builder.add(builder.load(tile), term), tile)
            target = _vector_pointer(builder, acc, at, lanes)
            old = _load(builder, target)
            term = _resize(builder, builder.load(tile), old.type)
            _store(builder, builder.add(old, term), target)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = gather_block
    return made


def _make_channel_block(lanes: int) -> Callable[..., None]:
    """acc[at + j] += sum over runs r: weights[r.base + column + j] * spread[r.first + column + j]

    The sum is one of 16 bits.
    """

    @_intrinsic
    def channel_block(typing_context, acc, at, weights, column, spread, runs, n):  # type: ignore[no-untyped-def]
        signature = types.void(acc, at, weights, column, spread, runs, n)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            acc, weights, spread, runs = (
                _array(context, builder, signature.args[i], args[i]) for i in (0, 2, 4, 5)
            )
            at, column, n = (args[i] for i in (1, 3, 6))
            kind = ir.VectorType(ir.IntType(16), lanes)
            tile = _alloca(builder, ir.Constant(kind, None))
            with cgutils.for_range(builder, n, intp=_I64) as run:
                at_run = builder.mul(run.index, _I64(RUN))
                first, base = (
                    builder.load(builder.gep(runs.data, [builder.add(at_run, _I64(i))]))
                    for i in (FIRST, BASE)
                )
                first, base = builder.add(first, column), builder.add(base, column)
                weight = _load(builder, _vector_pointer(builder, weights, base, lanes))
                payload = _load(builder, _vector_pointer(builder, spread, first, lanes))
                term = builder.mul(_resize(builder, weight, kind), payload)
                builder.store(builder.add(builder.load(tile), term), tile)
            target = _vector_pointer(builder, acc, at, lanes)
            old = _load(builder, target)
            term = _resize(builder, builder.load(tile), old.type)
            _store(builder, builder.add(old, term), target)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = channel_block
    return made


_channels_64 = _make_channel_block(64)
_channels_16 = _make_channel_block(16)
_gather_16_128 = _make_gather_block(128, 16)
_gather_16_64 = _make_gather_block(64, 16)
_gather_16_32 = _make_gather_block(32, 16)
_gather_16_16 = _make_gather_block(16, 16)
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
        _gather_16_32(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 32
    if size - j >= 16:
        _gather_16_16(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)


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


def _mask(builder: Any, lanes: Any) -> Any:
    """Truth values of LANES lanes as the bits of a number, lane 0 the lowest."""
    return builder.zext(builder.bitcast(lanes, ir.IntType(LANES)), _I64)


@_intrinsic
def reached(typing_context, acc, at, theta, offset):  # type: ignore[no-untyped-def]
    """Bit mask of the LANES neurons j with acc[at + j] >= theta[offset + j]."""
    signature = types.uint64(acc, at, theta, offset)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        acc, theta = (_array(context, builder, signature.args[i], args[i]) for i in (0, 2))
        membrane = _load(builder, _vector_pointer(builder, acc, args[1], LANES))
        level = _load(builder, _vector_pointer(builder, theta, args[3], LANES))
        return _mask(builder, builder.icmp_signed(">=", membrane, level))

    return signature, generate


@_intrinsic
def fire_block(typing_context, acc, at, theta, offset, pitch, levels, lo, out):  # type: ignore[no-untyped-def]
    """Staircase of LANES neurons: out[j] = lo + #{l : acc[at + j] >= theta[offset + l * pitch + j]}

    Returns:
        bit mask of the neurons whose count is not 0.
    """
    signature = types.uint64(acc, at, theta, offset, pitch, levels, lo, out)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        acc, theta, out = (_array(context, builder, signature.args[i], args[i]) for i in (0, 2, 7))
        at, offset, pitch, levels, lo = (args[i] for i in (1, 3, 4, 5, 6))
        membrane = _load(builder, _vector_pointer(builder, acc, at, LANES))
        kind = membrane.type
        start = _splat(builder, _resize(builder, lo, kind.element), LANES)
        count = _alloca(builder, start)
        with cgutils.for_range(builder, levels, intp=_I64) as loop:
            row = builder.add(offset, builder.mul(loop.index, pitch))
            level = _load(builder, _vector_pointer(builder, theta, row, LANES))
            above = builder.sext(builder.icmp_signed(">=", membrane, level), kind)
            builder.store(builder.sub(builder.load(count), above), count)
        k = builder.load(count)
        target = _vector_pointer(builder, out, _I64(0), LANES)
        _store(builder, _resize(builder, k, target.type.pointee), target)
        return _mask(builder, builder.icmp_signed("!=", k, ir.Constant(kind, [0] * LANES)))

    return signature, generate


@_intrinsic
def copy_block(typing_context, to, at, source, first):  # type: ignore[no-untyped-def]
    """to[at + j] = source[first + j] for LANES places j."""
    signature = types.void(to, at, source, first)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, source = (_array(context, builder, signature.args[i], args[i]) for i in (0, 2))
        values = _load(builder, _vector_pointer(builder, source, args[3], LANES))
        _store(builder, values, _vector_pointer(builder, to, args[1], LANES))
        return context.get_dummy_value()

    return signature, generate


@_intrinsic
def present(typing_context, array, at):  # type: ignore[no-untyped-def]
    """Bit mask of the LANES places j with array[at + j] != 0."""
    signature = types.uint64(array, at)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = _array(context, builder, signature.args[0], args[0])
        values = _load(builder, _vector_pointer(builder, array, args[1], LANES))
        nothing = ir.Constant(values.type, [0] * LANES)
        return _mask(builder, builder.icmp_signed("!=", values, nothing))

    return signature, generate


@_intrinsic
def count_bits(typing_context, mask):  # type: ignore[no-untyped-def]
    """How many bits of a mask are set."""
    signature = types.uint64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return signature, generate


@_intrinsic
def lowest_bit(typing_context, mask):  # type: ignore[no-untyped-def]
    """Which is the lowest bit of a mask, not 0, that is set."""
    signature = types.uint64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return signature, generate
