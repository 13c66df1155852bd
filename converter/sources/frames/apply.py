"""What the user says about frames, and the model of one frame that comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from snnc.converter.sources.frames.follow import Follower, is_sequence
from snnc.converter.sources.frames.layout import FrameLayout
from snnc.converter.sources.frames.spiking import called_twice
from snnc.converter.sources.spiking.operators import DOMAIN
from snnc.ir.errors import ShapeMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from snnc.converter.sources.model import SourceOptions


def per_frame(
    model: onnx.ModelProto, options: SourceOptions, paths: Mapping[str, str], where: str
) -> tuple[onnx.ModelProto, FrameLayout | None, int]:
    """The normalised model of one frame, its place in the model over all frames, and T.

    Args:
        model: normalised; over all frames where `options.time_axis` says so or forward() makes
            the frames itself.
        options: `frames` and `time_axis`.
        paths: node name → module path.
        where: the model's name, for errors.

    Raises:
        FramesMeet: frames meet where they may not.
        CalledTwice: a spiking module is shared between places.
        ShapeMismatch: the options do not fit the model.
    """
    axis = options.time_axis
    if axis is None and not is_sequence(model):
        return model, None, options.frames or 1
    axes = {value.name: _frames_axis(value, axis, options.frames) for value in model.graph.input}
    n_frames = _n_frames(model, options, axes, where)
    if axis is None and options.frames is None:
        raise _not_declared(model)
    if n_frames == 1:
        return model, _still(model, axes), 1
    one, layout = Follower(model, n_frames, axes, paths).run()
    return one, layout, n_frames


def _frames_axis(value: onnx.ValueInfoProto, axis: int | None, frames: int | None) -> int | None:
    """The axis of an input that holds the frames: the declared one, where it has such an axis."""
    dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if axis is None or len(dims) < 2:
        return None
    return axis if frames in (None, dims[axis]) else None


def _n_frames(
    model: onnx.ModelProto,
    options: SourceOptions,
    axes: Mapping[str, int | None],
    where: str,
) -> int:
    sizes = {
        value.type.tensor_type.shape.dim[axis].dim_value
        for value in model.graph.input
        if (axis := axes[value.name]) is not None
    }
    if options.time_axis is not None and len(sizes) != 1:
        raise ShapeMismatch(
            f"no input has {options.frames or 'one number of'} frames along axis "
            f"{options.time_axis}",
            where=where,
            hint="the example (or --input-shape) has the shape that forward() takes, such as "
            "10,1,2,48,48 for --time-axis 0",
        )
    return sizes.pop() if sizes else options.frames or 1


def _not_declared(model: onnx.ModelProto) -> Exception:
    """A model with several frames inside, of which the user says nothing."""
    calls: dict[str, int] = {}
    for node in model.graph.node:
        given = {a.name: a for a in node.attribute}
        if node.domain != DOMAIN:
            continue
        module = given["module"].s.decode()
        if given["time_axis"].i >= 0:
            return ShapeMismatch(
                f"the module takes all frames at once, along axis {given['time_axis'].i}",
                where=module,
                hint="say which axis of the model's input holds them (--time-axis 0 or 1), or "
                "how many it makes itself (--frames T)",
            )
        key = f"{node.op_type} {module}"
        calls[key] = calls.get(key, 0) + 1
    key, n = max(calls.items(), key=lambda item: item[1])
    return called_twice(key.partition(" ")[2], n)


def _still(model: onnx.ModelProto, axes: Mapping[str, int | None]) -> FrameLayout:
    """One frame along the time axis: the model is its own one-frame model."""
    dims = [[d.dim_value for d in o.type.tensor_type.shape.dim] for o in model.graph.output]
    axis = next((a for a in axes.values() if a is not None), None)
    held = [axis if len(d) > 2 and d[:2] == [1, 1] else None for d in dims]
    return FrameLayout(
        n_frames=1,
        onnx=model,
        axes=axes,
        where={},
        outputs=tuple(held),
        reductions=tuple("none" for _ in held),
    )


def merged(options: SourceOptions, declared: SourceOptions, where: str) -> SourceOptions:
    """Options about frames from the command line and from the file together.

    Raises:
        ShapeMismatch: they contradict each other.
    """
    found = {}
    for name in ("frames", "time_axis", "reduce"):
        said, held = getattr(options, name), getattr(declared, name)
        if None not in (said, held) and said != held:
            raise ShapeMismatch(
                f"--{name.replace('_', '-')} {said} contradicts the file, which says {held}",
                where=where,
            )
        found[name] = held if said is None else said
    return replace(options, **found)
