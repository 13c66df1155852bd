"""Counters inside the graph: sums of |k| and of k != 0 over rows and neurons, exact.

Each emitting node gets one or two small tensors: sums weighted with ones, fan-outs and non-zero
fan-outs. What the projections did is read off them afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.backends.base import Counters, NodeCounters
from snnc.backends.dense.builder import EXACT, Builder, DType, Wire, dtype_for
from snnc.backends.dense.sums import Columns, Sums, weighted_sums
from snnc.ir.arrays import Array, BoolArray, IntArray, Shape
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product

Column: TypeAlias = tuple[int, int]
"""Number and factor of a column of sums."""


@dataclass(frozen=True)
class Reads:
    """Where one projection's sums stand.

    Attributes:
        small: choice of rows in which every payload that the projection takes is -1, 0 or 1.
    """

    projection: Projection
    fan_out: Column
    effective: Column
    small: int
    takes_max: bool


@dataclass(frozen=True)
class NodeTally:
    """Counters of one emitting node and its projections.

    Attributes:
        spikes: sums of |k|, of all rows.
        frames: how many frames ago the events were emitted; 0: in this frame.
        fires: does it emit counts (and not values, which are no spikes)?
        events: sums of k != 0, of all rows and of choices of rows; None where every event is a
            unit spike, so that both are equal.
    """

    name: str
    total: Column
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
        """Add the counts of all rows, given the tensors' sums over what was run."""
        spikes = self.spikes.read(fetched)
        events = self.events.read(fetched) if self.events else spikes

        def total(sums: IntArray, column: Column, rows: int = 0) -> int:
            return int(sums[rows, column[0]]) * column[1]

        if not self.frames:  # else the node's events have been counted when it emitted them
            nodes[self.name] += NodeCounters(
                events=total(events, self.total),
                spikes=total(spikes, self.total) if self.fires else 0,
            )
        for r in self.reads:
            reached = total(events, r.fan_out)
            if r.takes_max:
                nodes[r.projection.target] += NodeCounters(max_pool_inputs=reached)
                continue
            effective, acs = (total(events, r.effective, rows) for rows in (0, r.small))
            counters[r.projection.name] += Counters(
                synaptic_events=reached,
                unit_spike_operations=total(spikes, r.fan_out),
                effective_acs=acs,
                effective_macs=effective - acs,
            )


@dataclass(frozen=True)
class Emitted:
    """What a node emits, in the form that is quickest to count.

    Attributes:
        tensor: (rows, size), |k| where they are unsigned bytes.
        order: of neurons along the tensor; None: C order.
        shape: of the neurons in that order.
        rows: most rows.
    """

    tensor: str
    largest: int
    signed: bool
    shape: Shape
    order: IntArray | None
    rows: int


def emitted(b: Builder, wire: Wire, rows: int) -> Emitted:
    """A wire as what is counted."""
    return Emitted(b.flat(wire), wire.largest, wire.signed, wire.shape, None, rows)


def emitted_bytes(
    b: Builder, tensor: str, shape: Shape, largest: int, rows: int, *, last: bool
) -> Emitted:
    """Bytes that are the counts themselves, of a node of some shape.

    Args:
        last: do they lie with the channels, which are axis 0 of the shape, last?
    """
    order = None
    if last:
        numbers = np.moveaxis(np.arange(int(np.prod(shape))).reshape(shape), 0, -1)
        order, shape = numbers.reshape(-1), numbers.shape
    flat = b.op("Reshape", [tensor, b.constant(np.array([0, -1]))], "u1")
    return Emitted(flat, largest, False, shape, order, rows)


def tally_node(
    b: Builder, graph: Graph, name: str, x: Emitted, unit_spikes: bool, frames: int = 0
) -> NodeTally:
    """Add the sums of one node to the graph.

    Args:
        unit_spikes: does the node's code send |k| unit spikes for a count k?
        frames: of the projections that take these events.
    """
    size = graph.nodes[name].size
    columns, masks = Columns(), list[BoolArray]()
    total = columns.add(np.ones(size, dtype=np.int64))
    only_units = unit_spikes or x.largest <= 1
    reads = tuple(
        _reads(graph, p, size, columns, None if only_units else masks)
        for p in graph.outgoing(name)
        if graph.is_event(p) and p.frames == frames
    )
    matrix = columns.matrix() if x.order is None else columns.matrix()[x.order]
    dtype = b.types[x.tensor]
    magnitude = b.op("Abs", [x.tensor], dtype) if x.signed else x.tensor
    spikes = weighted_sums(b, b.ones(), magnitude, matrix, x.shape, (x.largest, x.rows))
    fires = graph.emits(name) == "count"
    if only_units:
        return NodeTally(name, total, reads, fires, spikes, None, frames)
    choices = [b.ones(), *(_small_rows(b, magnitude, mask, x.order) for mask in masks)]
    choice = b.op("Concat", choices, "u1", axis=0) if masks else choices[0]
    events = weighted_sums(b, choice, _fired(b, x.tensor), matrix, x.shape, (1, x.rows))
    return NodeTally(name, total, reads, fires, spikes, events, frames)


def _reads(
    graph: Graph, p: Projection, size: int, columns: Columns, masks: list[BoolArray] | None
) -> Reads:
    """Note what a projection needs; `masks` takes which neurons it reads."""
    target, small = graph.nodes[p.target], 0
    if masks is not None:
        taken = p.position(size) >= 0
        known = [n for n, mask in enumerate(masks) if (mask == taken).all()]
        if not known:
            masks.append(taken)
        small = 1 + (known[0] if known else len(masks) - 1)
    return Reads(
        projection=p,
        fan_out=columns.add(p.fan_out(size)),
        effective=columns.add(p.effective_fan_out(size)),
        small=small,
        takes_max=isinstance(target, Population) and target.model.combine == "max",
    )


def _fired(b: Builder, x: str) -> str:
    """1 or true where there is an event."""
    if b.types[x] == "u1":
        return b.op("Min", [x, b.constant(1, "u1")], "u1")
    return b.cast(x, "b1")


def _small_rows(b: Builder, magnitude: str, mask: BoolArray, order: IntArray | None) -> str:
    """(1, rows) bytes: 1 where no |k| of the neurons in `mask` passes 1."""
    taken = np.flatnonzero(mask if order is None else mask[order])
    if not len(taken):
        return b.ones()
    dtype = b.types[magnitude]
    if len(taken) < len(mask):
        magnitude = b.op("Gather", [magnitude, b.constant(taken)], dtype, axis=1)
    peak = b.op("ReduceMax", [magnitude, b.constant(np.array([1]))], dtype, keepdims=0)
    small = b.op("LessOrEqual", [b.cast(peak, "i8"), b.constant(1)], "b1")
    return b.op("Reshape", [b.cast(small, "u1"), b.constant(np.array([1, -1]))], "u1")


@dataclass(frozen=True)
class ProductTally:
    """Counters of one product: per row pairs, sum of |a b|, largest |a| and |b|."""

    node: Product
    tensors: list[str]

    def count(self, fetched: dict[str, Array], counters: dict[str, Counters]) -> None:
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
