"""Constants that differ from frame to frame: position codes, constant spike trains.

They become a `snnc` Pattern operator that gives one frame after the other: the constant's own
integers where it is a multiple of one step (the spikes of a central pattern generator), else a
clock of T neurons, one of which spikes in each frame, through a matrix of the constant's values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnc.converter.sources.spiking.operators import DOMAIN, PATTERN
from snnc.ir.arrays import Array

if TYPE_CHECKING:
    from snnc.converter.sources.frames.follow import Follower

_LARGEST = 255
"""Largest count of a pattern of the constant's own shape."""


def pattern(f: Follower, name: str, axis: int) -> str:
    """The one-frame tensor that gives the frames of a constant, which lie along `axis` of it."""
    parts = np.stack(np.split(f.one.constants[name], f.n_frames, axis=axis))
    step = _step(parts)
    if step is None:
        return _clocked(f, name, parts)
    counts = _written(f, name, np.rint(parts / step).astype(parts.dtype))
    if step == 1:
        return counts
    factor = f.one.constant(step, f"{name}/step")
    return _operator(f, "Mul", [counts, factor], f"{name}/scaled", parts[0])


def _step(parts: Array) -> Array | None:
    """What all values are small multiples of; None where nothing is."""
    sizes = np.abs(parts[parts != 0])
    if not sizes.size:
        return None
    step = np.asarray(sizes.min())
    counts = np.rint(parts / step)
    exact = np.array_equal((counts * step).astype(parts.dtype), parts)
    return step if exact and np.abs(counts).max() <= _LARGEST else None


def _clocked(f: Follower, name: str, parts: Array) -> str:
    n_frames = f.n_frames
    clock = _written(f, f"{name}/clock", np.eye(n_frames, dtype=parts.dtype)[:, None])
    table = f.one.constant(parts.reshape(n_frames, -1), f"{name}/table")
    flat = _operator(f, "MatMul", [clock, table], f"{name}/flat", parts[0].reshape(1, -1))
    shape = f.one.constant(np.array(parts[0].shape, dtype=np.int64), f"{name}/shape")
    return _operator(f, "Reshape", [flat, shape], f"{name}/values", parts[0])


def _written(f: Follower, name: str, counts: Array) -> str:
    """A Pattern operator that gives `counts`, shape (T, *frame)."""
    held = f.one.constant(counts, f"{name}/counts")
    result = _operator(f, PATTERN, [held], f"{name}/pattern", counts[0], DOMAIN)
    f.patterns[result] = counts
    return result


def _operator(
    f: Follower, op_type: str, inputs: list[str], output: str, like: Array, domain: str = ""
) -> str:
    from onnx import helper

    elem = helper.np_dtype_to_tensor_dtype(like.dtype)
    node = helper.make_node(op_type, [""], [output], name=output, domain=domain)
    if domain and all(o.domain != domain for o in f.model.opset_import):
        f.model.opset_import.append(helper.make_opsetid(domain, 1))
    return f.one.write(node, inputs, [(elem, like.shape)])[0]
