"""Blocks of LANES neurons, and masks that say which of them have something to emit."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils

from snnc.backends.event.tables import LANES
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


def _mask(builder: Any, lanes: Any) -> Any:
    """Truth values of LANES lanes as the bits of a number, lane 0 the lowest."""
    return builder.zext(builder.bitcast(lanes, ir.IntType(LANES)), I64)


@intrinsic
def reached(typing_context, acc, at, theta, offset):  # type: ignore[no-untyped-def]
    """Bit mask of the LANES neurons j with acc[at + j] >= theta[offset + j]."""
    signature = types.uint64(acc, at, theta, offset)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        acc, theta = (array_of(context, builder, signature.args[i], args[i]) for i in (0, 2))
        membrane = load(builder, vector_pointer(builder, acc, args[1], LANES))
        level = load(builder, vector_pointer(builder, theta, args[3], LANES))
        return _mask(builder, builder.icmp_signed(">=", membrane, level))

    return signature, generate


@intrinsic
def fire_block(typing_context, acc, at, theta, offset, pitch, levels, lo, out):  # type: ignore[no-untyped-def]
    """Staircase of LANES neurons: out[j] = lo + #{l : acc[at + j] >= theta[offset + l * pitch + j]}

    Returns:
        bit mask of the neurons whose count is not 0.
    """
    signature = types.uint64(acc, at, theta, offset, pitch, levels, lo, out)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        acc, theta, out = (
            array_of(context, builder, signature.args[i], args[i]) for i in (0, 2, 7)
        )
        at, offset, pitch, levels, lo = (args[i] for i in (1, 3, 4, 5, 6))
        membrane = load(builder, vector_pointer(builder, acc, at, LANES))
        kind = membrane.type
        start = splat(builder, resize(builder, lo, kind.element), LANES)
        count = alloca(builder, start)
        with cgutils.for_range(builder, levels, intp=I64) as loop:
            row = builder.add(offset, builder.mul(loop.index, pitch))
            level = load(builder, vector_pointer(builder, theta, row, LANES))
            above = builder.sext(builder.icmp_signed(">=", membrane, level), kind)
            builder.store(builder.sub(builder.load(count), above), count)
        k = builder.load(count)
        target = vector_pointer(builder, out, I64(0), LANES)
        store(builder, resize(builder, k, target.type.pointee), target)
        return _mask(builder, builder.icmp_signed("!=", k, ir.Constant(kind, [0] * LANES)))

    return signature, generate


@intrinsic
def copy_block(typing_context, to, at, source, first):  # type: ignore[no-untyped-def]
    """to[at + j] = source[first + j] for LANES places j."""
    signature = types.void(to, at, source, first)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, source = (array_of(context, builder, signature.args[i], args[i]) for i in (0, 2))
        values = load(builder, vector_pointer(builder, source, args[3], LANES))
        store(builder, values, vector_pointer(builder, to, args[1], LANES))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def present(typing_context, array, at):  # type: ignore[no-untyped-def]
    """Bit mask of the LANES places j with array[at + j] != 0."""
    signature = types.uint64(array, at)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = array_of(context, builder, signature.args[0], args[0])
        values = load(builder, vector_pointer(builder, array, args[1], LANES))
        nothing = ir.Constant(values.type, [0] * LANES)
        return _mask(builder, builder.icmp_signed("!=", values, nothing))

    return signature, generate


@intrinsic
def count_bits(typing_context, mask):  # type: ignore[no-untyped-def]
    """How many bits of a mask are set."""
    signature = types.uint64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return signature, generate


@intrinsic
def lowest_bit(typing_context, mask):  # type: ignore[no-untyped-def]
    """Which is the lowest bit of a mask, not 0, that is set."""
    signature = types.uint64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return signature, generate
