"""Neurons with state: where frames follow one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnc.converter.sources.frames.follow import Follower
from snnc.converter.sources.frames.views import Always, Frame, Sequence, View
from snnc.ir.errors import CalledTwice

if TYPE_CHECKING:
    import onnx


def neuron(f: Follower, node: onnx.NodeProto) -> list[View]:
    """One call of a spiking module: all frames along its time axis, or the next frame.

    Raises:
        CalledTwice: the module's calls are not one for each frame, in order, of one value.
    """
    given = {a.name: a for a in node.attribute}
    module, axis = given["module"].s.decode(), given["time_axis"].i
    view = f.views[node.input[0]]
    key = f"{node.op_type} {module}"
    before = f.calls.setdefault(key, [])
    constants = list(node.input[1:])
    if axis >= 0:
        if not isinstance(view, Sequence) or view.axis != axis:
            raise f.meet(node, f"the module takes its frames along axis {axis}, x has them not")
        if before:
            raise called_twice(module, 2)
        before.append(0)
        made = f.sequence(node, [view.one, *constants], [axis], time_axis=-1)
        return made
    if isinstance(view, Sequence):
        raise f.meet(node, "the module takes one frame a call, and is given all as samples")
    t = len(before)
    before.append(t)
    if t >= f.n_frames or (isinstance(view, Frame) and view.t != t):
        raise called_twice(module, t + 1)
    if not isinstance(view, Frame | Always):
        raise f.meet(node, "the module is given a sum over the frames")
    (name,) = f.same(node, [view.one, *constants])
    first = f.views.setdefault(f" {key}", Frame(name, 0))
    if first.one != name:
        raise called_twice(module, t + 1)
    return [Frame(name, t)]


def called_twice(module: str, n_calls: int) -> CalledTwice:
    """The error that a module with state is used in more than one place."""
    return CalledTwice(
        f"the spiking module is called {n_calls} times or more, and not once for each frame: its "
        "state would be shared between places",
        where=module,
        hint="make one module for each place; if forward() loops over frames, say how many "
        "(--frames, --time-axis)",
    )
