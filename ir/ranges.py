"""Worst-case interval analysis: which values can membranes, currents and payloads take?

Bounds are per channel and hold for every position; they come from weights alone, by row sums,
so that the analysis costs no more than reading the weights. Where padding or a missing synapse
can take a term away, the term's interval includes 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from snnc.ir.arrays import Array, IntArray, along, bits, size_of
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product
from snnc.ir.row_sums import row_sums

_WIDEST = 2.0**62
"""Bounds beyond this are refused at once: int64 arithmetic would wrap."""


@dataclass(frozen=True)
class NodeRange:
    """Bounds of one node in integers.

    Attributes:
        i_lo, i_hi: of what the membrane holds when it latches, bias included, shape (C,).
        membrane_lo, membrane_hi: of the membrane at any tick, whatever the order of events.
        tick_lo, tick_hi: of one tick's summed current.
        out_lo, out_hi: of the count or value of a frame, shape (C,).
        sent_lo, sent_hi: of the payload of one event.
    """

    i_lo: IntArray
    i_hi: IntArray
    membrane_lo: int
    membrane_hi: int
    tick_lo: int
    tick_hi: int
    out_lo: IntArray
    out_hi: IntArray
    sent_lo: int = 0
    sent_hi: int = 0

    @property
    def membrane_bits(self) -> int:
        """Two's complement width that holds every membrane value."""
        return bits(self.membrane_lo, self.membrane_hi)

    @property
    def current_bits(self) -> int:
        """Two's complement width that holds every tick's current."""
        return bits(self.tick_lo, self.tick_hi)

    @property
    def payload_bits(self) -> int:
        """Two's complement width that holds every event's payload."""
        return bits(self.sent_lo, self.sent_hi)


@dataclass(frozen=True)
class Arriving:
    """Bounds of what projections bring to one port, without bias; arrays of shape (C,)."""

    lo: IntArray
    hi: IntArray
    partial_lo: IntArray
    partial_hi: IntArray
    tick_lo: IntArray
    tick_hi: IntArray


def analyse(
    graph: Graph, settings: RunSettings | None = None, n_frames: int = 1
) -> dict[str, NodeRange]:
    """Bounds of every node of an integer graph but its outputs and what stays real.

    Args:
        settings: the code decides what one tick can bring; default: graded.
        n_frames: for how many frames membranes that live across frames are bounded.

    Raises:
        WidthExceeded: a bound passes 62 bits.
    """
    if graph.form != "integer":
        raise GraphError("ranges are worst cases of integers: give the integer form")
    known: dict[str, NodeRange] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Output) or _is_real(node):
            continue
        known[name] = node_range(graph, node, known, settings or RunSettings(), n_frames)
    return known


def node_range(
    graph: Graph,
    node: Node,
    known: Mapping[str, NodeRange],
    settings: RunSettings,
    n_frames: int = 1,
) -> NodeRange:
    """Bounds of one node, given those of its sources."""
    if isinstance(node, Input | HostOp):
        found = _source_range(node)
    elif isinstance(node, Product):
        found = _product_range(graph, node, known, settings)
    elif isinstance(node, Population):
        incoming = graph.incoming(node.name)
        into = arriving_range(graph, incoming, known, settings, _channels(node))
        found = population_range(node, into, n_frames)
    else:
        raise GraphError("has no range", where=node.name)
    is_unit = settings.unit_spikes and graph.emits(node.name) == "count"
    low, high = _sent(found.out_lo, found.out_hi, settings, is_unit)
    return replace(found, sent_lo=int(low.min()), sent_hi=int(high.max()))


def arriving_range(
    graph: Graph,
    projections: list[Projection],
    known: Mapping[str, NodeRange],
    settings: RunSettings,
    n_channels: int,
) -> Arriving:
    """Bounds of what several projections bring to one port, per channel of the port."""
    total = np.zeros((6, n_channels), dtype=np.float64)
    exact = np.zeros((6, n_channels), dtype=np.int64)
    for p in projections:
        out_lo, out_hi = _emitted(graph, p, known)
        if _takes_max(graph, p):
            part = _max_bounds(graph, p, (out_lo, out_hi), settings, n_channels)
        else:
            unit = settings.unit_spikes and graph.emits(p.source) == "count"
            sent = _sent(out_lo, out_hi, settings, unit)
            part = _sum_bounds(graph, p, (out_lo, out_hi), sent, n_channels)
        total += part
        if np.abs(total).max() >= _WIDEST:
            raise WidthExceeded(
                f"the worst-case input passes 62 bits ({np.abs(total).max():.3g})",
                where=p.target,
                hint="use fewer levels or fewer weight bits",
            )
        exact += part.astype(np.int64)
    return Arriving(*exact)


