"""Quantised ONNX in exact arithmetic: what its operators mean, not their emulation.

ONNX Runtime computes DequantizeLinear → Conv → QuantizeLinear in float32, where sums of integers
round, and its optimiser merges them into kernels that round elsewhere. Here a dequantised tensor
stays what it is, integers and one scale; layers sum integers. A bias whose scale is the product
of the operands' scales joins as an integer. Everything else between DequantizeLinear and
QuantizeLinear is float64; QuantizeLinear itself divides and rounds in its own float32, a
quantised operator multiplies its accumulator with one float32, as ONNX Runtime defines them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from snnc.converter.sources.quantised import (
    op_type_of,
    operand_name,
    quantised_operator,
    sum_name,
)
from snnc.ir.arrays import Array
from snnc.runtime.verify.exactops import (
    OPERATORS,
    QUANTISED_OPERATORS,
    Scaled,
    Value,
    on_views,
    plain,
    real_of,
)


class ExactRunner:
    """Runs a normalised quantised model in exact arithmetic and gives any of its tensors.

    Args:
        model: the model.
        tensors: names to give beside the outputs; also of values inside of quantised operators.
    """

    def __init__(self, model: onnx.ModelProto, tensors: Collection[str]) -> None:
        self._model = model
        self._outputs = [o.name for o in model.graph.output]
        self._fetch = {*self._outputs, *tensors}
        self._constants = {t.name: _constant(t) for t in model.graph.initializer}
        self._types = {
            v.name: v.type.tensor_type.elem_type
            for v in (*model.graph.value_info, *model.graph.input, *model.graph.output)
        }

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Values of outputs and chosen tensors for one sample with its batch axis of 1."""
        values: dict[str, Value] = {**self._constants, **inputs}
        for node in self._model.graph.node:
            results = self._evaluate(node, values)
            values.update(zip(node.output, results, strict=False))
        return {name: real_of(values[name]) for name in self._fetch if name in values}

    def outputs_of(self, values: Mapping[str, Array]) -> list[Array]:
        """The model's outputs, in order, among the values of a run."""
        return [values[name] for name in self._outputs]

    def _evaluate(self, node: onnx.NodeProto, values: dict[str, Value]) -> list[Value]:
        operands = [values[name] if name else None for name in node.input]
        elem_type = self._types.get(node.output[0], TensorProto.FLOAT)
        known = quantised_operator(node)
        if known is not None:
            operate = QUANTISED_OPERATORS[op_type_of(node)]
            found = operate(node, operands, known, elem_type)
            for i, operand in enumerate(found.operands):
                values[operand_name(node.name, i)] = operand
            values[sum_name(node.name)] = found.total
            return [found.result]
        operate_plainly = OPERATORS.get(op_type_of(node))
        if operate_plainly is not None:
            return [operate_plainly(node, operands, elem_type)]
        return on_views(node, operands, self._model) or plain(node, operands, self._model)


def _constant(tensor: TensorProto) -> Array:
    """A constant: reals as they are, integers of any width as int64."""
    array = numpy_helper.to_array(tensor)
    return array if array.dtype.kind in "fbSO" else array.astype(np.int64)


__all__ = ["ExactRunner", "Scaled"]
