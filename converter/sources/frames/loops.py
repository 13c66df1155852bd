"""A forward() that loops over its frames: operators that differ in the frame alone are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnc.converter.sources.frames.follow import Follower
from snnc.converter.sources.frames.views import Always, Frame, Reduced, Sequence, View

if TYPE_CHECKING:
    import onnx


def unrolled(f: Follower, node: onnx.NodeProto) -> list[View]:
    """An operator on single frames."""
    views = [f.views[name] for name in node.input if name]
    frames = [v for v in views if isinstance(v, Frame)]
    if any(isinstance(v, Sequence) for v in views):
        raise f.meet(node, "one frame meets all of them")
    if node.op_type == "Concat" and len(frames) == len(views):
        stacked = _stack(f, node, frames)
        if stacked is not None:
            return [stacked]
    times = {v.t for v in frames}
    if node.op_type in ("Add", "Sum"):
        if len(times) > 1:
            return [_partial_sum(f, node, frames)]
        if _adds_nothing(f, node):
            return [frames[0]]
    if len(times) != 1:
        raise f.meet(node, f"frames {', '.join(map(str, sorted(times)))} are joined")
    (t,) = times
    inputs = [f.views[name].one if name else "" for name in node.input]
    return [Frame(name, t) for name in f.same(node, inputs)]


def _stack(f: Follower, node: onnx.NodeProto, frames: list[Frame]) -> View | None:
    """All frames of one value, in order, one after the other along an axis."""
    if len({v.one for v in frames}) > 1 or [v.t for v in frames] != list(range(f.n_frames)):
        return None
    axis = next(a.i for a in node.attribute if a.name == "axis")
    return Sequence(frames[0].one, axis % len(f.shape(node.output[0])))


def _adds_nothing(f: Follower, node: onnx.NodeProto) -> bool:
    """Is it `0 + x`, as Python's sum() begins?"""
    constants = [
        f.one.constants[v.one]
        for name in node.input
        if isinstance(v := f.views[name], Always) and v.is_constant
    ]
    same = f.shape(node.output[0]) in [f.shape(name) for name in node.input]
    return bool(constants) and same and all(not np.any(c) for c in constants)


def _partial_sum(f: Follower, node: onnx.NodeProto, frames: list[Frame]) -> View:
    if len({v.one for v in frames}) > 1 or len(frames) != len(node.input):
        raise f.meet(node, "different values of different frames are added")
    return Reduced(frames[0].one, "sum", frozenset(v.t for v in frames))
