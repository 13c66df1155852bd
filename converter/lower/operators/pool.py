"""Pools and reductions over axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import in_order, rearranged, repeats
from snnc.converter.lower.operators.elementwise import with_constant
from snnc.converter.lower.operators.linear import apply_layer, check_spatial
from snnc.converter.lower.operators.window import Window, window_of
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, Value, Wire, affine, named
from snnc.ir.arrays import FloatArray, IntArray, Shape, along, size_of
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps import Conv, LinearMap, Sparse, SumPool
from snnc.ir.neurons import Max
from snnc.ir.nodes import Node, Population


def _pool_window(lowering: Lowering, node: SourceNode, shape: Shape) -> Window:
    check_spatial(node, shape)
    out = lowering.view.shape(node.outputs[0])
    return window_of(node, shape, tuple(node.get("kernel_shape", shape[2:])), out)


@lowers("AveragePool", fate="event", why="a sum-pool; its divisor moves into the step")
def average_pool(lowering: Lowering, node: SourceNode) -> Value:
    """Windows that hang over the edge have their own divisors."""
    value = lowering.wiring(lowering.operand(node, 0))
    window = _pool_window(lowering, node, value.shape)
    out, n = lowering.view.shape(node.outputs[0]), size_of(window.kernel)
    divisors = _divisors(window, value.shape[2:], bool(node.get("count_include_pad", 0)))
    if (divisors == n).all():
        # an exact sum is divided where it is rounded, not by weights that no grid holds
        map_ = _windows(value.shape[1:], window, 1.0 if lowering.exact else 1.0 / n)
        return _mean(lowering, node, apply_layer(lowering, node, value, map_, out, None), n)
    map_ = _divided(_windows(value.shape[1:], window, 1.0 / n), divisors)
    return apply_layer(lowering, node, value, map_, out, None)


def _mean(lowering: Lowering, node: SourceNode, total: Value, n: int) -> Value:
    """Where sums are exact, the mean is their quotient."""
    if not lowering.exact:
        return total
    return with_constant(lowering, node, named(total, None), "div", np.asarray(float(n)))


def _windows(shape: Shape, window: Window, weight: float) -> LinearMap:
    """The windows of a pool over `shape`, (C, *spatial)."""
    if set(window.dilation) == {1}:
        return SumPool(
            in_shape=shape,
            kernel=window.kernel,
            stride=window.stride,
            padding=window.padding,
            weight=np.array(weight),
        )
    apart = Conv(
        weight=np.full((shape[0], 1, *window.kernel), weight),
        in_shape=shape,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        groups=shape[0],
    )
    return _listed(apart, apart.to_csr()[2])


def _divisors(window: Window, spatial: Shape, counts_padding: bool) -> IntArray:
    """How many elements each window counts: padding only where the source says so."""
    total = np.ones((), dtype=np.int64)
    for n, k, s, d, (lo, hi), (_, declared) in zip(
        spatial, window.kernel, window.stride, window.dilation, window.padding, window.declared,
        strict=True,
    ):  # fmt: skip
        first, end = (-lo, n + declared) if counts_padding else (0, n)
        starts = np.arange(0, n + lo + hi - d * (k - 1), s) - lo
        at = starts[:, None] + d * np.arange(k)
        total = np.multiply.outer(total, ((at >= first) & (at < end)).sum(axis=1))
    return total


def _divided(map_: LinearMap, divisors: IntArray) -> Sparse:
    """Every window divided by the elements that it counts."""
    _, targets, _ = map_.to_csr()
    return _listed(map_, 1.0 / divisors.reshape(-1)[targets % divisors.size])


def _listed(map_: LinearMap, weight: FloatArray) -> Sparse:
    indptr, targets, _ = map_.to_csr()
    return Sparse(
        in_shape=map_.in_shape,
        out_shape=map_.out_shape,
        indptr=indptr,
        targets=targets,
        weight=weight,
    )


@lowers("GlobalAveragePool", fate="event", why="a sum-pool; its divisor moves into the step")
def global_average_pool(lowering: Lowering, node: SourceNode) -> Value:
    """The mean over all positions."""
    value = lowering.operand(node, 0)
    return _reduced(lowering, node, tuple(range(2, len(value.shape))), mean=True)


@lowers("ReduceMean", "ReduceSum", fate="event", why="a sum-pool; a divisor moves into the step")
def reduce(lowering: Lowering, node: SourceNode) -> Value:
    """Mean or sum over axes."""
    mean = node.op_type == "ReduceMean"
    return _reduced(lowering, node, _axes(lowering, node), mean=mean)


def _axes(lowering: Lowering, node: SourceNode) -> Shape:
    """The axes that a reduction takes together."""
    n, axes = len(lowering.operand(node, 0).shape), lowering.constant(node, 1)
    given = node.get("axes") if axes is None else axes.tolist()
    if not given:
        given = [] if node.get("noop_with_empty_axes", 0) else range(n)
    return tuple(sorted(a % n for a in given))


def _reduced(lowering: Lowering, node: SourceNode, axes: Shape, *, mean: bool) -> Value:
    value = lowering.wiring(lowering.operand(node, 0))
    out = lowering.view.shape(node.outputs[0])
    long = tuple(a for a in axes if value.shape[a] > 1)
    if not long:
        lowering.mark(node.name, "folded", "reduces axes of length 1")
        return value.with_shape(out, node.outputs[0])
    moved, extent = _behind(value, long)
    map_ = SumPool(
        in_shape=moved.shape,
        kernel=extent,
        stride=extent,
        padding=((0, 0),) * len(extent),
        weight=np.array(1.0 / size_of(extent) if mean and not lowering.exact else 1.0),
    )
    total = apply_layer(lowering, node, moved, map_, out, None)
    return _mean(lowering, node, total, size_of(extent)) if mean else total


def _behind(value: Affine, axes: Shape) -> tuple[Affine, Shape]:
    """A value with some axes moved behind the others, these as one; and the extent of the axes."""
    kept = tuple(a for a in range(len(value.shape)) if a not in axes)
    index = np.arange(value.size).reshape(value.shape).transpose(*kept, *axes)
    extent = tuple(value.shape[a] for a in axes)
    extent = extent if len(extent) <= 2 else (size_of(extent),)
    shape = (size_of(tuple(value.shape[a] for a in kept)), *extent)
    return rearranged(value, in_order(index.reshape(-1)), shape, None), extent


@lowers("MaxPool", "GlobalMaxPool", fate="event", why="a population of maxima")
def max_pool(lowering: Lowering, node: SourceNode) -> Value:
    """The maximum over windows; padding is never the maximum."""
    value = lowering.wiring(lowering.operand(node, 0))
    window = _pool_window(lowering, node, value.shape)
    if len(node.outputs) > 1 and lowering.view.uses[node.outputs[1]]:
        raise UnsupportedOperator("the indices of a max-pool are used", where=node.where)
    if size_of(window.kernel) == 1 and not any(any(pair) for pair in window.padding):
        at = np.arange(value.size).reshape(value.shape)
        every: Any = (..., *(slice(None, None, step) for step in window.stride))
        lowering.mark(node.name, "folded", "takes some of the neurons")
        return _some(value, at[every], node.outputs[0])
    return _maxima(lowering, node, value, window, lowering.view.shape(node.outputs[0]))


def _some(value: Affine, index: IntArray, tensor: str) -> Affine:
    return rearranged(value, in_order(index.reshape(-1), value.size), index.shape, tensor)


@lowers("ReduceMax", fate="event", why="a population of maxima")
def reduce_max(lowering: Lowering, node: SourceNode) -> Value:
    """The maximum over axes."""
    value = lowering.wiring(lowering.operand(node, 0))
    out = lowering.view.shape(node.outputs[0])
    long = tuple(a for a in _axes(lowering, node) if value.shape[a] > 1)
    if not long:
        lowering.mark(node.name, "folded", "reduces axes of length 1")
        return value.with_shape(out, node.outputs[0])
    moved, extent = _behind(value, long)
    ones, none = (1,) * len(extent), ((0, 0),) * len(extent)
    window = Window(extent, extent, none, ones, none)
    moved = moved.with_shape((1, *moved.shape), None)
    top = _maxima(lowering, node, moved, window, (1, moved.shape[1], *ones))
    return top.with_shape(out, node.outputs[0])


def _maxima(
    lowering: Lowering, node: SourceNode, value: Affine, window: Window, out: Shape
) -> Affine:
    offset = value.offset.by_channel(value.shape, 1)
    parts = [_part(lowering, wire, value.shape) for wire in value.wires]
    if offset is None or any(part is None for part in parts):
        value = lowering.collect(replace(value, tensor=value.tensor and node.inputs[0]))
        offset = np.array(0.0)
        parts = [_part(lowering, value.wires[0], value.shape)]
    terms = [
        _maximum(lowering, node, part, window, out, plain=value.is_plain)
        for part in parts
        if part is not None
    ]
    spread = Spread(_at_channel(offset, out), out)
    total = affine(tuple(terms), out, tensor=node.outputs[0])
    return replace(total, offset=spread, magnitude=abs(spread))


@dataclass(frozen=True, eq=False)
class _Part:
    """Whole channels that one node feeds.

    Attributes:
        source: node name.
        channels: which channels of the value, rising.
        gather: int64 (len(channels), positions): the neuron at each of them.
        scale: () or by channel of the value, positive.
        spatial: extent of the positions.
    """

    source: str
    channels: IntArray
    gather: IntArray
    scale: FloatArray
    spatial: Shape


def _part(lowering: Lowering, wire: Wire, shape: Shape) -> _Part | None:
    """None where scale or wiring do not keep the order of values within each channel."""
    scale = wire.scale.by_channel(shape, 1)
    if scale is None or not (scale > 0).all() or repeats(wire.gather):
        return None
    size = lowering.builder.nodes[wire.source].size
    gather = np.arange(size) if wire.gather is None else wire.gather
    rows = gather.reshape(shape[1], -1)
    channels = np.flatnonzero((rows >= 0).any(axis=1))
    if (rows[channels] < 0).any():
        return None  # a zero among the inputs is no padding: it can be the maximum
    return _Part(wire.source, channels, rows[channels], scale, shape[2:])


def _maximum(
    lowering: Lowering, node: SourceNode, part: _Part, window: Window, out: Shape, *, plain: bool
) -> Wire:
    """The population of maxima over one part, as a wire to the part's channels."""
    map_ = _windows((len(part.channels), *part.spatial), window, 1.0)
    source = lowering.builder.nodes[part.source]
    path = node.module_path or node.name
    population = lowering.builder.add(
        Population(
            name=lowering.builder.unique(path),
            shape=map_.out_shape,
            module_path=path,
            source_tensor=node.outputs[0] if plain else None,
            model=Max(),
            step=_step_of(source, part, node),
        ),
        lowering.builder.count_range.get(part.source),
    )
    gather = in_order(part.gather.reshape(-1), source.size)
    lowering.builder.connect(part.source, population.name, map_, gather=gather)
    block = size_of(out[2:])
    index = np.full((out[1], block), -1)
    index[part.channels] = np.arange(population.size).reshape(-1, block)
    scale = Spread(_at_channel(part.scale, out), out)
    return Wire(source=population.name, scale=scale, gather=in_order(index.reshape(-1)))


def _step_of(source: Node, part: _Part, node: SourceNode) -> FloatArray:
    """The source's step, by channel of the pool."""
    step = np.asarray(getattr(source, "step", 1.0), dtype=np.float64)
    if step.ndim == 0:
        return step
    axis = getattr(source, "channel_axis", 0)
    full = np.broadcast_to(along(step, len(source.shape), axis), source.shape).reshape(-1)
    taken = full[part.gather]
    if (taken != taken[:, :1]).any():
        raise UnsupportedOperator(
            "a max-pool over counts whose steps differ within a channel", where=node.where
        )
    return np.asarray(taken[:, 0])


def _at_channel(values: FloatArray, out: Shape) -> FloatArray:
    ones = [1] * len(out)
    if values.ndim:
        ones[1] = values.size
    return values.reshape(ones)
