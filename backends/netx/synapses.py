"""Projections as the weights of netx's layers, in PyTorch's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Sparse
from snnc.ir.nodes import Node, Population

LOW, HIGH = -256, 254
"""Weights of 8 bits and steps of two [D: slayer's quantize_8bit]."""
MAX_DELAY = 62


def layer_fields(
    node: Population, before: Node, incoming: Sequence[Projection], later: int
) -> dict[str, Any]:
    """Type, shape, weights, and delays or strides of a layer.

    Args:
        node: its neurons.
        before: what it reads.
        incoming: its projections from there.
        later: frames that every layer takes.

    Raises:
        UnsupportedByTarget: a map or weight without `.net` form.
    """
    if any(p.gather is not None for p in incoming):
        raise _refused(node, "it reads its neurons in another order")
    if any(p.frames < later for p in incoming):
        raise _refused(node, "it takes no frame, other layers do")
    maps = [p.map for p in incoming]
    if len(maps) == 1 and isinstance(maps[0], Conv):
        if incoming[0].frames != later:
            raise _refused(node, "a .net file has no delays of convolutions")
        return _conv(node, before, incoming[0], maps[0])
    if not all(isinstance(m, Dense | Sparse) for m in maps):
        kinds = ", ".join(sorted({m.kind for m in maps}))
        raise _refused(node, f"a .net file has no `{kinds}` synapses")
    if len(node.shape) != 1:
        raise _refused(node, "a dense layer has a row of neurons")
    weight, delay = _matrix(node, before.size, incoming, later)
    fields: dict[str, Any] = {
        "type": "dense",
        "shape": np.array([node.size]),
        "weight": _checked(node, weight),
    }
    if delay.any():
        fields["delay"] = _shortest(node, delay)
    return fields


def recurrent_fields(
    node: Population, loops: Sequence[Projection], fields: dict[str, Any]
) -> dict[str, Any]:
    """What makes a dense layer a recurrent one."""
    (p, *more) = loops
    if more or p.frames != 1 or p.gather is not None or not isinstance(p.map, Dense):
        raise _refused(node, "a recurrent layer has one matrix, one frame late")
    if fields["type"] != "dense" or "delay" in fields:
        raise _refused(node, "only dense layers without delays are recurrent")
    weight = _checked(node, p.map.weight << p.exponent)
    return {"type": "dense_rec", "weight_rec": weight}


def _conv(node: Population, before: Node, p: Projection, map_: Conv) -> dict[str, Any]:
    symmetric = all(a == b for a, b in map_.padding)
    if map_.in_shape != before.shape or map_.out_shape != node.shape or len(node.shape) != 3:
        raise _refused(node, "a convolution of a .net file is one over (C, H, W)")
    if not symmetric:
        raise _refused(node, "a .net file pads both sides alike")
    return {
        "type": "conv",
        "shape": np.array(node.shape),
        "weight": _checked(node, map_.weight << p.exponent),
        "stride": np.array(map_.stride),
        "padding": np.array([a for a, _ in map_.padding]),
        "dilation": np.array(map_.dilation),
        "groups": map_.groups,
        "inChannels": before.shape[0],
        "outChannels": node.shape[0],
        "kernelSize": np.array(map_.kernel),
    }


def _matrix(
    node: Population, n_in: int, incoming: Sequence[Projection], later: int
) -> tuple[IntArray, IntArray]:
    """Weights (out, in) and the delay of each synapse."""
    weight = np.zeros((node.size, n_in), dtype=np.int64)
    delay, there = np.zeros_like(weight), np.zeros(weight.shape, dtype=bool)
    for p in incoming:
        indptr, targets, values = p.map.to_csr()
        sources = np.repeat(np.arange(n_in), np.diff(indptr))
        if there[targets, sources].any():
            raise _refused(node, "several synapses join the same neurons")
        there[targets, sources] = True
        weight[targets, sources] = values.astype(np.int64) << p.exponent
        delay[targets, sources] = p.frames - later
    if delay.max(initial=0) > MAX_DELAY:
        raise _refused(node, f"a delay of {delay.max()} frames: netx has {MAX_DELAY} at most")
    return weight, delay


def _shortest(node: Population, delay: IntArray) -> Array:
    """For all, for each target or for each source: netx has no other delays in its files."""
    if (delay == delay[0, 0]).all():
        return np.array(delay[0, 0])
    by_target = (delay == delay[:, :1]).all()
    if by_target:
        return delay[:, 0]
    if (delay == delay[:1]).all() and delay.shape[0] != delay.shape[1]:
        return delay[0]
    return delay


def _checked(node: Population, weight: Array) -> IntArray:
    if (weight % 2).any():
        raise _refused(
            node,
            "odd weights: those of a .net file are even",
            hint="models read from .net files have even weights",
        )
    if weight.min(initial=0) < LOW or weight.max(initial=0) > HIGH:
        raise _refused(
            node, f"weights from {weight.min()} to {weight.max()}, netx has {LOW} … {HIGH}"
        )
    if weight.max(initial=0) <= 0 and weight.min(initial=0) == LOW:
        raise _refused(node, f"weights of {LOW} with none above 0: Lava cuts them")
    return np.asarray(weight, dtype=np.int64)


def _refused(node: Population, what: str, hint: str | None = None) -> UnsupportedByTarget:
    return UnsupportedByTarget(what, where=node.module_path or node.name, hint=hint)
