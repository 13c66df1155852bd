"""Counters of what nodes emitted: one compiled pass over the tensors of a run.

Loops take unsigned indices, which numba need not check for being negative, and add integers: in
whatever order they are added, sums are the same.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snnc.backends.event.jit import entry, inlined
from snnc.ir.arrays import IntArray

Vector: TypeAlias = "NDArray[Any]"
Number: TypeAlias = Any
"""Of Python to mypy, of `Index` when compiled."""
Index = np.uint64
"""What all indices are: numba makes a float of a sum of signed and unsigned ones."""
ZERO, ONE, TWO = Index(0), Index(1), Index(2)


class Field(IntEnum):
    """Columns of the table of nodes; `first` ones say where in their array a node's part begins."""

    SIZE = 0
    """Neurons."""
    IN_RUNS = 1
    """Are labels those of runs (begin, end, label), else of positions?"""
    N_LABELS = 2
    """Positions or runs."""
    CHANNELS = 3
    """Neurons of a position, which share its label."""
    N_SUMS = 4
    """Sums that neurons are added to."""
    N_COLUMNS = 5
    """Weighted sums of those."""
    FIRED = 6
    """Are events counted too, or is each of them a unit spike?"""
    N_MASKS = 7
    """Choices of rows by the largest payload that some neurons sent."""
    BLOCK = 8
    """Rows whose payloads can be added in the type that carries them."""
    CHUNK = 9
    """Neurons whose |values| can be added in 32 bits."""
    IN_GROUPS = 10
    """Do enough positions in a row share a label to be added to one another first?"""
    FIRST_LABEL = 11
    FIRST_WEIGHT = 12
    FIRST_MASK = 13
    FIRST_RESULT = 14


SIZE, IN_RUNS, N_LABELS, CHANNELS = (int(Field(n)) for n in range(4))
N_SUMS, N_COLUMNS, FIRED, N_MASKS, BLOCK, CHUNK = (int(Field(n)) for n in range(4, 10))
IN_GROUPS, FIRST_LABEL, FIRST_WEIGHT = (int(Field(n)) for n in range(10, 13))
FIRST_MASK, FIRST_RESULT = int(Field.FIRST_MASK), int(Field.FIRST_RESULT)
ALL = 2**32 - 1
"""In place of the number of a mask's neurons: all of the node's."""
LOOKED_AT = Index(256)
"""Neurons between two looks at whether one of them sent more than a unit spike."""


