"""Pass a value through a linear map: weights join, offsets are evaluated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.compose import compose, is_pointwise
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.fold import scaled_rows
from snnc.converter.lower.layout import compose as chained
from snnc.converter.lower.layout import in_order, repeats
from snnc.converter.lower.repeat import join_repeated
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, Synapses, Term, Wire
from snnc.ir.arrays import FloatArray, IntArray, Shape, size_of
from snnc.ir.maps import Conv, Dense, LinearMap, Sparse, SumPool


def through(
    lowering: Lowering,
    value: Affine,
    map_: LinearMap,
    *,
    name: str,
    shape: Shape,
    bias: FloatArray | None = None,
    tensor: str | None = None,
) -> Affine:
    """The map of a value, plus a bias.

    Args:
        lowering: where an accumulator goes if the value has to be summed first.
        value: its elements in C order are the map's inputs.
        map_: float64 linear map.
        name: the user's name of the layer.
        shape: of the result, in the source.
        bias: broadcasts to `shape`.
        tensor: the source's tensor that holds the result.
    """
    terms = _joined(lowering, value, map_, name)
    if terms is None:
        value = lowering.collect(value)
        terms = _joined(lowering, value, map_, name)
    assert terms is not None
    offset, magnitude = _offsets(value, map_, shape)
    if bias is not None:
        spread = Spread.of(bias, shape)
        offset, magnitude = offset + spread, magnitude + abs(spread)
    fan_in = value.fan_in + largest_fan_in(map_) + (bias is not None)
    return Affine(
        shape=shape, terms=terms, offset=offset, magnitude=magnitude, fan_in=fan_in, tensor=tensor
    )


def largest_fan_in(map_: LinearMap) -> int:
    """Most synapses of any output neuron, padding not looked at."""
    if isinstance(map_, SumPool):
        return size_of(map_.kernel)
    if isinstance(map_, Sparse):
        return int(np.bincount(map_.targets, minlength=1).max())
    return size_of(map_.weight.shape[1:])


def _offsets(value: Affine, map_: LinearMap, shape: Shape) -> tuple[Spread, Spread]:
    if value.magnitude.is_zero:
        zero = Spread.of(0.0, shape)
        return zero, zero
    absolute = map_.with_weight(np.abs(map_.weight))
    parts = ((map_, value.offset), (absolute, value.magnitude))
    offset, magnitude = (
        Spread.of(m.apply(o.full().reshape(1, *m.in_shape)).reshape(shape), shape) for m, o in parts
    )
    return offset, magnitude


def _joined(
    lowering: Lowering, value: Affine, map_: LinearMap, name: str
) -> tuple[Term, ...] | None:
    """Every term through the map; None where the value has to be summed first."""
    if len(value.terms) > 1 and not value.is_wiring:
        return None
    terms = []
    for term in value.terms:
        size = lowering.builder.nodes[term.source].size
        joined = (
            _join_wire(term, size, map_, name) if isinstance(term, Wire) else _chain(term, map_)
        )
        if joined is None:
            return None
        terms.append(_absorbed(joined, size))
    return tuple(terms)


def _join_wire(wire: Wire, size: int, map_: LinearMap, name: str) -> Synapses | None:
    scaled = scale_inputs(map_, wire.scale)
    if scaled is None:
        return None
    if wire.gather is not None and repeats(wire.gather):
        return join_repeated(wire.source, size, wire.gather, scaled, name)
    return Synapses(source=wire.source, map=scaled, gather=wire.gather, name=name)


def _chain(term: Synapses, map_: LinearMap) -> Synapses | None:
    composed = compose(term.map, map_)
    if composed is None:
        return None
    absolute = compose(term.absolute(), map_.with_weight(np.abs(map_.weight)))
    assert absolute is not None
    return replace(term, map=composed, magnitude=absolute.weight)


def scale_inputs(map_: LinearMap, scale: Spread) -> LinearMap | None:
    """map_(scale * x) as a map of x; None where shared weights cannot hold it."""
    if scale.equals(1.0):
        return map_
    if scale.is_scalar:
        return map_.with_weight(map_.weight * scale.values.reshape(()))
    if isinstance(map_, Sparse):
        source = np.repeat(np.arange(map_.in_size), np.diff(map_.indptr))
        return map_.with_weight(map_.weight * scale.full().reshape(-1)[source])
    axis = len(map_.in_shape) - 1 if isinstance(map_, Dense) else 0
    factor = scale.by_channel(map_.in_shape, axis)
    if factor is None:
        return None
    if isinstance(map_, Dense):
        return map_.with_weight(map_.weight * factor)
    if isinstance(map_, SumPool):
        return map_.with_weight(scaled_rows(map_, factor, map_.weight))
    assert isinstance(map_, Conv)
    by_group = np.repeat(
        factor.reshape(map_.groups, -1), map_.weight.shape[0] // map_.groups, axis=0
    )
    ones = (1,) * len(map_.kernel)
    return map_.with_weight(map_.weight * by_group.reshape(*by_group.shape, *ones))


def _absorbed(term: Synapses, source_size: int) -> Synapses:
    """Spend a gather where the map itself can say it: padding, or channels that are missing."""
    gather = in_order(term.gather, source_size)
    term = replace(term, gather=gather)
    if gather is None or (gather >= 0).all():
        return term
    if isinstance(term.map, Conv):
        term = _as_padding(term, term.map, gather, source_size)
    if term.gather is not None and isinstance(term.map, Conv | Dense):
        term = _without_missing(term, term.map, term.gather)
    return replace(term, gather=in_order(term.gather, source_size))


def _as_padding(term: Synapses, conv: Conv, gather: IntArray, source_size: int) -> Synapses:
    present = gather.reshape(conv.in_shape) >= 0
    inner, padding = [slice(None)], []
    for axis in range(1, present.ndim):
        others = tuple(i for i in range(present.ndim) if i != axis)
        at = np.flatnonzero(present.any(axis=others))
        inner.append(slice(at[0], at[-1] + 1))
        before, after = conv.padding[axis - 1]
        padding.append((before + int(at[0]), after + present.shape[axis] - 1 - int(at[-1])))
    kept = gather.reshape(conv.in_shape)[tuple(inner)]
    if kept.size == gather.size or (kept < 0).any():
        return term
    map_ = replace(conv, in_shape=kept.shape, padding=tuple(padding))
    return replace(term, map=map_, gather=in_order(kept.reshape(-1), source_size))


def _without_missing(term: Synapses, map_: Conv | Dense, gather: IntArray) -> Synapses:
    """Leave out input channels that nothing feeds (parts of a concatenation)."""
    dense = isinstance(map_, Dense)
    rows = (
        gather.reshape(-1, map_.in_shape[-1]).T if dense else gather.reshape(map_.in_shape[0], -1)
    )
    present = rows >= 0
    keep = present.any(axis=1)
    whole = bool(present[keep].all())
    if not whole or keep.all() or (isinstance(map_, Conv) and map_.groups != 1):
        return term
    kept = rows[keep]
    magnitude = None if term.magnitude is None else term.magnitude[:, keep]
    weight = map_.weight[:, keep]
    smaller: LinearMap
    if isinstance(map_, Conv):
        smaller = replace(map_, weight=weight, in_shape=(len(kept), *map_.in_shape[1:]))
    else:
        smaller, kept = replace(map_, weight=weight), kept.T
    return replace(term, map=smaller, gather=kept.reshape(-1).copy(), magnitude=magnitude)


def apply_pointwise(value: Affine, index: IntArray) -> Affine | None:
    """Rearrange what goes into pointwise convolutions instead of what comes out.

    Args:
        value: made of synapses.
        index: shape of the result, (1, C, *spatial): which element of the value each is, -1
            for none.

    Returns:
        None where the index treats channels differently or a map is not pointwise.
    """
    if index.ndim != len(value.shape) or index.shape[1] != value.shape[1]:
        return None
    block, at = size_of(value.shape[2:]), index[0, 0]
    channels = np.arange(index.shape[1]).reshape(-1, *(1,) * at.ndim)
    if not np.array_equal(index[0], np.where(at >= 0, at + channels * block, -1)):
        return None
    terms: list[Term] = []
    for term in value.terms:
        if not isinstance(term, Synapses) or not isinstance(term.map, Conv):
            return None
        if not is_pointwise(term.map) or size_of(term.map.in_shape[1:]) != block:
            return None
        n_in = term.map.in_shape[0]
        inner = np.where(at >= 0, at + np.arange(n_in).reshape(-1, *(1,) * at.ndim) * block, -1)
        map_ = replace(term.map, in_shape=(n_in, *at.shape))
        gather = chained(term.gather, inner.reshape(-1))
        terms.append(replace(term, map=map_, gather=gather))
    return replace(
        value,
        shape=index.shape,
        terms=tuple(terms),
        offset=value.offset.take(index.reshape(-1), index.shape),
        magnitude=value.magnitude.take(index.reshape(-1), index.shape),
    )


def select_channels(value: Affine, index: IntArray, tensor: str | None) -> Affine | None:
    """Some whole output channels of layers: only their weights.

    Args:
        value: a value with synapses.
        index: element of the value for each element of the result.
        tensor: the source's tensor that holds the result.

    Returns:
        None where the index cuts channels apart or a layer's channels cannot be taken apart.
    """
    flat = index.reshape(-1)
    terms: list[Term] = []
    for term in value.terms:
        if isinstance(term, Wire):
            scale = term.scale.take(flat, index.shape)
            terms.append(replace(term, gather=chained(term.gather, flat), scale=scale))
            continue
        rows = _whole_rows(term.map, flat)
        if rows is None:
            return None
        magnitude = None if term.magnitude is None else term.magnitude[rows]
        map_ = term.map.with_weight(term.map.weight[rows])
        terms.append(replace(term, map=map_, magnitude=magnitude))
    return replace(
        value,
        shape=index.shape,
        terms=tuple(terms),
        offset=value.offset.take(flat, index.shape),
        magnitude=value.magnitude.take(flat, index.shape),
        tensor=tensor,
    )


def _whole_rows(map_: LinearMap, index: IntArray) -> IntArray | None:
    """The weight rows whose outputs are exactly `index`, in its order; -1 is nobody's output."""
    if (index < 0).any():
        return None
    if isinstance(map_, Dense):
        n_out = map_.out_shape[-1]
        lead = size_of(map_.lead)
        rows = index[: len(index) // lead]
        whole = np.arange(lead)[:, None] * n_out + rows
        inside = bool((rows < n_out).all())
    elif isinstance(map_, Conv) and map_.groups == 1:
        block = size_of(map_.out_shape[1:])
        rows = index[::block] // block
        whole = rows[:, None] * block + np.arange(block)
        inside = True
    else:
        return None
    return rows if inside and np.array_equal(whole.reshape(-1), index) else None
