"""The `snnc` operators in standard ONNX, so that ONNX Runtime can run a source.

One model is one frame: a module's state enters as graph inputs and leaves as graph outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.spiking.operators import (
    CURRENT_LIF,
    DOMAIN,
    INPUTS,
    MEMBRANE,
    PATTERN,
    TRACE,
)
from snnc.ir.arrays import Array, Shape

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, kw_only=True, eq=False)
class Expanded:
    """A model of one frame without `snnc` operators.

    Attributes:
        model: the model; its inputs and outputs are followed by those of the state.
        states: state input name → the output that holds its next value.
        initial: state input name → its value at a sample's start.
    """

    model: onnx.ModelProto
    states: dict[str, str]
    initial: dict[str, Array]


def is_spiking(model: onnx.ModelProto) -> bool:
    """Does a model hold `snnc` operators?"""
    return any(node.domain == DOMAIN for node in model.graph.node)


def expand(model: onnx.ModelProto) -> Expanded:
    """Replace the `snnc` operators of a model of one frame; the argument stays as it is."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes = list(copy.graph.node)
    if not is_spiking(model):
        return Expanded(model=copy, states={}, initial={})
    del copy.graph.node[:]
    shapes = _shapes(model)
    writer = _Writer(copy)
    for node in nodes:
        if node.domain == DOMAIN and node.op_type == PATTERN:
            writer.pattern(node)
        elif node.domain == DOMAIN:
            writer.expand(node, *shapes[node.input[0]])
        else:
            copy.graph.node.append(node)
    kept = [o for o in copy.opset_import if o.domain != DOMAIN]
    del copy.opset_import[:]
    copy.opset_import.extend(kept)
    return Expanded(model=copy, states=writer.states, initial=writer.initial)


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[Shape, int]]:
    infos = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    return {
        info.name: (
            tuple(d.dim_value for d in info.type.tensor_type.shape.dim),
            info.type.tensor_type.elem_type,
        )
        for info in infos
    }


