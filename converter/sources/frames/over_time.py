"""Sums and means over the frames, and what stands behind them up to an output.

A linear operator behind a mean is one in front of it, so that every frame gives its share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from snnc.converter.sources.frames.follow import Follower
from snnc.converter.sources.frames.views import Always, Frame, Reduced, Sequence, View

if TYPE_CHECKING:
    import onnx

_ARRANGING = frozenset(
    ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Cast", "Dropout"]
)
_SCALING = frozenset({"Mul", "Div"})
_AFFINE = frozenset({"Add", "Sub", "Gemm", "MatMul", "Conv", "BatchNormalization"})
_HOW: dict[str, Literal["mean", "sum"]] = {"ReduceMean": "mean", "ReduceSum": "sum"}


def reduce(f: Follower, node: onnx.NodeProto) -> list[View]:
    """A reduction over other axes, or a sum or mean that takes in the frames."""
    view = f.views[node.input[0]]
    if not isinstance(view, Sequence):
        raise f.meet(node, "its axes depend on the frames")
    rank = len(f.shape(node.input[0]))
    given = {a.name: a for a in node.attribute}
    keep = given["keepdims"].i if "keepdims" in given else 1
    if len(node.input) > 1 and node.input[1]:
        axes = {int(a) % rank for a in f.one.constants[node.input[1]].reshape(-1)}
    else:
        axes = {a % rank for a in given["axes"].ints} if "axes" in given else set(range(rank))
    inputs = [view.one, *node.input[1:]]
    if view.axis not in axes:
        lost = 0 if keep else sum(1 for a in axes if a < view.axis)
        return f.sequence(node, inputs, [view.axis - lost])
    if node.op_type not in _HOW:
        raise f.meet(node, "it reduces the time axis")
    (name,) = f.same(node, inputs)
    return [Reduced(name, _HOW[node.op_type], frozenset(range(f.n_frames)))]


def behind(f: Follower, node: onnx.NodeProto) -> list[View]:
    """An operator behind a sum or mean over the frames."""
    views = [f.views[name] for name in node.input if name]
    partial = _more_of_a_sum(f, node, views)
    if partial is not None:
        return [partial]
    found = [v for v in views if isinstance(v, Reduced)]
    if any(len(v.frames) != f.n_frames for v in found):
        raise f.meet(node, "the sum of some frames is read")
    if any(isinstance(v, Sequence | Frame) for v in views):
        raise f.meet(node, "the sum or mean over the frames meets single frames")
    how = found[0].how
    if any(v.how != how for v in found):
        raise f.meet(node, "a sum over the frames meets a mean")
    if node.op_type in _SCALING and len(found) == 1:
        return _scaled(f, node, found[0])
    inputs = [f.views[name].one if name else "" for name in node.input]
    sums = node.op_type == "Concat" or (node.op_type in ("Add", "Sub") and len(found) == len(views))
    if node.op_type not in _AFFINE | _ARRANGING | {"Concat"}:
        raise f.meet(node, "it is not linear, and stands behind the sum or mean over the frames")
    if len(found) > 1 and not sums:
        raise f.meet(node, "sums over the frames are multiplied")
    if how == "sum" and len(found) < len(views) and node.op_type not in _ARRANGING:
        inputs, how = _times_frames(f, node, inputs), "mean"
    names = f.same(node, inputs)
    return [Reduced(name, how, found[0].frames) for name in names]


def _more_of_a_sum(f: Follower, node: onnx.NodeProto, views: list[View]) -> View | None:
    """A further frame, or several, joins a sum that a loop builds up."""
    if node.op_type not in ("Add", "Sum"):
        return None
    frames: frozenset[int] = frozenset()
    for view in views:
        if not isinstance(view, Frame | Reduced) or view.one != views[0].one:
            return None
        more = frozenset({view.t}) if isinstance(view, Frame) else view.frames
        if frames & more or (isinstance(view, Reduced) and view.how != "sum"):
            return None
        frames |= more
    return Reduced(views[0].one, "sum", frames)


def _scaled(f: Follower, node: onnx.NodeProto, view: Reduced) -> list[View]:
    constants = [v for name in node.input if isinstance(v := f.views[name], Always)]
    if len(constants) != 1 or (node.op_type == "Div" and f.views[node.input[0]] is not view):
        raise f.meet(node, "sums over the frames are multiplied")
    factor = f.one.constants.get(constants[0].one)
    divides = node.op_type == "Div"
    if view.how == "sum" and factor is not None and factor.size == 1:
        value = factor.reshape(-1)[0]
        exact = value == (f.n_frames if divides else factor.dtype.type(1 / f.n_frames))
        if exact:
            return [Reduced(view.one, "mean", view.frames)]
    inputs = [f.views[name].one for name in node.input]
    return [Reduced(name, view.how, view.frames) for name in f.same(node, inputs)]


def _times_frames(f: Follower, node: onnx.NodeProto, inputs: list[str]) -> list[str]:
    """The inputs of `node` with the mean of T·x for the sum of x over the frames.

    So what the operator brings along comes once, not once a frame.
    """
    from onnx import helper

    found = list(inputs)
    for i, tensor in enumerate(node.input):
        if not tensor or not isinstance(f.views[tensor], Reduced):
            continue
        elem, shape = f.types[tensor]
        dtype = helper.tensor_dtype_to_np_dtype(elem)
        name = f"{inputs[i]}/times_frames"
        factor = f.one.constant(np.array(f.n_frames, dtype=dtype), name)
        times = helper.make_node("Mul", ["", ""], [name], name=name)
        found[i] = f.one.write(times, [inputs[i], factor], [(elem, shape)])[0]
    return found


RULES: dict[str, Callable[[Follower, onnx.NodeProto], list[View]]] = dict.fromkeys(
    ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"), reduce
)
