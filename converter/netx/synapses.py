"""Weights, strides and delays of a layer as linear maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.converter.netx.layers import Layer, as_matrix
from snnc.converter.netx.weights import as_in_lava
from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import DamagedFile, GraphError, ShapeMismatch, UnsupportedOperator
from snnc.ir.maps import Conv, Dense, LinearMap, Sparse

MAX_DELAY = 62
"""netx clamps there."""
_EXPONENT = 1
"""Even weights are stored by half: in 8 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Synapses:
    """One projection of a layer.

    Attributes:
        map: its weights.
        label: for its name.
        exponent: power of two on the weights.
        frames: its delay.
        gather: which neurons of the source it reads, None: all.
    """

    map: LinearMap
    label: str = "weight"
    exponent: int = 0
    frames: int = 0
    gather: IntArray | None = None


def conv_synapses(layer: Layer, shape: Shape) -> tuple[Shape, list[Synapses]]:
    """A convolution over (C, H, W): shape of its neurons, and its synapses."""
    weight = layer.numbers("weight")
    if weight.ndim == 5 and weight.shape[4] == 1:
        weight = weight[..., 0]
    if weight.ndim != 4 or len(shape) != 3:
        raise DamagedFile(
            f"a convolution with weights of shape {weight.shape} over {shape}", where=layer.where
        )
    if layer.has("delay"):
        raise UnsupportedOperator("netx does not delay convolutions", where=layer.where)
    stored, exponent = _halved(weight)
    map_ = Conv(
        weight=stored,
        in_shape=shape,
        stride=layer.pair("stride"),
        padding=tuple((n, n) for n in layer.pair("padding")),
        dilation=layer.pair("dilation"),
        groups=layer.number("groups"),
    )
    try:
        map_.validate()
        given = map_.out_shape
    except (GraphError, ZeroDivisionError) as error:
        raise ShapeMismatch(
            f"its weights {weight.shape} do not fit {shape} ({error})", where=layer.where
        ) from None
    if given != layer.shape():
        raise ShapeMismatch(f"it gives {given}, the file says {layer.shape()}", where=layer.where)
    return given, [Synapses(map=map_, exponent=exponent)]


def dense_synapses(layer: Layer, n_inputs: int) -> tuple[Shape, list[Synapses]]:
    """A dense layer: shape of its neurons, and its synapses, one map for each delay."""
    n = size_of(layer.shape())
    weight = _effective(layer)[0]
    if weight.shape[1] != n_inputs:
        raise ShapeMismatch(
            f"its weights take {weight.shape[1]} neurons, {n_inputs} stand before it",
            where=layer.where,
        )
    if not layer.has("delay"):
        return (n,), [_dense(weight)]
    return (n,), _delayed(layer, weight)


def recurrent_synapses(layer: Layer) -> list[Synapses]:
    """Those from a layer to itself: what it gave one frame ago."""
    stored, exponent = _halved(_effective(layer)[1])
    return [Synapses(map=Dense(weight=stored), label="weight_rec", exponent=exponent, frames=1)]


def _effective(layer: Layer) -> list[IntArray]:
    """The matrices of a layer with the weights that take effect in Lava."""
    n = size_of(layer.shape())
    parts = [as_matrix(layer.numbers("weight"), n, layer.where)]
    if layer.type == "dense_rec":
        if layer.has("delay"):
            raise UnsupportedOperator(
                "delays in a recurrent layer: netx 0.6.0 drops its weight exponent there",
                where=layer.where,
            )
        parts.append(as_matrix(layer.numbers("weight_rec"), n, layer.where))
        if parts[1].shape != (n, n):
            raise ShapeMismatch(
                f"recurrent weights of shape {parts[1].shape} for {n} neurons", where=layer.where
            )
    notes: list[str] = []
    found = as_in_lava(parts, layer.where, notes)
    layer.notes.extend(note for note in notes if note not in layer.notes)
    return found


def _dense(weight: IntArray, label: str = "weight", frames: int = 0) -> Synapses:
    stored, exponent = _halved(weight)
    return Synapses(map=Dense(weight=stored), label=label, exponent=exponent, frames=frames)


def _delayed(layer: Layer, weight: IntArray) -> list[Synapses]:
    """Delays for all, for each target or for each source, as netx tells them apart."""
    delay = layer.numbers("delay")
    if (delay < 0).any():
        raise DamagedFile("a delay is negative", where=layer.where)
    if (delay > MAX_DELAY).any():
        layer.notes.append(
            f"{layer.where}: delays up to {delay.max()} are clamped to {MAX_DELAY}, as netx does"
        )
        delay = np.minimum(delay, MAX_DELAY)
    if (delay == delay.flat[0]).all():
        return [_dense(weight, frames=int(delay.flat[0]))]
    if delay.shape == weight.shape[:1]:  # before the sources, where both have as many neurons
        by_synapse = np.broadcast_to(delay[:, None], weight.shape)
    elif delay.shape == weight.shape[1:]:
        by_synapse = np.broadcast_to(delay[None], weight.shape)
    elif delay.shape == weight.shape:
        by_synapse = delay
    else:
        raise DamagedFile(
            f"delays of shape {delay.shape} for weights of {weight.shape}", where=layer.where
        )
    stored, exponent = _halved(weight)
    return [
        Synapses(
            map=_listed(stored, by_synapse == d),
            label=f"weight.delay{d}",
            exponent=exponent,
            frames=int(d),
        )
        for d in np.unique(by_synapse)
    ]


def _listed(weight: IntArray, there: Array) -> Sparse:
    """The synapses of a matrix (out, in) that are there."""
    n_out, n_in = weight.shape
    sources, targets = np.nonzero(there.T)
    counts = np.bincount(sources, minlength=n_in)
    return Sparse(
        weight=weight.T[sources, targets],
        in_shape=(n_in,),
        out_shape=(n_out,),
        indptr=np.concatenate([[0], np.cumsum(counts)]),
        targets=targets,
    )


def _halved(weight: IntArray) -> tuple[IntArray, int]:
    if (weight % 2**_EXPONENT).any():
        return weight, 0
    return weight // 2**_EXPONENT, _EXPONENT