def _emitted(
    graph: Graph, p: Projection, known: Mapping[str, NodeRange]
) -> tuple[IntArray, IntArray]:
    """Bounds of what a projection's source emits, one for each neuron.

    A source that comes later in the order (a recurrent projection) has the bounds of its counts.
    What an earlier frame emitted is absent, 0, at a sample's start.
    """
    source = graph.nodes[p.source]
    if p.source in known:
        out_lo = expand(source, known[p.source].out_lo)
        out_hi = expand(source, known[p.source].out_hi)
    else:
        assert isinstance(source, Population)
        lo, hi = source.model.count_range(source.shape, source.channel_axis)
        out_lo, out_hi = np.full(source.size, lo), np.full(source.size, hi)
    if p.frames:
        return np.minimum(out_lo, 0), np.maximum(out_hi, 0)
    return out_lo, out_hi


def population_range(node: Population, into: Arriving, n_frames: int = 1) -> NodeRange:
    """Bounds of a population, given what arrives."""
    axes = tuple(a for a in range(len(node.shape)) if a != node.channel_axis)
    bias = node.bias_map()
    bias_lo, bias_hi = bias.min(axis=axes), bias.max(axis=axes)
    i_lo, i_hi = into.lo + bias_lo, into.hi + bias_hi
    low = (into.partial_lo + np.minimum(bias_lo, 0)).min()
    high = (into.partial_hi + np.maximum(bias_hi, 0)).max()
    # every axis but the channel's has length 1, so that models see arrays of the node's rank
    spread = tuple(-1 if a == node.channel_axis else 1 for a in range(len(node.shape)))
    worst = node.model.bounds(
        i_lo.reshape(spread), i_hi.reshape(spread), node.channel_axis, n_frames
    )
    kept_lo, kept_hi = int(np.min(worst.state_lo)), int(np.max(worst.state_hi))
    _check_arithmetic(node, kept_lo, kept_hi)
    return NodeRange(
        i_lo=i_lo,
        i_hi=i_hi,
        membrane_lo=min(int(low), kept_lo),
        membrane_hi=max(int(high), kept_hi),
        tick_lo=int((into.tick_lo + np.minimum(bias_lo, 0)).min()),
        tick_hi=int((into.tick_hi + np.maximum(bias_hi, 0)).max()),
        out_lo=_by_channel(node, worst.out_lo, np.min),
        out_hi=_by_channel(node, worst.out_hi, np.max),
    )


def _check_arithmetic(node: Population, low: int, high: int) -> None:
    spare = node.model.spare_bits
    if bits(low, high) + spare > 63:
        raise WidthExceeded(
            f"its state can need {bits(low, high)} bits, and its leak {spare} more",
            where=node.module_path or node.name,
            hint="fewer weight bits, fewer levels, or a faster leak",
        )


def _by_channel(node: Population, bound: Array, reduce: Callable[..., Array]) -> IntArray:
    """A bound that broadcasts to the population's shape as one for each channel."""
    bound = np.asarray(bound, dtype=np.int64)
    if bound.ndim < len(node.shape):
        return bound.reshape(-1)
    axes = tuple(a for a in range(bound.ndim) if a != node.channel_axis)
    return np.asarray(reduce(bound, axis=axes), dtype=np.int64)


def expand(node: Node, by_channel: IntArray) -> IntArray:
    """Per-channel bounds as one for each neuron, flat C order, shape (node.size,)."""
    axis = getattr(node, "channel_axis", 0)
    if by_channel.size == 1:
        return np.broadcast_to(by_channel.reshape(()), (node.size,))
    return np.broadcast_to(along(by_channel, len(node.shape), axis), node.shape).reshape(-1)


def _channels(node: Population) -> int:
    return node.shape[node.channel_axis]


def _is_real(node: Node) -> bool:
    """Does a node give reals that never become integers?"""
    if isinstance(node, HostOp):
        return node.result == "real"
    return isinstance(node, Input) and not node.grid


def _source_range(node: Input | HostOp) -> NodeRange:
    lo, hi = np.array([node.lo]), np.array([node.hi])
    return NodeRange(lo, hi, node.lo, node.hi, 0, 0, lo, hi)


def _takes_max(graph: Graph, p: Projection) -> bool:
    target = graph.nodes[p.target]
    return isinstance(target, Population) and target.model.combine == "max"


def _arranged(p: Projection, lo: IntArray, hi: IntArray) -> tuple[Array, Array]:
    """Bounds at the map's inputs, float64, shape (in_size,)."""
    pair = p.arrange(np.stack([lo, hi]))
    return pair[0].astype(np.float64), pair[1].astype(np.float64)


