"""Which view an operator's outputs have, from the views of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from snnc.converter.sources.frames import loops, over_time, shapes, spiking
from snnc.converter.sources.frames.follow import Follower, cut_constant
from snnc.converter.sources.frames.patterns import pattern
from snnc.converter.sources.frames.views import Always, Frame, Reduced, Sequence, View
from snnc.converter.sources.spiking.operators import DOMAIN

if TYPE_CHECKING:
    import onnx

Rule: TypeAlias = "Callable[[Follower, onnx.NodeProto], list[View]]"

_ELEMENTWISE = frozenset(
    [
        "Abs",
        "Add",
        "And",
        "Cast",
        "CastLike",
        "Ceil",
        "Clip",
        "Cos",
        "Div",
        "Dropout",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "Greater",
        "GreaterOrEqual",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Mean",
        "Min",
        "Mish",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "PRelu",
        "Pow",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Sub",
        "Sum",
        "Tanh",
        "ThresholdedRelu",
        "Where",
        "Xor",
    ]
)
_SAMPLES = frozenset(
    [
        "Conv",
        "ConvTranspose",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "BatchNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "LpNormalization",
        "DepthToSpace",
        "SpaceToDepth",
    ]
)
"""Operators that work on each entry of axis 0 by itself."""
_ALONG_AXIS = frozenset(
    [
        "Softmax",
        "LogSoftmax",
        "Hardmax",
        "LayerNormalization",
        "RMSNormalization",
        "ArgMax",
        "ArgMin",
        "TopK",
        "QuantizeLinear",
        "DequantizeLinear",
    ]
)


def views_of(f: Follower, node: onnx.NodeProto) -> list[View]:
    """The views of a node's outputs; the node stands in the one-frame model then.

    Raises:
        FramesMeet: frames meet in it.
        CalledTwice: a module with state is called more than once in a frame.
    """
    views = [f.views[name] for name in node.input if name]
    if node.domain == DOMAIN:
        return spiking.neuron(f, node)
    if any(isinstance(v, Reduced) for v in views):
        return over_time.behind(f, node)
    if any(isinstance(v, Frame) for v in views):
        return loops.unrolled(f, node)
    if not any(isinstance(v, Sequence) for v in views):
        return shapes.repeated(f, node) or _always(f, node)
    return _rule(node)(f, node)


def _rule(node: onnx.NodeProto) -> Rule:
    if node.op_type in _ELEMENTWISE:
        return elementwise
    if node.op_type in _SAMPLES:
        return samples
    if node.op_type in _ALONG_AXIS:
        return along_axis
    return {**shapes.RULES, **over_time.RULES, "MatMul": matmul, "Gemm": gemm}.get(
        node.op_type, unknown
    )


def _always(f: Follower, node: onnx.NodeProto) -> list[View]:
    inputs = [f.views[n].one if n else "" for n in node.input]
    return [Always(name) for name in f.same(node, inputs)]


def unknown(f: Follower, node: onnx.NodeProto) -> list[View]:
    """An operator whose axes are not known."""
    raise f.meet(node, f"{node.op_type} of several frames at once is not followed")


def elementwise(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Every operand is aligned with the others from the right."""
    rank = len(f.shape(node.output[0]))
    axes = {
        v.axis + rank - len(f.shape(name))
        for name in node.input
        if name and isinstance(v := f.views[name], Sequence)
    }
    if len(axes) != 1:
        raise f.meet(node, "the operands hold their frames along different axes")
    (axis,) = axes
    inputs = [_aligned(f, node, name, axis, rank) for name in node.input]
    outputs = f.sequence(node, inputs, [axis] * len(node.output))
    if all(not isinstance(v, Sequence) or v.repeated for v in map(f.views.get, node.input)):
        return [Sequence(v.one, axis, repeated=True) for v in outputs if isinstance(v, Sequence)]
    return outputs


def _aligned(f: Follower, node: onnx.NodeProto, name: str, axis: int, rank: int) -> str:
    """An operand in the one-frame model."""
    if not name:
        return ""
    view = f.views[name]
    if isinstance(view, Sequence):
        return view.one
    own = axis - (rank - len(f.shape(name)))
    if own < 0 or f.shape(name)[own] == 1:
        return view.one
    if not isinstance(view, Always) or not view.is_constant:
        raise f.meet(node, f"`{name}` holds something of its own for each frame")
    extent = f.shape(node.output[0])[axis]
    part = cut_constant(f.one.constants[name], axis, rank, f.n_frames, extent)
    if part is None:
        return pattern(f, name, own)
    return f.one.constant(part, name)