@entry
def add_up(
    x: Vector,
    rows: Index,
    starts: NDArray[np.uint64],
    table: NDArray[np.uint64],
    labels: NDArray[np.uint32],
    weights: Vector,
    masks: NDArray[np.uint32],
    sums: Vector,
    spare: Vector,
    results: IntArray,
) -> None:
    """Add the counters of some nodes' rows to `results`.

    Args:
        x: what nodes emitted, integers of any type, one node behind the other.
        starts: where in x a node's rows begin.
        table: a row for each node, see `Field`.
        labels, weights, masks: of all nodes, one behind the other.
        sums: room for the sums of one node: (2 + masks) * N_SUMS.
        spare: room for its neurons, of x's type.
    """
    for t in range(Index(len(table))):
        n_sums = table[t, N_SUMS]
        n_parts = ONE
        if table[t, FIRED]:
            n_parts = TWO + table[t, N_MASKS]
        for n in range(n_parts * n_sums):
            sums[n] = 0
        begin, end = starts[t], starts[t] + rows * table[t, SIZE]
        while begin < end:
            n_rows = min(table[t, BLOCK], (end - begin) // table[t, SIZE])
            if n_rows > ONE:
                _add_block(x, begin, n_rows, table, t, labels, sums, spare)
            else:
                _add_row(x, begin, table, t, labels, sums, spare)
            begin += n_rows * table[t, SIZE]
        if table[t, N_MASKS]:
            _add_choices(x, rows, starts[t], table, t, labels, masks, sums)
        for part in range(n_parts):
            _weigh(table, t, part, weights, sums, results)


@inlined
def _add_block(
    x: Vector, begin: Number, n_rows: Number, table: Vector, t: Number, labels: Vector,
    sums: Vector, spare: Vector,
) -> None:  # fmt: skip
    """Rows that are first added to one another, many neurons in a vector."""
    size = table[t, SIZE]
    for i in range(size):
        spare[i] = x[begin + i]
    for row in range(ONE, n_rows):
        for i in range(size):
            spare[i] += x[begin + row * size + i]
    _add_payloads(spare, ZERO, table, t, labels, sums)
    if table[t, FIRED]:
        for i in range(size):
            spare[i] = x[begin + i] != 0
        for row in range(ONE, n_rows):
            for i in range(size):
                spare[i] += x[begin + row * size + i] != 0
        _add_payloads(spare, ZERO, table, t, labels, sums[table[t, N_SUMS] :])


@inlined
def _add_row(
    x: Vector, begin: Number, table: Vector, t: Number, labels: Vector, sums: Vector, spare: Vector
) -> None:
    """One row, in the quickest way."""
    if table[t, IN_RUNS]:
        _add_runs(x, begin, table, t, labels, sums)
    elif table[t, IN_GROUPS]:
        _add_groups(x, begin, table, t, labels, sums, spare)
    else:
        _add_payloads(x, begin, table, t, labels, sums)
        if table[t, FIRED]:
            _add_events(x, begin, table, t, labels, sums, table[t, N_SUMS])


@inlined
def _add_runs(
    x: Vector, base: Number, table: Vector, t: Number, labels: Vector, sums: Vector
) -> None:
    """What neurons sent, and those that fired, run by run in 32 bits as far as these hold it."""
    for n in range(table[t, N_LABELS]):
        at = table[t, FIRST_LABEL] + Index(3) * n
        i, end, to = (
            base + Index(labels[at]),
            base + Index(labels[at + ONE]),
            Index(labels[at + TWO]),
        )
        while i < end:
            stop = min(i + table[t, CHUNK], end)
            total, fired = np.int32(0), np.int32(0)
            for each in range(i, stop):
                total = np.int32(total + abs(np.int32(x[each])))
                fired = np.int32(fired + np.int32(x[each] != 0))
            sums[to] += total
            if table[t, FIRED]:
                sums[table[t, N_SUMS] + to] += fired
            i = stop


@inlined
def _add_groups(
    x: Vector, base: Number, table: Vector, t: Number, labels: Vector, sums: Vector, spare: Vector
) -> None:
    """Positions in a row that share a label are added to one another first, many in a vector."""
    channels, first, n = table[t, CHANNELS], table[t, FIRST_LABEL], ZERO
    while n < table[t, N_LABELS]:
        to, begin, stop = Index(labels[first + n]) * channels, base + n * channels, n + ONE
        last = min(n + table[t, BLOCK], table[t, N_LABELS])
        while stop < last and labels[first + stop] == labels[first + n]:
            stop += ONE
        _add_group(x, begin, stop - n, channels, sums, to, spare)
        if table[t, FIRED]:
            _add_group_events(x, begin, stop - n, channels, sums, table[t, N_SUMS] + to, spare)
        n = stop


@inlined
def _add_group(
    x: Vector, begin: Number, n: Number, channels: Number, sums: Vector, to: Number, spare: Vector
) -> None:
    """What n positions sent, one behind the other, as far as a byte holds it."""
    for i in range(channels):
        spare[i] = x[begin + i]
    for row in range(ONE, n):
        for i in range(channels):
            spare[i] += x[begin + row * channels + i]
    for i in range(channels):
        sums[to + i] += np.int32(spare[i])


@inlined
def _add_group_events(
    x: Vector, begin: Number, n: Number, channels: Number, sums: Vector, to: Number, spare: Vector
) -> None:
    """Likewise the neurons that fired."""
    for i in range(channels):
        spare[i] = x[begin + i] != 0
    for row in range(ONE, n):
        for i in range(channels):
            spare[i] += x[begin + row * channels + i] != 0
    for i in range(channels):
        sums[to + i] += np.int32(spare[i])


@inlined
def _add_payloads(
    x: Vector, base: Number, table: Vector, t: Number, labels: Vector, sums: Vector
) -> None:
    """What neurons sent."""
    channels, first = table[t, CHANNELS], table[t, FIRST_LABEL]
    for n in range(table[t, N_LABELS]):
        if table[t, IN_RUNS]:
            at = first + Index(3) * n
            total = np.int64(0)
            for i in range(base + Index(labels[at]), base + Index(labels[at + ONE])):
                total += abs(np.int32(x[i]))
            sums[Index(labels[at + TWO])] += total
        else:
            to, begin = Index(labels[first + n]) * channels, base + n * channels
            for i in range(channels):
                sums[to + i] += abs(np.int32(x[begin + i]))


@inlined
def _add_events(
    x: Vector, base: Number, table: Vector, t: Number, labels: Vector, sums: Vector, part: Number
) -> None:
    """Neurons that fired."""
    channels, first = table[t, CHANNELS], table[t, FIRST_LABEL]
    for n in range(table[t, N_LABELS]):
        if table[t, IN_RUNS]:
            at = first + Index(3) * n
            total = np.int64(0)
            for i in range(base + Index(labels[at]), base + Index(labels[at + ONE])):
                total += np.int32(x[i] != 0)
            sums[part + Index(labels[at + TWO])] += total
        else:
            to, begin = part + Index(labels[first + n]) * channels, base + n * channels
            for i in range(channels):
                sums[to + i] += np.int32(x[begin + i] != 0)


@inlined
def _add_choices(
    x: Vector, rows: Number, start: Number, table: Vector, t: Number, labels: Vector,
    masks: Vector, sums: Vector,
) -> None:  # fmt: skip
    """Neurons that fired, in the rows where a mask's payloads are small."""
    for row in range(rows):
        begin = start + row * table[t, SIZE]
        for n in range(table[t, N_MASKS]):
            if _is_small(x, begin, table, t, masks, n):
                _add_events(x, begin, table, t, labels, sums, (TWO + n) * table[t, N_SUMS])


@inlined
def _is_small(x: Vector, base: Number, table: Vector, t: Number, masks: Vector, n: Number) -> bool:
    """Is no |payload| of a mask's neurons above 1?"""
    at = table[t, FIRST_MASK] + TWO * n
    first, count = Index(masks[at]), Index(masks[at + ONE])
    peak = np.int32(0)
    if count == Index(ALL):
        i, end = base, base + table[t, SIZE]
        while i < end and peak <= 1:
            stop = min(i + LOOKED_AT, end)
            for each in range(i, stop):
                peak = max(peak, abs(np.int32(x[each])))
            i = stop
    else:
        for i in range(first, first + count):
            peak = max(peak, abs(np.int32(x[base + Index(masks[i])])))
    return bool(peak <= 1)


@inlined
def _weigh(
    table: Vector, t: Number, part: Number, weights: Vector, sums: Vector, results: Vector
) -> None:
    """What the sums come to in every column."""
    n_sums, n_columns = table[t, N_SUMS], table[t, N_COLUMNS]
    for column in range(n_columns):
        total, first = np.int64(0), table[t, FIRST_WEIGHT] + column * n_sums
        for n in range(n_sums):
            total += np.int64(sums[part * n_sums + n]) * np.int64(weights[first + n])
        results[table[t, FIRST_RESULT] + part * n_columns + column] += total
