"""Operators that arrange: where the time axis goes, and what becomes of constants of shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.frames.follow import Follower
from snnc.converter.sources.frames.patterns import pattern
from snnc.converter.sources.frames.views import Always, Frame, Sequence, View
from snnc.ir.arrays import Shape

if TYPE_CHECKING:
    import onnx


def _first(f: Follower, node: onnx.NodeProto) -> Sequence:
    view = f.views[node.input[0]]
    if not isinstance(view, Sequence):
        raise f.meet(node, "its positions depend on the frames")
    return view


def _ints(f: Follower, node: onnx.NodeProto, place: int) -> list[int] | None:
    """A constant operand as a list, None where it is left out."""
    if len(node.input) <= place or not node.input[place]:
        return None
    name = node.input[place]
    if name not in f.one.constants:
        raise f.meet(node, f"`{name}` depends on the data")
    return [int(v) for v in f.one.constants[name].reshape(-1)]


def _attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    from onnx.helper import get_attribute_value

    found = [a for a in node.attribute if a.name == name]
    return get_attribute_value(found[0]) if found else default


def _arranged(
    f: Follower, node: onnx.NodeProto, view: Sequence, axis: int, sizes: Shape | None = None
) -> list[View]:
    """Write the node with the time axis at `axis`; `sizes` replace its second operand."""
    inputs = [view.one, *node.input[1:]]
    if sizes is not None:
        inputs[1] = f.one.constant(np.array(sizes, dtype=np.int64), node.input[1])
    made = f.sequence(node, inputs, [axis] * len(node.output))
    return [Sequence(v.one, v.axis, view.repeated) if isinstance(v, Sequence) else v for v in made]


def reshape(f: Follower, node: onnx.NodeProto) -> list[View]:
    """The frames stay outermost in some axis, with as much before them as before."""
    view = _first(f, node)
    before, after = f.shape(node.input[0]), f.shape(node.output[0])
    axis = axis_after(before, after, view.axis, f.n_frames)
    if axis is None:
        raise f.meet(node, f"{before} to {after} tears axis {view.axis}, which holds the frames")
    cut = (*after[:axis], after[axis] // f.n_frames, *after[axis + 1 :])
    if node.op_type == "Reshape":
        return _arranged(f, node, view, axis, cut)
    sizes = f.one.constant(np.array(cut, dtype=np.int64), node.output[0])
    drop = {a.name: None for a in node.attribute}
    made = f.sequence(node, [view.one, sizes], [axis], op_type="Reshape", **drop)
    return [Sequence(made[0].one, axis, view.repeated)]


def axis_after(before: Shape, after: Shape, axis: int, n_frames: int) -> int | None:
    """Where the frames are outermost after a reshape, None where nowhere."""
    outer = math.prod(before[:axis])
    for place, size in enumerate(after):
        if math.prod(after[:place]) == outer and size % n_frames == 0:
            return place
    return None


def transpose(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Axes change places."""
    view = _first(f, node)
    rank = len(f.shape(node.input[0]))
    order = list(_attribute(node, "perm", range(rank)[::-1]))
    return _arranged(f, node, view, order.index(view.axis))


