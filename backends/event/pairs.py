"""Gathering two events at once, on CPUs that multiply bytes in pairs (AVX2).

A weight of 8 bits has to be widened, multiplied and added: three instructions for 16 sums. The
bytes of two events' rows, interleaved, are multiplied by both payloads and added to each other in
one instruction (`pmaddubsw`), so that four instructions make 32 products of one event and 32 of
the other. It takes payloads without sign, of 8 bits, and saturates where two products leave 16
bits: `takes_pairs` says when neither matters, and lists for which it does are gathered one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils

from snnc.backends.event.jit import inlined
from snnc.backends.event.simd import gather_16_16, gather_16_32
from snnc.backends.event.tables import RUN, Lists
from snnc.backends.event.vectors import (
    I32,
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

BYTE_MAX = 2**8 - 1
PAIRED_FROM = 64
"""Channels from which it pays: narrower rows are read faster one by one."""
_CHUNK, _HALF = 32, 16
_BYTE, _WORD = ir.IntType(8), ir.IntType(16)
_function: Any = cgutils.get_or_insert_function  # it has no annotations
_BYTES, _WORDS = ir.VectorType(_BYTE, _CHUNK), ir.VectorType(_WORD, _HALF)


def _has_pairs(context: Any) -> bool:
    return "+avx2" in str(context.codegen().magic_tuple())


@intrinsic
def has_pairs(typing_context):  # type: ignore[no-untyped-def]
    """Can the CPU that code is made for?"""
    signature = types.boolean()

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.IntType(1), int(_has_pairs(context)))

    return signature, generate


@inlined
def takes_pairs(pitch: int, room: Any, lists: Lists) -> bool:
    """Are rows long, and all payloads of a list numbers from 0 to 255?

    That no sum of a batch leaves 16 bits, whatever its events are, has been seen to before
    (`gather.chunk_of`): then no pair does.
    """
    if not has_pairs() or pitch < PAIRED_FROM or lists.peak[room.number] > BYTE_MAX:
        return False
    payload = lists.payload[room.events : room.events + lists.length[room.number]]
    signs = 0
    for e in range(len(payload)):
        signs |= payload[e]
    return signs >= 0


def _order(first: int) -> Any:
    """Bytes `first` … `first` + 7 of both halves of two rows, those of both in turns."""
    lanes = [first + half + i for half in (0, _HALF) for i in range(_HALF // 2)]
    mask = [row + lane for lane in lanes for row in (0, _CHUNK)]
    return ir.Constant(ir.VectorType(I32, _CHUNK), mask)


def _multiply(builder: Any, scale: Any, rows: tuple[Any, Any], first: int) -> Any:
    kind = ir.FunctionType(_WORDS, [_BYTES, _BYTES])
    function = _function(builder.module, kind, "llvm.x86.avx2.pmadd.ub.sw")
    return builder.call(function, [scale, builder.shuffle_vector(*rows, _order(first))])


def _add_pair(builder: Any, arrays: Any, base: Any, pitch: Any, event: Any, last: Any, tiles: Any):  # type: ignore[no-untyped-def]
    """Add an event and the next one; where there is none, its payload is 0."""
    weights, index, payload = arrays
    follows = builder.icmp_signed("<", builder.add(event, I64(1)), last)
    second = builder.add(event, builder.zext(follows, I64))
    rows, times = [], []
    for each in (event, second):
        neuron = builder.zext(builder.load(builder.gep(index.data, [each])), I64)
        rows.append(builder.add(base, builder.mul(neuron, pitch)))
        times.append(builder.trunc(builder.load(builder.gep(payload.data, [each])), _WORD))
    times[1] = builder.select(follows, times[1], _WORD(0))
    both = builder.or_(times[0], builder.shl(times[1], _WORD(8)))
    scale = builder.bitcast(splat(builder, both, _HALF), _BYTES)
    for chunk in range(len(tiles) // 2):
        at = [builder.add(row, I64(chunk * _CHUNK)) for row in rows]
        two = tuple(load(builder, vector_pointer(builder, weights, row, _CHUNK)) for row in at)
        for half in (0, 1):
            tile = tiles[2 * chunk + half]
            term = _multiply(builder, scale, two, half * _HALF // 2)
            builder.store(builder.add(builder.load(tile), term), tile)


def _add_tiles(builder: Any, acc: Any, at: Any, tiles: Any) -> None:
    """Add the sums to membranes, in their own order."""
    for chunk in range(len(tiles) // 2):
        two = [builder.load(tile) for tile in tiles[2 * chunk : 2 * chunk + 2]]
        for half in (0, 1):
            first = half * _HALF // 2
            mask = [tile + first + i for tile in (0, _HALF) for i in range(_HALF // 2)]
            sums = builder.shuffle_vector(*two, ir.Constant(ir.VectorType(I32, _HALF), mask))
            place = builder.add(at, I64(chunk * _CHUNK + half * _HALF))
            target = vector_pointer(builder, acc, place, _HALF)
            old = load(builder, target)
            store(builder, builder.add(old, resize(builder, sums, old.type)), target)


def _make_pair_block(lanes: int) -> Callable[..., None]:
    """As `simd._make_gather_block`, of 8-bit weights and 16-bit sums."""

    @intrinsic
    def pair_block(  # type: ignore[no-untyped-def]
        typing_context, acc, at, weights, column, pitch, index, payload, runs, begin, end
    ):
        signature = types.void(acc, at, weights, column, pitch, index, payload, runs, begin, end)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            if kinds[2].dtype.bitwidth != 8 or not _has_pairs(context):
                return context.get_dummy_value()  # never called
            acc, weights, index, payload, runs = (
                array_of(context, builder, kinds[i], args[i]) for i in (0, 2, 5, 6, 7)
            )
            at, column, pitch, begin, end = (args[i] for i in (1, 3, 4, 8, 9))
            none = ir.Constant(_WORDS, None)
            tiles = [alloca(builder, none) for _ in range(lanes // _HALF)]
            arrays = weights, index, payload
            with cgutils.for_range(builder, builder.sub(end, begin), intp=I64) as run:
                at_run = builder.mul(builder.add(begin, run.index), I64(RUN))
                first, last, base = (
                    builder.load(builder.gep(runs.data, [builder.add(at_run, I64(i))]))
                    for i in range(3)
                )
                base = builder.add(base, column)
                number = builder.add(builder.sub(last, first), I64(1))
                with cgutils.for_range(builder, builder.ashr(number, I64(1)), intp=I64) as loop:
                    event = builder.add(first, builder.shl(loop.index, I64(1)))
                    _add_pair(builder, arrays, base, pitch, event, last, tiles)
            _add_tiles(builder, acc, at, tiles)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = pair_block
    return made


_pairs_128 = _make_pair_block(128)
_pairs_64 = _make_pair_block(64)


@inlined
def gather_pairs(
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
    """As `simd.gather_16`, where `takes_pairs` holds."""
    j = 0
    while size - j >= 128:
        _pairs_128(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 128
    if size - j >= 64:
        _pairs_64(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 64
    if size - j >= 32:
        gather_16_32(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
        j += 32
    if size - j >= 16:
        gather_16_16(acc, at + j, weights, j, pitch, index, payload, runs, begin, end)
