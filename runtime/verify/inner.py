"""Real values inside of quantised operators, from the integer tensors that a runtime shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from snnc.converter.sources.quantised import operand_name, quantised_operator, sum_name
from snnc.ir.arrays import Array, FloatArray


class InnerValues:
    """The operands and sums of a model's quantised operators, by the names that lowering uses.

    Args:
        model: a normalised model.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._operands: dict[str, tuple[str, str, str]] = {}
        self._sums: set[str] = set()
        for node in model.graph.node:
            known = quantised_operator(node)
            if known is None:
                continue
            names = [*node.input, *[""] * 9]
            for i, place in enumerate(known.operands):
                value, scale, zero = ("" if at is None else names[at] for at in place)
                self._operands[operand_name(node.name, i)] = (value, scale, zero)
            self._sums.add(sum_name(node.name))
        used = {name for place in self._operands.values() for name in place[1:]}
        self._constants = {
            t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.name in used
        }

    @property
    def names(self) -> frozenset[str]:
        """Of all values that no tensor of the model holds."""
        return frozenset(self._operands) | frozenset(self._sums)

    def tensors_for(self, wanted: Collection[str]) -> frozenset[str]:
        """The model's own tensors that tell the wanted values, as far as any do."""
        own = {name for name in wanted if name not in self.names}
        return frozenset(own | {self._operands[n][0] for n in wanted if n in self._operands})

    def complete(self, values: Mapping[str, Array], wanted: Collection[str]) -> dict[str, Array]:
        """Values with the wanted operands, dequantised; sums stay inside of their operators."""
        found = dict(values)
        for name in wanted:
            if name in self._operands and name not in found:
                tensor, scale, zero = self._operands[name]
                found[name] = (values[tensor].astype(np.float64) - self._of(zero, 0)) * self._of(
                    scale, 1
                )
        return found

    def _of(self, name: str, default: int) -> FloatArray:
        if not name:
            return np.array(float(default))
        value = self._constants[name].astype(np.float64)
        return value.reshape(()) if value.size == 1 else value
