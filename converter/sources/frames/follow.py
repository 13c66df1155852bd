"""The pass `frames`: follow the time axis through a model over T frames, operator by operator.

What comes out is the model of one frame, in which the time axis stays with extent 1. Frames may
not meet anywhere but in `snnc` operators, which carry their state, and in a sum or mean over time
that leads to an output. A forward() that loops over its frames is rolled up again: operators that
differ in nothing but the frame are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.frames.layout import AlongAxis, FrameLayout, OneByOne, Where
from snnc.converter.sources.frames.onemodel import OneModel
from snnc.converter.sources.frames.views import Always, Frame, Reduced, Sequence, View
from snnc.converter.sources.spiking.operators import DOMAIN
from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import FramesMeet
from snnc.ir.nodes import Reduction

if TYPE_CHECKING:
    import onnx


class Follower:
    """One run of the pass.

    Args:
        model: the normalised model over all frames, batch 1.
        n_frames: T, at least 2.
        axes: by input: the axis that holds T, None for an input without frames.
        paths: node name → module path, for messages.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        n_frames: int,
        axes: Mapping[str, int | None],
        paths: Mapping[str, str],
    ) -> None:
        self.model, self.n_frames, self.axes, self.paths = model, n_frames, dict(axes), paths
        self.one = OneModel(model)
        self.types = _types(model)
        self.views: dict[str, View] = {n: Always(n, True) for n in self.one.constants}
        self.patterns: dict[str, Array] = {}
        self.calls: dict[str, list[int]] = {}
        self._places: dict[str, dict[int, str]] = {}

    # -- what rules ask ----------------------------------------------------------------------

    def where(self, node: onnx.NodeProto) -> str:
        """The node in the user's names."""
        return f"{self.paths.get(node.name) or node.name} ({node.op_type})"

    def meet(self, node: onnx.NodeProto, how: str) -> FramesMeet:
        """The error that frames meet in `node`."""
        return FramesMeet(
            f"frames meet here: {how}",
            where=self.where(node),
            hint="only spiking modules may carry something from frame to frame, and a mean or "
            "sum over the frames may lead to an output",
        )

    def shape(self, tensor: str) -> Shape:
        """Shape in the model over all frames."""
        if tensor in self.one.constants:
            return self.one.constants[tensor].shape
        return self.types[tensor][1]

    def per_frame(self, view: Sequence, tensor: str) -> int:
        """How long one frame is along the time axis."""
        return self.shape(tensor)[view.axis] // self.n_frames

    def sequence(
        self, node: onnx.NodeProto, inputs: list[str], axes: list[int], **changed: Any
    ) -> list[View]:
        """Write a node whose outputs hold all frames along `axes`."""
        types = []
        for tensor, axis in zip(node.output, axes, strict=True):
            elem, shape = self.types[tensor]
            cut = shape[axis] // self.n_frames
            types.append((elem, (*shape[:axis], cut, *shape[axis + 1 :])))
        names = self.one.write(node, inputs, types, **changed)
        return [Sequence(name, axis) for name, axis in zip(names, axes, strict=True)]

    def same(self, node: onnx.NodeProto, inputs: list[str], **changed: Any) -> tuple[str, ...]:
        """Write a node whose outputs are one frame already."""
        return self.one.write(node, inputs, [self.types[t] for t in node.output], **changed)

    # -- the run -----------------------------------------------------------------------------

    def run(self) -> tuple[onnx.ModelProto, FrameLayout]:
        """The one-frame model and how it lies in the model over all frames.

        Raises:
            FramesMeet: frames meet where they may not.
        """
        from snnc.converter.sources.frames.rules import views_of

        for value in self.model.graph.input:
            axis = self.axes[value.name]
            self.views[value.name] = (
                Always(value.name) if axis is None else Sequence(value.name, axis)
            )
        for node in self.model.graph.node:
            found = views_of(self, node)
            for tensor, view in zip(node.output, found, strict=False):
                self.views[tensor] = view
                self._note_place(tensor, view)
        return self._finish()

    def _note_place(self, tensor: str, view: View) -> None:
        if isinstance(view, Sequence):
            self._places.setdefault(view.one, {}).setdefault(-1 - view.axis, tensor)
        elif isinstance(view, Frame):
            self._places.setdefault(view.one, {}).setdefault(view.t, tensor)

    def _finish(self) -> tuple[onnx.ModelProto, FrameLayout]:
        outputs, axes, reductions = [], [], []
        for value in self.model.graph.output:
            view = self.views[value.name]
            axis, reduction = self._output(value.name, view)
            outputs.append(view.one)
            axes.append(axis)
            reductions.append(reduction)
        model = _assembled(self, outputs)
        kept = {name for node in model.graph.node for name in node.output}
        where = {one: w for one, places in self._places.items() if (w := self._where(places))}
        layout = FrameLayout(
            n_frames=self.n_frames,
            onnx=self.model,
            axes=self.axes,
            where={one: w for one, w in where.items() if one in kept},
            patterns={one: v for one, v in self.patterns.items() if one in kept},
            outputs=tuple(axes),
            reductions=tuple(reductions),
        )
        return model, layout

    def _where(self, places: Mapping[int, str]) -> Where | None:
        for key, tensor in places.items():
            if key < 0:
                return AlongAxis(tensor, -1 - key)
        if len(places) == self.n_frames:
            return OneByOne(tuple(places[t] for t in range(self.n_frames)))
        return None

    def _output(self, name: str, view: View) -> tuple[int | None, Reduction]:
        if isinstance(view, Reduced):
            if len(view.frames) == self.n_frames:
                return None, view.how
            how = f"is a sum over {len(view.frames)} of its {self.n_frames} frames"
        elif isinstance(view, Sequence):
            if self.per_frame(view, name) == 1:
                return view.axis, "none"
            how = "holds its frames merged into another axis"
        elif isinstance(view, Frame):
            how = f"is read at frame {view.t} alone"
        else:
            how = "is the same at every frame"
        raise FramesMeet(
            f"output `{name}` {how}",
            hint="an output gives every frame, or their mean or sum",
        )


