"""Projections as NIR's linear nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from snnc.ir.arrays import Array, FloatArray, Shape, size_of
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, SumPool

Nodes: TypeAlias = tuple[tuple[str, dict[str, Any]], ...]

MOST_WEIGHTS = 2**24
"""Of a matrix that stands for a map without a NIR form."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """Nodes of one projection, first to last, each with a suffix for its name.

    Attributes:
        takes_bias: do they add the target's bias?
    """

    nodes: Nodes
    takes_bias: bool


def is_direct(p: Projection, source: Shape, target: Shape) -> bool:
    """Can a projection be written without a matrix over flat neurons?"""
    map_ = p.map
    if p.gather is not None or map_.out_shape != target:
        return False
    if isinstance(map_, Dense):
        return not map_.lead
    if isinstance(map_, Conv | SumPool):
        return map_.in_shape == source and _is_symmetric(map_) and _has_form(map_)
    return isinstance(map_, Identity) and map_.shape == source


def _is_symmetric(map_: Conv | SumPool) -> bool:
    return all(before == after for before, after in map_.padding)


def _has_form(map_: Conv | SumPool) -> bool:
    return isinstance(map_, Conv) or len(map_.kernel) == 2


def entry(p: Projection, ends: tuple[Shape, Shape], bias: Array) -> Entry:
    """The nodes of a projection.

    Args:
        ends: shapes of source and target in the file.
        bias: of the target, of the population's shape; zeros where it stands elsewhere.

    Raises:
        UnsupportedByTarget: it has no NIR form.
    """
    source, target = ends
    if not is_direct(p, source, target):
        return _matrix(p, source, bias)
    map_, factor = p.map, 2.0**p.exponent
    if isinstance(map_, Dense):
        return _dense(map_.weight * factor, source, bias)
    if isinstance(map_, Conv):
        return _conv(map_, factor, bias)
    weight = np.asarray(map_.weight * factor, dtype=np.float64)
    nodes: Nodes = ()
    if isinstance(map_, SumPool):
        nodes = (("", _pool(map_)),)
    if (weight != 1).any():
        scale = Identity(shape=target, weight=weight, channel_axis=map_.channel_axis)
        full = scale.apply(np.ones((1, *target)))[0]
        nodes += (((".scale" if nodes else ""), {"type": "Scale", "scale": full}),)
    return Entry(nodes=nodes, takes_bias=False)


def _flatten(source: Shape) -> Nodes:
    if len(source) == 1:
        return ()
    shape = np.array(source)
    fields = {"type": "Flatten", "start_dim": 0, "end_dim": -1, "input_type": shape}
    return ((".flatten", fields),)


def _dense(weight: FloatArray, source: Shape, bias: Array) -> Entry:
    weight = np.asarray(weight, dtype=np.float64)
    fields: dict[str, Any] = {"type": "Linear", "weight": weight}
    if bias.any():
        fields |= {"type": "Affine", "bias": bias.reshape(-1)}
    return Entry(nodes=(*_flatten(source), ("", fields)), takes_bias=True)


def _conv(map_: Conv, factor: float, bias: Array) -> Entry:
    n_out = map_.out_shape[0]
    rows = np.broadcast_to(bias, map_.out_shape).reshape(n_out, -1) if bias.any() else None
    by_channel = rows is None or bool((rows == rows[:, :1]).all())
    one = len(map_.kernel) == 1
    spatial = map_.in_shape[1:]
    fields = {
        "type": "Conv1d" if one else "Conv2d",
        "weight": np.asarray(map_.weight * factor, dtype=np.float64),
        "bias": np.zeros(n_out) if rows is None or not by_channel else rows[:, 0].copy(),
        "stride": _numbers(map_.stride),
        "padding": _numbers(tuple(before for before, _ in map_.padding)),
        "dilation": _numbers(map_.dilation),
        "groups": map_.groups,
        "input_shape": _numbers(spatial),
    }
    return Entry(nodes=(("", fields),), takes_bias=by_channel)


def _numbers(values: Shape) -> Any:
    return values[0] if len(values) == 1 else np.array(values)


def _pool(map_: SumPool) -> dict[str, Any]:
    return {
        "type": "SumPool2d",
        "kernel_size": np.array(map_.kernel),
        "stride": np.array(map_.stride),
        "padding": np.array([before for before, _ in map_.padding]),
    }


def _matrix(p: Projection, source: Shape, bias: Array) -> Entry:
    """Any map as a matrix over flat neurons."""
    n_in, n_out = size_of(source), p.map.out_size
    if n_in * n_out > MOST_WEIGHTS:
        raise UnsupportedByTarget(
            f"a `{p.map.kind}` map that NIR has no node for would be a matrix of {n_out} x {n_in}",
            where=f"projection {p.name}",
        )
    by_position = np.zeros((n_out, p.map.in_size))
    _fill(by_position, p.map)
    weight = by_position[:, np.maximum(p.position(n_in), 0)] * (p.position(n_in) >= 0)
    return _dense(weight * 2.0**p.exponent, source, bias)


def _fill(matrix: FloatArray, map_: LinearMap) -> None:
    indptr, targets, weights = map_.to_csr()
    sources = np.repeat(np.arange(map_.in_size), np.diff(indptr))
    np.add.at(matrix, (targets, sources), weights)