def _max_bounds(
    graph: Graph,
    p: Projection,
    out: tuple[IntArray, IntArray],
    settings: RunSettings,
    n_channels: int,
) -> Array:
    at_lo, at_hi = _arranged(p, *out)
    shape = p.map.in_shape
    axes = tuple(range(1, len(shape)))
    low, high = at_lo.reshape(shape).min(axis=axes), at_hi.reshape(shape).max(axis=axes)
    same = _same_channels(graph, p)
    low, high = _spread(low, n_channels, np.min, same), _spread(high, n_channels, np.max, same)
    zero = np.zeros_like(low)
    partial = np.minimum(low, zero), np.maximum(high, zero)
    tick = _sent(*partial, settings, is_unit=False)
    return np.stack([low, high, *partial, *tick])


def _sent(lo: Array, hi: Array, settings: RunSettings, is_unit: bool) -> tuple[Array, Array]:
    """Bounds of one event's payload, given those of the counts or values; 0 is no event."""
    if is_unit:
        return np.clip(lo, -1, 0), np.clip(hi, 0, 1)
    if settings.sends_changes:  # from 0 at first, then from any count to any other
        return np.minimum(np.minimum(lo, lo - hi), 0), np.maximum(np.maximum(hi, hi - lo), 0)
    return np.minimum(lo, 0), np.maximum(hi, 0)


def _sum_bounds(
    graph: Graph,
    p: Projection,
    out: tuple[IntArray, IntArray],
    sent: tuple[Array, Array],
    n_channels: int,
) -> Array:
    """Bounds of what a projection brings: in a frame, in a part of it, at one tick.

    What has been kept of changes lies between 0 and a count, or between two counts: in code
    `delta` the parts of a frame have the bounds that they have in `graded`.

    Args:
        out, sent: by source neuron: of counts or values, of payloads.
    """
    at_lo, at_hi = _arranged(p, *out)
    full = row_sums(p.map, at_lo, at_hi)
    present = np.minimum(at_lo, 0), np.maximum(at_hi, 0)
    partial = row_sums(p.map, *present)
    tick, sent_at = partial, _arranged(p, *sent)
    if not np.array_equal(sent_at, present):
        tick = row_sums(p.map, *sent_at)
    rows = [
        _spread(bound, n_channels, reduce, _same_channels(graph, p))
        for pair in (full, partial, tick)
        for bound, reduce in zip(pair, (np.min, np.max), strict=True)
    ]
    return np.stack(rows) * 2.0**p.exponent


def _same_channels(graph: Graph, p: Projection) -> bool:
    """Is the map's output channel of every neuron the target's channel of that neuron?"""
    node = graph.nodes.get(p.target)
    if not isinstance(node, Population):
        return True
    axis = p.map.channel_axis % len(p.map.out_shape)
    inner = size_of(p.map.out_shape[axis + 1 :])
    return inner == size_of(node.shape[node.channel_axis + 1 :])


def _spread(bound: Array, n_channels: int, reduce: object, same: bool) -> Array:
    """Bounds by the map's channels as bounds by the target's channels."""
    if same and bound.size == n_channels:
        return bound
    return np.full(n_channels, reduce(bound))  # type: ignore[operator]


def _product_range(
    graph: Graph, node: Product, known: Mapping[str, NodeRange], settings: RunSettings
) -> NodeRange:
    into: dict[str, Arriving] = {}
    for port in node.ports:
        projections = [p for p in graph.incoming(node.name) if p.port == port]
        into[port] = arriving_range(graph, projections, known, settings, 1)
    a, b = into["a"], into["b"]
    corners = [int(x) * int(y) for x in (a.lo[0], a.hi[0]) for y in (b.lo[0], b.hi[0])]
    terms = node.a_shape[-1] if node.op == "matmul" else 1
    low, high = terms * min(corners), terms * max(corners)
    if max(-low, high) >= _WIDEST:
        raise WidthExceeded("the worst-case product passes 62 bits", where=node.name)
    partial_lo, partial_hi = min(low, 0), max(high, 0)
    return NodeRange(
        i_lo=np.array([low]),
        i_hi=np.array([high]),
        membrane_lo=min(partial_lo, int(a.partial_lo[0]), int(b.partial_lo[0])),
        membrane_hi=max(partial_hi, int(a.partial_hi[0]), int(b.partial_hi[0])),
        tick_lo=min(int(a.tick_lo[0]), int(b.tick_lo[0])),
        tick_hi=max(int(a.tick_hi[0]), int(b.tick_hi[0])),
        out_lo=np.array([low]),
        out_hi=np.array([high]),
    )