def _types(model: onnx.ModelProto) -> dict[str, tuple[int, Shape]]:
    graph = model.graph
    return {
        info.name: (
            info.type.tensor_type.elem_type,
            tuple(d.dim_value for d in info.type.tensor_type.shape.dim),
        )
        for info in (*graph.input, *graph.value_info, *graph.output)
    }


def _assembled(follower: Follower, outputs: list[str]) -> onnx.ModelProto:
    """The one-frame model: only what its outputs need."""
    from onnx import ModelProto, helper, numpy_helper

    source, one = follower.model, follower.one
    nodes, needed = _needed(one.nodes, outputs)
    model = ModelProto()
    model.CopyFrom(source)
    graph = model.graph
    for part in ("node", "initializer", "value_info", "output", "input"):
        graph.ClearField(part)
    graph.node.extend(nodes)
    for name, array in one.constants.items():
        if name in needed:
            graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    for value in source.graph.input:
        elem, shape = follower.types[value.name]
        axis = follower.axes[value.name]
        cut = shape if axis is None else (*shape[:axis], 1, *shape[axis + 1 :])
        graph.input.append(helper.make_tensor_value_info(value.name, elem, cut))
    inner = [name for node in nodes for name in node.output if name in one.types]
    for name in inner:
        if name not in outputs:
            graph.value_info.append(helper.make_tensor_value_info(name, *one.types[name]))
    for name in outputs:
        graph.output.append(helper.make_tensor_value_info(name, *one.types[name]))
    return model


def _needed(
    nodes: list[onnx.NodeProto], outputs: list[str]
) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes that lead to `outputs`, and every tensor that they read."""
    kept: list[onnx.NodeProto] = []
    needed = set(outputs)
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= {name for name in node.input if name}
    return kept[::-1], needed


def is_sequence(model: onnx.ModelProto) -> bool:
    """Does a model work on all frames at once by itself, or call a spiking module repeatedly?"""
    seen: set[tuple[str, str]] = set()
    for node in model.graph.node:
        if node.domain != DOMAIN:
            continue
        given = {a.name: a for a in node.attribute}
        call = (given["module"].s.decode(), node.op_type)
        if given["time_axis"].i >= 0 or call in seen:
            return True
        seen.add(call)
    return False


def cut_constant(array: Array, axis: int, rank: int, n_frames: int, extent: int) -> Array | None:
    """One frame of a constant that meets a tensor of `rank` axes; None where frames differ."""
    own = axis - (rank - array.ndim)
    if own < 0 or array.shape[own] != extent:
        return array
    parts = np.split(array, n_frames, axis=own)
    return parts[0] if all(np.array_equal(parts[0], part) for part in parts) else None
