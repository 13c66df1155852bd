"""The one-frame model while it is written: equal operators are written once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.spiking.operators import DOMAIN
from snnc.ir.arrays import Array, Shape

if TYPE_CHECKING:
    import onnx

_PLACE = frozenset({"call", "time_axis"})
"""Attributes of `snnc` operators that say which frame a call is."""


class OneModel:
    """Nodes, constants and shapes of the model of one frame.

    Args:
        model: the normalised model over all frames.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        from onnx import numpy_helper

        self.constants: dict[str, Array] = {
            t.name: numpy_helper.to_array(t) for t in model.graph.initializer
        }
        self.nodes: list[onnx.NodeProto] = []
        self.types: dict[str, tuple[int, Shape]] = {}
        self._names: dict[tuple[Any, ...], tuple[str, ...]] = {}
        self._by_value: dict[tuple[Any, ...], str] = {}
        for name, array in self.constants.items():
            self._by_value.setdefault(_value_key(array), name)

    def constant(self, array: Array, like: str) -> str:
        """The name of a constant with this value; a new one is called after `like`."""
        array = np.asarray(array)
        key = _value_key(array)
        if key not in self._by_value:
            name = f"{like}/frame"
            while name in self.constants:
                name += "'"
            self.constants[name] = array
            self._by_value[key] = name
        return self._by_value[key]

    def write(
        self,
        node: onnx.NodeProto,
        inputs: Sequence[str],
        types: Sequence[tuple[int, Shape]],
        op_type: str | None = None,
        outputs: Sequence[str] | None = None,
        **attributes: Any,
    ) -> tuple[str, ...]:
        """The outputs of an operator, written only if no equal one stands already.

        Args:
            node: the operator over all frames that it comes from.
            inputs: tensors of the one-frame model.
            types: element type and shape of each output.
            op_type: another operator type.
            outputs: names of the outputs, where not those of `node`.
            attributes: that replace the node's own; None drops one.
        """
        from onnx import NodeProto, helper

        made = NodeProto()
        made.CopyFrom(node)
        made.op_type = op_type or node.op_type
        del made.input[:]
        made.input.extend(inputs)
        kept = [a for a in made.attribute if a.name not in attributes]
        del made.attribute[:]
        made.attribute.extend(kept)
        for name, value in attributes.items():
            if value is not None:
                made.attribute.append(helper.make_attribute(name, value))
        key = _key(made, [self._canonical(name) for name in inputs])
        if key not in self._names:
            names = tuple(node.output if outputs is None else outputs)
            del made.output[:]
            made.output.extend(names)
            if outputs is not None:
                made.name = f"{node.name}/{names[0]}"
            self.nodes.append(made)
            self._names[key] = names
            self.types.update(zip(names, types, strict=False))
        return self._names[key]

    def _canonical(self, name: str) -> str:
        return self._by_value[_value_key(self.constants[name])] if name in self.constants else name


def _value_key(array: Array) -> tuple[Any, ...]:
    return (array.dtype.str, array.shape, array.tobytes())


def _key(node: onnx.NodeProto, inputs: Sequence[str]) -> tuple[Any, ...]:
    skipped = _PLACE if node.domain == DOMAIN else frozenset()
    attributes = sorted(
        (a.name, a.SerializeToString(deterministic=True))
        for a in node.attribute
        if a.name not in skipped
    )
    return (node.domain, node.op_type, tuple(inputs), tuple(attributes), len(node.output))
