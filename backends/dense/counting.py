"""Counters: sums of |k| and of k != 0 over rows and neurons, exact.

Of each emitting node sums are taken, weighted with ones, fan-outs and non-zero fan-outs: outside of
the graph, in one pass over what it emitted (`seen`), or inside of it, as small tensors. What the
projections did is read off them afterwards (`ledger`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from snnc.backends.base import Counters
from snnc.backends.dense.builder import EXACT, Builder, DType, Wire, dtype_for, last_order
from snnc.backends.dense.seen import Seen, labels_of
from snnc.backends.dense.sums import Columns, Sums, weighted_sums
from snnc.ir.arrays import Array, BoolArray, IntArray, Shape, size_of
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
class Inside:
    """Sums in the graph.

    Attributes:
        spikes: of |k|, of all rows.
        events: of k != 0, of all rows and of choices of rows; None where every event is a unit
            spike, so that both are equal.
    """

    spikes: Sums
    events: Sums | None

    @property
    def tensors(self) -> list[str]:
        """What has to be fetched."""
        return [self.spikes.tensor] + ([self.events.tensor] if self.events else [])

    def read(self, fetched: dict[str, Array]) -> IntArray:
        """(parts, q): of |k|, then of events, given the tensors' sums over what was run."""
        parts = [self.spikes.read(fetched)]
        if self.events:
            parts.append(self.events.read(fetched))
        return np.concatenate(parts)


@dataclass(frozen=True)
class Needs:
    """What the projections of one node, that take its events at once, have to know of them.

    Attributes:
        columns: weights of the neurons.
        masks: of neurons, for each choice of rows; None where every event is a unit spike.
    """

    total: Column
    reads: tuple[Reads, ...]
    columns: Columns
    masks: tuple[BoolArray, ...] | None

    @property
    def n_choices(self) -> int:
        """Choices of rows, all of them among these."""
        return 0 if self.masks is None else 1 + len(self.masks)


@dataclass(frozen=True)
class NodeTally:
    """Counters of one emitting node and its projections.

    Attributes:
        fires: does it emit counts (and not values, which are no spikes)?
        where: how sums come about.
        frames: how many frames ago the events were emitted; 0: in this frame.
    """

    name: str
    needs: Needs
    fires: bool
    where: Inside | Seen
    frames: int = 0


@dataclass(frozen=True)
class Emitted:
    """What a node emits, in the form that is quickest to count.

    Attributes:
        tensor: (rows, *shape), or (rows, size); |k| where they are unsigned bytes.
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

    def flat(self, b: Builder) -> Emitted:
        """With its tensor as (rows, size)."""
        if len(self.shape) == 1:
            return self
        target = b.constant(np.array([0, -1]))
        return replace(self, tensor=b.op("Reshape", [self.tensor, target], b.types[self.tensor]))


def emitted(wire: Wire, rows: int) -> Emitted:
    """A wire as what is counted."""
    return Emitted(wire.name, wire.largest, wire.signed, wire.shape, None, rows)


def emitted_last(tensor: str, wire: Wire, rows: int) -> Emitted:
    """Likewise a tensor with the channels, which are axis 0 of the wire's shape, last."""
    order = last_order(wire.shape)
    return Emitted(tensor, wire.largest, wire.signed, order.shape, order.reshape(-1), rows)


def emitted_bytes(tensor: str, wire: Wire, rows: int, *, last: bool) -> Emitted:
    """Bytes that are a wire's counts.

    Args:
        last: do they lie with the channels last?
    """
    counts = replace(wire, name=tensor, signed=False)
    return emitted_last(tensor, counts, rows) if last else emitted(counts, rows)


def needs_of(graph: Graph, name: str, frames: int, *, only_units: bool) -> Needs:
    """What has to be added up of a node's events.

    Args:
        frames: of the projections that take them.
        only_units: is every event a unit spike?
    """
    size = graph.nodes[name].size
    columns, masks = Columns(), list[BoolArray]()
    total = columns.add(np.ones(size, dtype=np.int64))
    reads = tuple(
        _reads(graph, p, size, columns, None if only_units else masks)
        for p in graph.outgoing(name)
        if graph.is_event(p) and p.frames == frames
    )
    return Needs(total, reads, columns, None if only_units else tuple(masks))


def tally_inside(b: Builder, needs: Needs, x: Emitted) -> Inside:
    """Add the sums of one node to the graph."""
    x = x.flat(b)
    matrix = needs.columns.matrix()
    matrix = matrix if x.order is None else matrix[x.order]
    dtype = b.types[x.tensor]
    magnitude = b.op("Abs", [x.tensor], dtype) if x.signed else x.tensor
    spikes = weighted_sums(b, b.ones(), magnitude, matrix, x.shape, (x.largest, x.rows))
    if needs.masks is None:
        return Inside(spikes, None)
    choices = [b.ones(), *(_small_rows(b, magnitude, mask, x.order) for mask in needs.masks)]
    choice = b.op("Concat", choices, "u1", axis=0) if needs.masks else choices[0]
    events = weighted_sums(b, choice, _fired(b, x.tensor), matrix, x.shape, (1, x.rows))
    return Inside(spikes, events)


def tally_seen(needs: Needs, x: Emitted, dtype: DType) -> Seen:
    """Count one node outside of the graph."""
    matrix = needs.columns.matrix()
    order = np.arange(len(matrix)) if x.order is None else x.order
    labels, weights = labels_of(matrix[order], x.shape)
    masks = [mask[order] for mask in needs.masks or ()]
    taken = tuple(None if mask.all() else np.flatnonzero(mask) for mask in masks)
    return Seen(
        x.tensor, dtype, x.shape, labels, weights, taken, needs.masks is not None, x.largest
    )


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
    peak = b.largest(magnitude, 1, len(taken))
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
        n = size_of(x.shape)
        peaks.append(b.largest(b.reshape(size, (n,)), 1, n))
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