def samples(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Convolutions, pools and norms: frames are samples, or an axis that a kernel of 1 leaves."""
    view = f.views[node.input[0]]
    if not isinstance(view, Sequence) or any(
        isinstance(f.views[name], Sequence) for name in node.input[1:] if name
    ):
        raise f.meet(node, "its weights come from the frames")
    if view.axis != 0 and not (view.axis >= 2 and _untouched(node, view.axis - 2)):
        raise f.meet(node, f"it works across axis {view.axis}, which holds the frames")
    inputs = [f.views[name].one if name else "" for name in node.input]
    return f.sequence(node, inputs, [view.axis] * len(node.output))


def _untouched(node: onnx.NodeProto, axis: int) -> bool:
    """Does a convolution or pool leave a spatial axis as it is?"""
    if node.op_type == "BatchNormalization":
        return True
    if node.op_type not in ("Conv", "MaxPool", "AveragePool"):
        return False
    given = {a.name: list(a.ints) for a in node.attribute if a.ints}
    kernel, pads = given.get("kernel_shape"), given.get("pads")
    if kernel is None or kernel[axis] != 1:
        return False
    half = len(kernel)
    padded = pads is not None and (pads[axis] or pads[axis + half])
    return not padded and given.get("strides", [1] * half)[axis] == 1


def along_axis(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Operators along one axis, or from it on to the last: it may not be the frames'."""
    view = f.views[node.input[0]]
    if not isinstance(view, Sequence):
        raise f.meet(node, "its parameters come from the frames")
    axis = attribute(node, "axis", -1 if node.op_type != "ArgMax" else 0)
    rank = len(f.shape(node.input[0]))
    first = axis % rank
    whole = node.op_type.endswith("LayerNormalization") or node.op_type == "RMSNormalization"
    quantised = node.op_type.endswith("izeLinear")
    if not quantised and (first <= view.axis if whole else first == view.axis):
        raise f.meet(node, f"it works along axis {view.axis}, which holds the frames")
    lost = node.op_type in ("ArgMax", "ArgMin") and not attribute(node, "keepdims", 1)
    after = view.axis - (1 if lost and first < view.axis else 0)
    inputs = [f.views[name].one if name else "" for name in node.input]
    return f.sequence(node, inputs, [after] * len(node.output))


def matmul(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Frames may lie in batch axes, or among the rows of the first operand."""
    rank = len(f.shape(node.output[0]))
    axes = set()
    for place, name in enumerate(node.input):
        view = f.views[name]
        if not isinstance(view, Sequence):
            continue
        own = len(f.shape(name))
        contracted = own - 1 if place == 0 else own - 2
        if view.axis == contracted or own < 2:
            raise f.meet(node, "the sum runs over the frames")
        if place == 1 and view.axis == own - 1:
            axes.add(rank - 1)
        else:
            axes.add(view.axis + rank - own)
    both = all(isinstance(f.views[name], Sequence) for name in node.input)
    (axis, *others) = axes
    if others or (both and axis >= rank - 2):
        raise f.meet(node, "every frame is multiplied with every other")
    inputs = [
        _aligned(f, node, n, axis, rank) if axis < rank - 2 else f.views[n].one for n in node.input
    ]
    return f.sequence(node, inputs, [axis])


def gemm(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Frames may be the rows of the first operand."""
    a, b = f.views[node.input[0]], f.views[node.input[1]]
    rows = 1 if attribute(node, "transA", 0) else 0
    if not isinstance(a, Sequence) or isinstance(b, Sequence) or a.axis != rows:
        raise f.meet(node, "the sum runs over the frames")
    inputs = [a.one, b.one]
    if len(node.input) > 2 and node.input[2]:
        inputs.append(_aligned(f, node, node.input[2], 0, 2))
    return f.sequence(node, inputs, [0])


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """An attribute's value."""
    from onnx.helper import get_attribute_value

    found = [a for a in node.attribute if a.name == name]
    return get_attribute_value(found[0]) if found else default


def as_integers(array: Any) -> list[int]:
    """A constant of axes, sizes or positions as a list."""
    return [int(v) for v in np.asarray(array).reshape(-1)]