def expand(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Other axes are repeated."""
    view = _first(f, node)
    before, after = f.shape(node.input[0]), f.shape(node.output[0])
    axis = view.axis + len(after) - len(before)
    if after[axis] != before[view.axis]:
        raise f.meet(node, "the frames are repeated")
    sizes = list(after)
    sizes[axis] //= f.n_frames
    if node.op_type == "Tile":
        return _arranged(f, node, view, axis)
    return _arranged(f, node, view, axis, tuple(sizes))


def slices(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Other axes are cut; along the frames all of them or one is taken."""
    view = _first(f, node)
    rank = len(f.shape(node.input[0]))
    starts, ends = _ints(f, node, 1) or [], _ints(f, node, 2) or []
    axes = _ints(f, node, 3) or list(range(len(starts)))
    steps = _ints(f, node, 4) or [1] * len(starts)
    place = [i for i, axis in enumerate(axes) if axis % rank == view.axis]
    if not place:
        return _arranged(f, node, view, view.axis)
    extent, one = f.shape(node.input[0])[view.axis], f.per_frame(view, node.input[0])
    (at,) = place
    first, last, step = slice(starts[at], ends[at], steps[at]).indices(extent)
    if step != 1 or len(axes) > 1:
        raise f.meet(node, "the frames are taken in another order")
    if (first, last) == (0, extent):
        return [view]
    if first % one or last - first != one:
        raise f.meet(node, f"positions {first} to {last} of the frames are taken apart")
    return [Frame(view.one, first // one)]


def gather(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Positions along another axis, or one frame."""
    view = _first(f, node)
    rank = len(f.shape(node.input[0]))
    axis = int(_attribute(node, "axis", 0)) % rank
    index = f.one.constants.get(node.input[1])
    if axis != view.axis:
        added = len(f.shape(node.input[1])) - 1
        return _arranged(f, node, view, view.axis + (added if axis < view.axis else 0))
    if index is None or index.size != 1 or f.per_frame(view, node.input[0]) != 1:
        raise f.meet(node, "frames are taken by their positions")
    t = int(index.reshape(-1)[0]) % f.n_frames
    zero = f.one.constant(np.zeros_like(index), node.input[1])
    (name,) = f.same(node, [view.one, zero])
    return [Frame(name, t)]


def split(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Another axis is cut, or every frame becomes a tensor of its own."""
    view = _first(f, node)
    rank = len(f.shape(node.input[0]))
    axis = int(_attribute(node, "axis", 0)) % rank
    if axis != view.axis:
        return _arranged(f, node, view, view.axis)
    one = f.per_frame(view, node.input[0])
    if any(f.shape(tensor)[axis] != one for tensor in node.output):
        raise f.meet(node, "frames are split into unequal parts")
    return [Frame(view.one, t) for t in range(f.n_frames)]


def concat(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Along another axis frame by frame."""
    views = [f.views[name] for name in node.input]
    axis = int(_attribute(node, "axis")) % len(f.shape(node.output[0]))
    axes = {v.axis for v in views if isinstance(v, Sequence)}
    if len(axes) != 1 or axis in axes:
        raise f.meet(node, "the frames of several tensors are joined along the time axis")
    (at,) = axes
    inputs = []
    for name, view in zip(node.input, views, strict=True):
        if isinstance(view, Sequence):
            inputs.append(view.one)
            continue
        if not isinstance(view, Always) or not view.is_constant:
            raise f.meet(node, f"`{name}` holds something of its own for each frame")
        parts = np.split(f.one.constants[name], f.n_frames, axis=at)
        if all(np.array_equal(parts[0], part) for part in parts):
            inputs.append(f.one.constant(parts[0], name))
        else:
            inputs.append(pattern(f, name, at))
    return f.sequence(node, inputs, [at])


def pad(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Other axes are padded."""
    view = _first(f, node)
    before, after = f.shape(node.input[0]), f.shape(node.output[0])
    if before[view.axis] != after[view.axis]:
        raise f.meet(node, "the time axis is padded")
    return _arranged(f, node, view, view.axis)


def resize(f: Follower, node: onnx.NodeProto) -> list[View]:
    """Other axes are resized; sizes name the time axis too."""
    view = _first(f, node)
    before, after = f.shape(node.input[0]), f.shape(node.output[0])
    if before[view.axis] != after[view.axis]:
        raise f.meet(node, "the time axis is resized")
    inputs = [view.one, *node.input[1:]]
    sizes = _ints(f, node, 3)
    if sizes is not None and len(sizes) == len(before):
        sizes[view.axis] //= f.n_frames
        inputs[3] = f.one.constant(np.array(sizes, dtype=np.int64), node.input[3])
    return f.sequence(node, inputs, [view.axis])


def repeated(f: Follower, node: onnx.NodeProto) -> list[View] | None:
    """Something without frames that is repeated T times: the frames, all alike."""
    if node.op_type not in ("Expand", "Tile") or f.views[node.input[0]].one in f.one.constants:
        return None
    before, after = f.shape(node.input[0]), f.shape(node.output[0])
    before = (1,) * (len(after) - len(before)) + tuple(before)
    grown = [a for a, (x, y) in enumerate(zip(before, after, strict=True)) if y == x * f.n_frames]
    if not grown or (f.n_frames > 1 and before[grown[0]] != 1):
        return None
    axis = grown[0]
    sizes = np.array(after, dtype=np.int64)
    sizes[axis] = 1
    if node.op_type == "Tile":
        sizes = np.array([y // x for x, y in zip(before, after, strict=True)], dtype=np.int64)
        sizes[axis] = 1
    held = f.one.constant(sizes, node.input[1])
    (view,) = f.sequence(node, [f.views[node.input[0]].one, held], [axis])
    return [Sequence(view.one, axis, repeated=True)]


RULES: dict[str, Callable[[Follower, onnx.NodeProto], list[View]]] = {
    "Reshape": reshape,
    "Flatten": reshape,
    "Squeeze": reshape,
    "Unsqueeze": reshape,
    "Transpose": transpose,
    "Expand": expand,
    "Tile": expand,
    "Slice": slices,
    "Gather": gather,
    "Split": split,
    "Concat": concat,
    "Pad": pad,
    "Resize": resize,
}
