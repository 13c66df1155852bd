"""Pools and reductions over axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import in_order, rearranged
from snnc.converter.lower.operators.linear import apply_layer
from snnc.converter.lower.operators.window import Window, window_of
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, Value, Wire, affine, wire_to
from snnc.ir.arrays import FloatArray, Shape, along, size_of
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps import LinearMap, Sparse, SumPool
from snnc.ir.neurons import Max
from snnc.ir.nodes import HostOp, Input, Population


def _pool_window(lowering: Lowering, node: SourceNode, shape: Shape) -> Window:
    if len(shape) not in (3, 4) or shape[0] != 1:
        raise UnsupportedOperator(
            f"a pool over a value of shape {shape}; one or two spatial axes are supported",
            where=node.where,
        )
    out = lowering.view.shape(node.outputs[0])
    window = window_of(node, shape, tuple(node.get("kernel_shape", shape[2:])), out)
    if set(window.dilation) != {1}:
        raise UnsupportedOperator("a dilated pool", where=node.where, hint="use dilation 1")
    return window


@lowers("AveragePool", fate="event", why="a sum-pool; its divisor moves into the step")
def average_pool(lowering: Lowering, node: SourceNode) -> Value:
    """Windows that hang over the edge have their own divisors where padding is not counted."""
    value = lowering.wiring(lowering.operand(node, 0))
    window = _pool_window(lowering, node, value.shape)
    pool = _sum_pool(value.shape[1:], window, 1.0 / size_of(window.kernel))
    out = lowering.view.shape(node.outputs[0])
    map_: LinearMap = pool
    beyond = any(
        hi > declared
        for (_, hi), (_, declared) in zip(window.padding, window.declared, strict=True)
    )
    counted = bool(node.get("count_include_pad", 0)) and not beyond
    if not counted and any(p for sides in window.padding for p in sides):
        if beyond and node.get("count_include_pad", 0):
            raise UnsupportedOperator(
                "ceil_mode together with count_include_pad",
                where=node.where,
                hint="pad explicitly or turn one of them off",
            )
        map_ = _own_divisors(pool)
    return apply_layer(lowering, node, value, map_, out, None)


def _sum_pool(shape: Shape, window: Window, weight: float) -> SumPool:
    return SumPool(
        in_shape=shape,
        kernel=window.kernel,
        stride=window.stride,
        padding=window.padding,
        weight=np.array(weight),
    )


def _own_divisors(pool: SumPool) -> Sparse:
    """Every window divided by the elements that it really holds."""
    indptr, targets, _ = pool.to_csr()
    held = np.bincount(targets, minlength=pool.out_size)
    return Sparse(
        in_shape=pool.in_shape,
        out_shape=pool.out_shape,
        indptr=indptr,
        targets=targets,
        weight=1.0 / held[targets],
    )


@lowers("GlobalAveragePool", fate="event", why="a sum-pool; its divisor moves into the step")
def global_average_pool(lowering: Lowering, node: SourceNode) -> Value:
    """The mean over all positions."""
    value = lowering.operand(node, 0)
    return _reduced(lowering, node, tuple(range(2, len(value.shape))), mean=True)


@lowers("ReduceMean", "ReduceSum", fate="event", why="a sum-pool; a divisor moves into the step")
def reduce(lowering: Lowering, node: SourceNode) -> Value:
    """Mean or sum over axes."""
    value = lowering.operand(node, 0)
    axes = lowering.constant(node, 1)
    given = node.get("axes") if axes is None else axes.tolist()
    if given is None:
        given = [] if node.get("noop_with_empty_axes", 0) else range(len(value.shape))
    n = len(value.shape)
    return _reduced(lowering, node, tuple(a % n for a in given), mean=node.op_type == "ReduceMean")


def _reduced(lowering: Lowering, node: SourceNode, axes: Shape, *, mean: bool) -> Value:
    value = lowering.wiring(lowering.operand(node, 0))
    out = lowering.view.shape(node.outputs[0])
    long = tuple(a for a in axes if value.shape[a] > 1)
    if not long:
        lowering.mark(node.name, "folded", "reduces axes of length 1")
        return value.with_shape(out, node.outputs[0])
    n = size_of(tuple(value.shape[a] for a in long))
    kept = tuple(a for a in range(len(value.shape)) if a not in long)
    index = np.arange(value.size).reshape(value.shape).transpose(*kept, *long)
    moved = in_order(index.reshape(-1))
    n_kept = size_of(tuple(value.shape[a] for a in kept))
    window = tuple(value.shape[a] for a in long) if len(long) <= 2 else (n,)
    map_ = SumPool(
        in_shape=(n_kept, *window),
        kernel=window,
        stride=window,
        padding=((0, 0),) * len(window),
        weight=np.array(1.0 / n if mean else 1.0),
    )
    value = rearranged(value, moved, (n_kept, *window), None)
    return apply_layer(lowering, node, value, map_, out, None)


@lowers("MaxPool", "GlobalMaxPool", fate="event", why="a population of maxima")
def max_pool(lowering: Lowering, node: SourceNode) -> Value:
    """The maximum over windows; padding is never the maximum."""
    value = lowering.wiring(lowering.operand(node, 0))
    window = _pool_window(lowering, node, value.shape)
    out = lowering.view.shape(node.outputs[0])
    if len(node.outputs) > 1 and lowering.view.uses[node.outputs[1]]:
        raise UnsupportedOperator("the indices of a max-pool are used", where=node.where)
    if not _commutes(lowering, value):
        value = lowering.collect(replace(value, tensor=node.inputs[0]))
    total = affine((), out)
    for wire in value.wires:
        name = _maximum(lowering, node, wire, value, window)
        scale = _pooled_scale(wire, value.shape, out)
        terms = (*total.terms, replace(wire_to(name, out).wires[0], scale=scale))
        total = replace(total, terms=terms)
    offset = value.offset.by_channel(value.shape, 1)
    assert offset is not None
    spread = replace(value.offset, values=_at_channel(offset, out), shape=out)
    return replace(total, offset=spread, magnitude=abs(spread), tensor=node.outputs[0])


def _commutes(lowering: Lowering, value: Affine) -> bool:
    """Do scale and offset keep the order of values within each channel?"""
    if len(value.terms) != 1 or value.offset.by_channel(value.shape, 1) is None:
        return False
    scale = value.wires[0].scale.by_channel(value.shape, 1)
    return scale is not None and bool((scale > 0).all())


def _maximum(
    lowering: Lowering, node: SourceNode, wire: Wire, value: Affine, window: Window
) -> str:
    shape = value.shape[1:]
    map_ = _sum_pool(shape, window, 1.0)
    source = lowering.builder.nodes[wire.source]
    gather = in_order(wire.gather, source.size)
    plain = value.is_plain
    population = lowering.builder.add(
        Population(
            name=lowering.builder.unique(node.module_path or node.name),
            shape=map_.out_shape,
            module_path=node.module_path,
            source_tensor=node.outputs[0] if plain else None,
            model=Max(),
            step=_step_of(source, wire, shape),
        ),
        lowering.builder.count_range.get(wire.source),
    )
    lowering.builder.connect(wire.source, population.name, map_, gather=gather)
    return population.name


def _step_of(source: object, wire: Wire, shape: Shape) -> FloatArray:
    """The source's step, by channel of the pool."""
    if not isinstance(source, Input | HostOp | Population) or np.ndim(source.step) == 0:
        return np.asarray(getattr(source, "step", 1.0), dtype=np.float64)
    axis = getattr(source, "channel_axis", 0)
    step = np.asarray(source.step)
    full = np.broadcast_to(along(step, len(source.shape), axis), source.shape).reshape(-1)
    taken = full if wire.gather is None else full[np.maximum(wire.gather, 0)]
    by_channel = taken.reshape(shape[0], -1)
    if (by_channel != by_channel[:, :1]).any():
        raise UnsupportedOperator(f"a max-pool over steps that differ within a channel of {shape}")
    return np.asarray(by_channel[:, 0])


def _pooled_scale(wire: Wire, shape: Shape, out: Shape) -> Spread:
    scale = wire.scale.by_channel(shape, 1)
    assert scale is not None
    return replace(wire.scale, values=_at_channel(scale, out), shape=out)


def _at_channel(values: FloatArray, out: Shape) -> FloatArray:
    ones = [1] * len(out)
    if values.ndim:
        ones[1] = values.size
    return values.reshape(ones)
