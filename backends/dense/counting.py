"""Counters inside the graph: event counts and fan-out sums of every row, exact.

Each emitting node gets two small tensors, |k| and (k != 0) summed over neurons with a few weight
vectors: ones, fan-outs, non-zero fan-outs. What the projections did is read off them afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from snnc.backends.base import Counters, NodeCounters
from snnc.backends.dense.builder import EXACT, Builder, DType, Wire, dtype_for
from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product

PRODUCT_LIMIT: dict[DType, int] = {"f4": EXACT["f4"], "u1": 2**31 - 1}
"""Largest sum of a matrix product: float32, and int32 for bytes."""

Tensor: TypeAlias = tuple[str, int]


@dataclass(frozen=True)
class Sums:
    """Weighted sums over neurons: tensor (rows, q), and how its columns combine, (q, m)."""

    tensor: str
    mixing: IntArray

    def read(self, fetched: dict[str, Array]) -> IntArray:
        """The sums, (rows, m)."""
        parts = fetched[self.tensor].astype(np.int64)
        return parts.reshape(len(parts), -1) @ self.mixing


@dataclass
class Columns:
    """Weight vectors over a node's neurons; multiples of one another share a column."""

    size: int
    vectors: list[IntArray] = field(default_factory=list)

    def add(self, vector: IntArray) -> tuple[int, int]:
        """Column and factor of a vector."""
        factor = int(np.gcd.reduce(vector)) or 1
        reduced = vector // factor
        for n, known in enumerate(self.vectors):
            if (known == reduced).all():
                return n, factor
        self.vectors.append(reduced)
        return len(self.vectors) - 1, factor

    def matrix(self) -> IntArray:
        """(size, m)"""
        return np.stack(self.vectors, axis=1)


@dataclass(frozen=True)
class Reads:
    """Where one projection's sums stand: (column, factor) of each."""

    projection: Projection
    fan_out: tuple[int, int]
    effective: tuple[int, int]
    operand: tuple[int, int]
    takes_max: bool


@dataclass(frozen=True)
class NodeTally:
    """Counters of one emitting node and its projections.

    Attributes:
        spikes: sums of |k|.
        frames: how many frames ago the events were emitted; 0: in this frame.
        fires: does it emit counts (and not values, which are no spikes)?
        events: sums of k != 0; None where every event is a unit spike, so that both are equal.
    """

    name: str
    total: tuple[int, int]
    reads: tuple[Reads, ...]
    fires: bool
    spikes: Sums
    events: Sums | None
    frames: int = 0

    @property
    def tensors(self) -> list[str]:
        """What has to be fetched."""
        return [self.spikes.tensor] + ([self.events.tensor] if self.events else [])

    def count(
        self,
        fetched: dict[str, Array],
        counters: dict[str, Counters],
        nodes: dict[str, NodeCounters],
    ) -> None:
        """Add some rows' counts."""
        spikes = self.spikes.read(fetched)
        events = self.events.read(fetched) if self.events else spikes

        def total(sums: IntArray, column: tuple[int, int]) -> IntArray:
            return sums[:, column[0]] * column[1]

        if not self.frames:  # else the node's events have been counted when it emitted them
            nodes[self.name] += NodeCounters(
                events=int(total(events, self.total).sum()),
                spikes=int(total(spikes, self.total).sum()) if self.fires else 0,
            )
        for r in self.reads:
            reached = int(total(events, r.fan_out).sum())
            if r.takes_max:
                nodes[r.projection.target] += NodeCounters(max_pool_inputs=reached)
                continue
            effective = total(events, r.effective)
            # |k| adds up to the number of events exactly where each |k| is 1
            is_ac = total(spikes, r.operand) == total(events, r.operand)
            counters[r.projection.name] += Counters(
                synaptic_events=reached,
                unit_spike_operations=int(total(spikes, r.fan_out).sum()),
                effective_acs=int(effective[is_ac].sum()),
                effective_macs=int(effective[~is_ac].sum()),
            )


