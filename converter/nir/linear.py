"""Linear primitives: what a NIR edge carries, as a sum of linear maps of what nodes emit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from snnc.converter.lower.fold import scaled_rows
from snnc.converter.nir.graph import NirNode
from snnc.ir.arrays import Array, FloatArray, Shape, size_of
from snnc.ir.errors import DamagedFile, GraphError, ShapeMismatch, UnsupportedOperator
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool

Linear: TypeAlias = tuple[LinearMap, FloatArray]
"""A map and the bias behind it, spread over the map's output."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """A linear map of what one node emitted.

    Attributes:
        source: node of the event graph.
        map: None: the emission as it is.
        frames: how many frames ago.
        name: the user's name of the layer that holds the weights.
    """

    source: str
    map: LinearMap | None = None
    frames: int = 0
    name: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Signal:
    """A sum of terms plus a constant; an element has the same C-order index everywhere.

    Attributes:
        shape: of the signal.
        terms: the sum.
        offset: of shape `shape`.
    """

    shape: Shape
    terms: tuple[Term, ...]
    offset: FloatArray

    @classmethod
    def of(cls, source: str, shape: Shape) -> Signal:
        """What a node emits."""
        return cls(shape=shape, terms=(Term(source=source),), offset=np.zeros(shape))

    def plus(self, other: Signal) -> Signal:
        """The sum of two signals of one shape."""
        return replace(self, terms=self.terms + other.terms, offset=self.offset + other.offset)

    def reshaped(self, shape: Shape) -> Signal:
        """The same elements under another shape."""
        return replace(self, shape=shape, offset=self.offset.reshape(shape))

    def later(self, frames: int) -> Signal:
        """What is emitted is taken `frames` frames later."""
        return replace(self, terms=tuple(replace(t, frames=t.frames + frames) for t in self.terms))

    def scaled(self, by: FloatArray) -> Signal | None:
        """Times a factor of shape () or `shape`; None where shared weights cannot hold it."""
        if (by == 1).all():
            return self
        terms = []
        for term in self.terms:
            map_ = _scaled_map(term.map, np.broadcast_to(by, self.shape))
            if map_ is None:
                return None
            terms.append(replace(term, map=map_))
        return replace(self, terms=tuple(terms), offset=self.offset * by)

    def through(self, linear: Linear, name: str) -> Signal | None:
        """Behind a linear primitive; None where a term would need two maps."""
        map_, bias = linear
        terms = []
        for term in self.terms:
            joined = _joined(term.map, map_)
            if joined is None:
                return None
            terms.append(replace(term, map=joined, name=name))
        offset = map_.apply(self.offset[None])[0] if self.offset.any() else 0.0
        return Signal(shape=map_.out_shape, terms=tuple(terms), offset=offset + bias)

    @property
    def is_plain(self) -> bool:
        """Is it what one node emits in this frame?"""
        return (
            len(self.terms) == 1
            and self.terms[0].map is None
            and not self.terms[0].frames
            and not self.offset.any()
        )


def diagonal(factor: FloatArray) -> LinearMap:
    """Elementwise multiplication, one number where one will do."""
    shape = factor.shape
    for axis in range(len(shape)):
        by_channel = _by_channel(factor, axis)
        if by_channel is not None:
            return Identity(shape=shape, weight=by_channel, channel_axis=axis)
    index = np.arange(factor.size + 1)
    return Sparse(
        in_shape=shape,
        out_shape=shape,
        indptr=index,
        targets=index[:-1],
        weight=factor.reshape(-1),
        channel_axis=0,
    )


def _by_channel(values: FloatArray, axis: int) -> FloatArray | None:
    """() or (C,) where values depend on one axis only."""
    if (values == values.flat[0]).all():
        return np.array(values.flat[0])
    moved = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    return moved[:, 0].copy() if (moved == moved[:, :1]).all() else None


def _scaled_map(map_: LinearMap | None, factor: FloatArray) -> LinearMap | None:
    if map_ is None:
        return diagonal(np.array(factor))
    by_row = _by_channel(factor.reshape(map_.out_shape), map_.channel_axis % len(map_.out_shape))
    if by_row is None:
        return None
    return map_.with_weight(scaled_rows(map_, by_row, map_.weight.astype(np.float64)))


def _joined(first: LinearMap | None, second: LinearMap) -> LinearMap | None:
    """second(first(x)) where it has no more synapses than `second`; else None."""
    if first is None:
        return second
    if isinstance(second, Identity):
        return _scaled_map(first, second.apply(np.ones((1, *second.shape)))[0])
    if not isinstance(first, Identity):
        return None
    factor = first.apply(np.ones((1, *first.shape)))[0].reshape(second.in_shape)
    if isinstance(second, Dense) and not second.lead:
        return replace(second, weight=second.weight * factor)
    if first.weight.ndim == 0:
        return second.with_weight(second.weight * first.weight)
    if isinstance(second, Conv):
        by_channel = _by_channel(factor, 0)
        if by_channel is not None:
            c_out, c_group = second.weight.shape[:2]
            grouped = by_channel.reshape(second.groups, 1, c_group)
            spread = np.repeat(grouped, c_out // second.groups, axis=1).reshape(c_out, c_group)
            rest = (1,) * len(second.kernel)
            return replace(second, weight=second.weight * spread.reshape(c_out, c_group, *rest))
    return None


def linear_map(node: NirNode, shape: Shape) -> Linear:
    """What a linear primitive does to a signal of `shape`.

    Raises:
        ShapeMismatch: the signal does not fit.
        UnsupportedOperator: weights that are no matrix or kernel.
    """
    map_ = LINEAR[node.type](node, shape)
    bias = node.array("bias") if "bias" in node.fields else np.zeros(())
    if bias.ndim:
        n_channels = map_.out_shape[map_.channel_axis]
        if bias.shape != (n_channels,):
            raise ShapeMismatch(
                f"bias has shape {bias.shape}, expected ({n_channels},)", where=node.name
            )
        rest = len(map_.out_shape) - 1 - map_.channel_axis % len(map_.out_shape)
        bias = bias.reshape(-1, *(1,) * rest)
    return map_, np.array(np.broadcast_to(bias, map_.out_shape))


def _dense(node: NirNode, shape: Shape) -> LinearMap:
    weight = node.array("weight")
    if weight.ndim != 2:
        raise UnsupportedOperator(
            f"weights of {weight.ndim} axes: a {node.type} is read with two", where=node.name
        )
    if shape[-1] != weight.shape[1]:
        raise _misfit(node, shape, f"(…, {weight.shape[1]})")
    return Dense(weight=weight, lead=shape[:-1])


def _conv(node: NirNode, shape: Shape) -> LinearMap:
    n_spatial = 1 if node.type == "Conv1d" else 2
    weight = node.array("weight")
    if weight.ndim != n_spatial + 2:
        raise DamagedFile(f"weights of a {node.type} have {n_spatial + 2} axes", where=node.name)
    groups = node.integers("groups")[0] if "groups" in node.fields else 1
    if len(shape) != n_spatial + 1 or shape[0] != weight.shape[1] * groups:
        raise _misfit(node, shape, f"({weight.shape[1] * groups}, …)")
    dilation = _per_axis(node, "dilation", n_spatial)
    return _checked(
        node,
        lambda: Conv(
            weight=weight,
            in_shape=shape,
            stride=_per_axis(node, "stride", n_spatial),
            padding=_padding(node, weight.shape[2:], dilation),
            dilation=dilation,
            groups=groups,
        ),
    )


def _padding(node: NirNode, kernel: Shape, dilation: Shape) -> tuple[tuple[int, int], ...]:
    word = node.fields.get("padding")
    if not isinstance(word, str):
        return tuple((p, p) for p in _per_axis(node, "padding", len(kernel)))
    if word == "valid":
        return ((0, 0),) * len(kernel)
    if word != "same":
        raise DamagedFile(f"padding is numbers, `same` or `valid`, not `{word}`", where=node.name)
    spans = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return tuple((span // 2, span - span // 2) for span in spans)


def _per_axis(node: NirNode, name: str, n: int) -> Shape:
    values = node.integers(name)
    if len(values) not in (1, n):
        raise DamagedFile(f"`{name}` has {len(values)} numbers for {n} axes", where=node.name)
    return values * n if len(values) == 1 else values


def _pool(node: NirNode, shape: Shape) -> LinearMap:
    if len(shape) != 3:
        raise _misfit(node, shape, "(C, H, W)")
    kernel = _per_axis(node, "kernel_size", 2)
    factor = 1.0 / size_of(kernel) if node.type == "AvgPool2d" else 1.0
    return _checked(
        node,
        lambda: SumPool(
            in_shape=shape,
            kernel=kernel,
            stride=_per_axis(node, "stride", 2),
            padding=tuple((p, p) for p in _per_axis(node, "padding", 2)),
            weight=np.array(factor),
        ),
    )


def _scale(node: NirNode, shape: Shape) -> LinearMap:
    factor = node.array("scale")
    if factor.ndim and factor.shape != shape:
        raise _misfit(node, shape, str(factor.shape))
    return diagonal(np.array(np.broadcast_to(factor, shape)))


def flattened(node: NirNode, shape: Shape) -> Shape:
    """Shape behind a Flatten."""
    start = node.integers("start_dim")[0] if "start_dim" in node.fields else 0
    end = node.integers("end_dim")[0] if "end_dim" in node.fields else -1
    start, end = start % len(shape), end % len(shape)
    if start > end:
        raise _misfit(node, shape, f"axes {start} … {end} to flatten")
    return (*shape[:start], size_of(shape[start : end + 1]), *shape[end + 1 :])


def _checked(node: NirNode, make: Callable[[], LinearMap]) -> LinearMap:
    try:
        return make()
    except GraphError as error:
        raise ShapeMismatch(error.what, where=node.name) from None


def _misfit(node: NirNode, shape: Shape, expected: str) -> ShapeMismatch:
    return ShapeMismatch(f"a signal of shape {shape} arrives, expected {expected}", where=node.name)


LINEAR: dict[str, Callable[[NirNode, Shape], LinearMap]] = {
    "Affine": _dense,
    "Linear": _dense,
    "Scale": _scale,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
}
"""Linear primitives: from node and the signal's shape to a map."""


def masked(shape: Shape, chosen: Array) -> LinearMap:
    """Passes the chosen elements on and nothing else."""
    counts = chosen.reshape(-1).astype(np.int64)
    return Sparse(
        in_shape=shape,
        out_shape=shape,
        indptr=np.concatenate([[0], np.cumsum(counts)]),
        targets=np.flatnonzero(counts),
        weight=np.ones(int(counts.sum())),
        channel_axis=0,
    )
