"""Fold elementwise operations into weights and offsets, in float64."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, ElementOp, Synapses, Term, Wire
from snnc.ir.arrays import FloatArray, Shape
from snnc.ir.maps import LinearMap, Sparse

LINEAR = frozenset({"add", "sub", "rsub", "mul", "div", "neg"})
"""Rule operations that fold into an affine map."""


def fold(value: Affine, ops: Iterable[ElementOp]) -> Affine | None:
    """Apply linear operations to an affine value.

    Returns:
        the new value, or None where a scale by position meets weights that are shared over
        positions: then the value needs a population of its own first.
    """
    result: Affine | None = value
    for op in ops:
        if result is None:
            return None
        result = _fold_one(result, op)
    return result


def _fold_one(value: Affine, op: ElementOp) -> Affine | None:
    if op.name == "add":
        return shifted(value, op.args[0])
    if op.name == "sub":
        return shifted(value, -op.args[0])
    if op.name == "mul":
        return scaled(value, op.args[0])
    if op.name == "div":
        return scaled(value, op.args[0].inverse())
    negated = scaled(value, Spread.of(-1.0, value.shape))
    if op.name == "rsub" and negated is not None:
        return shifted(negated, op.args[0])
    return negated


def shifted(value: Affine, by: Spread) -> Affine:
    """`value` plus a constant."""
    return replace(
        value,
        offset=value.offset + by,
        magnitude=value.magnitude + abs(by),
        fan_in=value.fan_in + 1,
        tensor=None,
    )


def scaled(value: Affine, by: Spread) -> Affine | None:
    """`value` times a constant; None where shared weights cannot hold it."""
    if by.equals(1.0):
        return value
    terms = []
    for term in value.terms:
        one = _scaled_term(term, by)
        if one is None:
            return None
        terms.append(one)
    return replace(
        value,
        terms=tuple(terms),
        offset=value.offset * by,
        magnitude=value.magnitude * abs(by),
        fan_in=value.fan_in + 1,
        tensor=None,
    )


def _scaled_term(term: Term, by: Spread) -> Term | None:
    if isinstance(term, Wire):
        return replace(term, scale=term.scale * by)
    shape = term.map.out_shape
    factor = by.by_channel(shape, term.map.channel_axis % len(shape))
    if factor is None:
        return None
    magnitude = term.magnitude
    if magnitude is not None:
        magnitude = scaled_rows(term.map, np.abs(factor), magnitude)
    weight = scaled_rows(term.map, factor, term.map.weight)
    return replace(term, map=term.map.with_weight(weight), magnitude=magnitude)


def scaled_rows(map_: LinearMap, factor: FloatArray, weight: FloatArray) -> FloatArray:
    """Weights times a factor of shape () or (C_out,) by output channel; read-only."""
    if isinstance(map_, Sparse) and factor.ndim:
        factor = factor[map_.weight_channels()]
    elif weight.ndim:
        factor = factor.reshape(factor.shape + (1,) * (weight.ndim - factor.ndim))
    result = np.asarray(weight * factor, dtype=np.float64)
    # the array is nobody else's: maps may keep it without a copy
    result.flags.writeable = False
    return result


def added(a: Affine, b: Affine, shape: Shape) -> Affine:
    """The sum of two values of one shape."""
    return Affine(
        shape=shape,
        terms=a.terms + b.terms,
        offset=a.offset + b.offset,
        magnitude=a.magnitude + b.magnitude,
        fan_in=a.fan_in + b.fan_in + 1,
    )


def drop_scale(value: Affine) -> tuple[Affine, Synapses | Wire, float] | None:
    """Split a single scaled wire into the bare wire and its factor; None where it is not one."""
    if len(value.terms) != 1 or not value.offset.is_zero:
        return None
    wire = value.terms[0]
    if not isinstance(wire, Wire) or not wire.scale.is_scalar:
        return None
    factor = float(wire.scale.values.reshape(()))
    bare = replace(wire, scale=Spread.of(1.0, value.shape))
    return replace(value, terms=(bare,)), bare, factor