def tally_node(
    b: Builder,
    graph: Graph,
    name: str,
    wire: Wire,
    code: Tensor | None,
    unit_spikes: bool,
    frames: int = 0,
) -> NodeTally:
    """Add the sums of one node to the graph.

    Args:
        code: the counts as unsigned bytes, tensor and zero point, where they exist.
        unit_spikes: does the node's code send |k| unit spikes for a count k?
        frames: of the projections that take these events.
    """
    size = graph.nodes[name].size
    columns = Columns(size)
    total = columns.add(np.ones(size, dtype=np.int64))
    reads = tuple(
        _reads(graph, p, columns)
        for p in graph.outgoing(name)
        if graph.is_event(p) and p.frames == frames
    )
    if code is not None and code[1] == 0 and digit_bits("u1", wire.largest, size) >= 2:
        wire = replace(wire, name=code[0], dtype="u1")
    k = b.flat(wire)
    magnitude = b.op("Abs", [k], wire.dtype) if wire.signed else k
    spikes = weighted_sums(b, magnitude, columns.matrix(), wire.largest)
    fires = graph.emits(name) == "count"
    if unit_spikes or wire.largest == 1:
        return NodeTally(name, total, reads, fires, spikes, None, frames)
    one = b.constant(1, wire.dtype)
    fired = b.op("Min", [magnitude, one], wire.dtype)
    events = weighted_sums(b, fired, columns.matrix(), 1)
    return NodeTally(name, total, reads, fires, spikes, events, frames)


def _reads(graph: Graph, p: Projection, columns: Columns) -> Reads:
    target = graph.nodes[p.target]
    is_operand = (p.position(columns.size) >= 0).astype(np.int64)
    return Reads(
        projection=p,
        fan_out=columns.add(p.fan_out(columns.size)),
        effective=columns.add(p.effective_fan_out(columns.size)),
        operand=columns.add(is_operand),
        takes_max=isinstance(target, Population) and target.model.combine == "max",
    )


def weighted_sums(b: Builder, x: str, matrix: IntArray, largest: int) -> Sums:
    """X @ matrix, exact; x has shape (rows, size) and values in 0 … largest."""
    size, n_columns = matrix.shape
    if b.types[x] == "f4" and n_columns == 1 and (matrix == 1).all():
        return _plain_sum(b, x, size, largest)
    bits = digit_bits(b.types[x], largest, size)
    if bits >= 2:
        return _digit_sums(b, x, matrix, bits)
    wide: DType = dtype_for(max(largest * int(matrix.sum(axis=0).max()), EXACT["f4"] + 1))
    y = b.op("MatMul", [b.cast(x, wide), b.constant(matrix, wide)], wide)
    return Sums(y, np.eye(n_columns, dtype=np.int64))


def digit_bits(dtype: DType, largest: int, size: int) -> int:
    """Width of column digits for which a product with (rows, size) values is exact."""
    if dtype not in PRODUCT_LIMIT:
        return 0
    capacity = PRODUCT_LIMIT[dtype] // max(1, largest * size)
    bits = (capacity + 1).bit_length() - 1  # digits below 2^bits sum up exactly
    return min(bits, 8) if dtype == "u1" else bits


def _digit_sums(b: Builder, x: str, matrix: IntArray, bits: int) -> Sums:
    """One product with the digits of every column side by side."""
    digits: list[IntArray] = []
    mixing: list[IntArray] = []
    rest, place = matrix, 0
    while rest.any() or not digits:
        digit = rest % 2**bits
        used = np.flatnonzero(digit.any(axis=0))
        digits.append(digit[:, used])
        mixing.append(np.eye(matrix.shape[1], dtype=np.int64)[used] << place)
        rest, place = rest >> bits, place + bits
    columns = b.constant(np.concatenate(digits, axis=1), b.types[x])
    if b.types[x] == "u1":
        return Sums(b.op("MatMulInteger", [x, columns], "i4"), np.concatenate(mixing))
    return Sums(b.op("MatMul", [x, columns], "f4"), np.concatenate(mixing))