@dataclass
class _Writer:
    """Adds standard operators to a graph."""

    model: onnx.ModelProto
    states: dict[str, str] = field(default_factory=dict)
    initial: dict[str, Array] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)

    def expand(self, node: onnx.NodeProto, shape: Shape, elem: int) -> None:
        """Write one frame of `node`, whose x has `shape` and element type `elem`."""
        from onnx.helper import get_attribute_value, tensor_dtype_to_np_dtype

        given = {a.name: get_attribute_value(a) for a in node.attribute}
        attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in given.items()}
        cell = _Cell(self, node.output[0], shape, np.dtype(tensor_dtype_to_np_dtype(elem)), elem)
        names = INPUTS[node.op_type]
        cell.names = dict(zip(names[1:], (cell.cast(n) for n in node.input[1:]), strict=True))
        if node.op_type == MEMBRANE:
            cell.op("Sub", node.input[0], node.input[0], out=node.output[0])
            return
        x = node.input[0]
        if node.op_type == CURRENT_LIF:
            x = cell.op("Add", cell.op("Mul", cell.names["i_decay"], cell.state("i")), x)
            cell.keep("i", x)
        v = cell.op("Add", cell.op("Mul", cell.names["decay"], cell.state("v")), x)
        if node.op_type == TRACE:
            cell.op("Identity", v, out=node.output[0])
            cell.keep("v", v)
            return
        cell.fire(v, attributes, node.output[0])

    def pattern(self, node: onnx.NodeProto) -> None:
        """Write one frame of a constant; the number of the frame is a state of the graph."""
        from onnx import TensorProto
        from onnx.helper import make_tensor_value_info

        now, after = f"{DOMAIN}/frame", f"{DOMAIN}/frame/next"
        if now not in self.initial:
            self.initial[now] = np.zeros(1, np.int64)
            self.states[now] = after
            one = self.constant(f"{DOMAIN}/one", np.array(1, np.int64))
            self.model.graph.input.append(make_tensor_value_info(now, TensorProto.INT64, (1,)))
            self.add("Add", [now, one], after)
            self.model.graph.output.append(make_tensor_value_info(after, TensorProto.INT64, (1,)))
        part = f"{node.output[0]}/part"
        self.add("Gather", [node.input[0], now], part, axis=0)
        first = self.constant(f"{DOMAIN}/first", np.array([0], np.int64))
        self.add("Squeeze", [part, first], node.output[0])

    def add(self, op_type: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Append a node."""
        from onnx.helper import make_node

        self.model.graph.node.append(
            make_node(op_type, inputs, [output], name=f"{output}/{op_type}", **attributes)
        )

    def constant(self, name: str, value: Array) -> str:
        """The name of an initializer with `value`."""
        from onnx.numpy_helper import from_array

        if name not in self._held:
            self._held.add(name)
            self.model.graph.initializer.append(from_array(value, name))
        return name


@dataclass
class _Cell:
    """One neuron operator while it is written."""

    writer: _Writer
    label: str
    shape: Shape
    dtype: np.dtype[Any]
    elem: int
    names: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def op(self, op_type: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        """An operator; gives the name of its output."""
        self._count += 1
        output = out or f"{self.label}/{self._count}"
        self.writer.add(op_type, list(inputs), output, **attributes)
        return output

    def cast(self, name: str) -> str:
        """A parameter in x's own precision."""
        return self.op("Cast", name, to=self.elem)

    def number(self, value: float) -> str:
        """A constant."""
        return self.writer.constant(f"snnc/{self.dtype}/{value}", np.array(value, self.dtype))

    def state(self, name: str) -> str:
        """The input that holds a state from the frame before."""
        from onnx.helper import make_tensor_value_info

        label = f"{self.label}/{name}"
        if label not in self.writer.initial:
            self.writer.initial[label] = np.zeros(self.shape, self.dtype)
            info = make_tensor_value_info(label, self.elem, self.shape)
            self.writer.model.graph.input.append(info)
        return label

    def keep(self, name: str, value: str) -> None:
        """Let a state's next value leave the graph."""
        from onnx.helper import make_tensor_value_info

        label = self.state(name)
        output = self.op("Identity", value, out=f"{label}/next")
        self.writer.states[label] = output
        info = make_tensor_value_info(output, self.elem, self.shape)
        self.writer.model.graph.output.append(info)

    def fire(self, v: str, attributes: dict[str, Any], out: str) -> None:
        """Spikes and reset."""
        threshold, reset = self.names["threshold"], attributes["reset"]
        late = attributes["reset_before"] and reset == "subtract"
        if late:
            v = self.op("Sub", v, self.op("Mul", self.state("k"), threshold))
        k = self.counts(v, attributes, out)
        if late:
            self.keep("k", k)
        elif reset == "subtract":
            v = self.op("Sub", v, self.op("Mul", k, threshold))
        elif reset == "zero":
            fired = self.op("Cast", k, to=9)
            v = self.op("Where", fired, self.names["reset_value"], v)
        self.keep("v", self.op("Max", v, self.names["v_min"]))

    def counts(self, v: str, attributes: dict[str, Any], out: str) -> str:
        """The fire rule."""
        threshold, rounding = self.names["threshold"], attributes["rounding"]
        if rounding == "step":
            compare = "Greater" if attributes["strict"] else "GreaterOrEqual"
            return self.op("Cast", self.op(compare, v, threshold), out=out, to=self.elem)
        z = self.op("Div", v, threshold)
        if rounding == "half_up":
            z = self.op("Add", z, self.number(0.5))
        z = self.op("Round" if rounding == "half_even" else "Floor", z)
        lo, hi = attributes["lo"], attributes["hi"]
        bounds = [self.number(lo)] if hi < lo else [self.number(lo), self.number(hi)]
        return self.op("Clip", z, *bounds, out=out)