def _plain_sum(b: Builder, x: str, size: int, largest: int) -> Sums:
    """Sums of blocks that float32 holds, added up outside."""
    most = max(1, EXACT["f4"] // max(1, largest))
    block = next(n for n in range(min(size, most), 0, -1) if size % n == 0)
    shape = b.constant(np.array([0, size // block, block]))
    blocks = b.op("Reshape", [x, shape], "f4")
    y = b.op("ReduceSum", [blocks, b.constant(np.array([2]))], "f4", keepdims=0)
    return Sums(y, np.ones((size // block, 1), dtype=np.int64))


@dataclass(frozen=True)
class ProductTally:
    """Counters of one product: per row pairs, sum of |a b|, largest |a| and |b|."""

    node: Product
    tensors: list[str]

    def count(
        self,
        fetched: dict[str, Array],
        counters: dict[str, Counters],
        nodes: dict[str, NodeCounters],
    ) -> None:
        """Add some rows' counts."""
        pairs, units, a, b = (fetched[name].astype(np.int64).ravel() for name in self.tensors)
        is_ac = (a <= 1) | (b <= 1)
        counters[self.node.name] += Counters(
            synaptic_events=int(pairs.sum()),
            unit_spike_operations=int(units.sum()),
            effective_acs=int(pairs[is_ac].sum()),
            effective_macs=int(pairs[~is_ac].sum()),
        )


@dataclass(frozen=True)
class Operand:
    """What arrives at a port of a product: its tensor, (rows, *shape), and the largest |value|."""

    tensor: str
    shape: Shape
    largest: int


def tally_product(
    b: Builder, node: Product, operands: tuple[Operand, Operand], largest: int
) -> ProductTally:
    """Add the sums of a product; `largest` bounds every partial sum of |a b|."""
    wide: DType = dtype_for(max(largest * node.size, EXACT["f4"] + 1))
    magnitudes, fired, peaks = [], [], []
    for x in operands:
        dtype = b.types[x.tensor]
        size = b.op("Abs", [x.tensor], dtype)
        magnitudes.append(Operand(size, x.shape, x.largest))
        one = b.op("Min", [size, b.constant(1, dtype)], dtype)
        fired.append(Operand(one, x.shape, 1))
        axes = b.constant(np.arange(1, 1 + len(x.shape)))
        peaks.append(b.op("ReduceMax", [size, axes], dtype, keepdims=0))
    return ProductTally(
        node,
        [_sum_of_product(b, node, fired, wide), _sum_of_product(b, node, magnitudes, wide), *peaks],
    )


def _sum_of_product(b: Builder, node: Product, operands: list[Operand], dtype: DType) -> str:
    """Sum over all elements of the product; of a matrix product without forming it."""
    n_axes = len(node.a_shape)
    if node.op == "matmul":
        factors = [
            _sum_along(b, x, axis, dtype)
            for x, axis in zip(operands, (n_axes - 1, n_axes), strict=True)
        ]
        n_axes -= 1
    else:
        factors = [b.cast(x.tensor, dtype) for x in operands]
    both = b.op("Mul", factors, dtype)
    return b.op("ReduceSum", [both, b.constant(np.arange(1, 1 + n_axes))], dtype, keepdims=0)


def _sum_along(b: Builder, x: Operand, axis: int, wide: DType) -> str:
    """Sums along an axis (that of the rows is 0), in the operand's own type if that holds them."""
    tensor, dtype = x.tensor, b.types[x.tensor]
    if x.largest * x.shape[axis - 1] > EXACT[dtype]:
        tensor, dtype = b.cast(tensor, wide), wide
    total = b.op("ReduceSum", [tensor, b.constant(np.array([axis]))], dtype, keepdims=0)
    return b.cast(total, wide)
