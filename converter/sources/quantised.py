"""What the inputs of quantised ONNX operators are: which scale and zero point belong to which.

Lowering and verification both speak of values inside of such an operator: the real value of an
operand, the sum before it is rounded. Their names are made here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_Place = tuple[int, int | None, int | None]
"""Positions of a value, its scale and its zero point among the inputs of a node."""


@dataclass(frozen=True)
class QuantisedOperator:
    """Inputs of a quantised operator.

    Attributes:
        operands: value, scale and zero point of each operand.
        result: scale and zero point of the result; None where it is an integer or real sum.
        bias: position of an int32 bias in units of the operands' scales.
    """

    operands: tuple[_Place, ...]
    result: tuple[int, int] | None
    bias: int | None = None


_BINARY = QuantisedOperator(((0, 1, 2), (3, 4, 5)), (6, 7))
_UNARY = QuantisedOperator(((0, 1, 2),), (3, 4))

QUANTISED: dict[str, QuantisedOperator] = {
    "QLinearConv": QuantisedOperator(((0, 1, 2), (3, 4, 5)), (6, 7), bias=8),
    "QLinearMatMul": _BINARY,
    "ConvInteger": QuantisedOperator(((0, None, 2), (1, None, 3)), None),
    "MatMulInteger": QuantisedOperator(((0, None, 2), (1, None, 3)), None),
    "com.microsoft::QGemm": QuantisedOperator(((0, 1, 2), (3, 4, 5)), (7, 8), bias=6),
    "com.microsoft::QLinearAdd": _BINARY,
    "com.microsoft::QLinearMul": _BINARY,
    "com.microsoft::QLinearAveragePool": _UNARY,
    "com.microsoft::QLinearGlobalAveragePool": _UNARY,
    "com.microsoft::QLinearSigmoid": _UNARY,
    "com.microsoft::QLinearLeakyRelu": _UNARY,
    "com.microsoft::MatMulIntegerToFloat": QuantisedOperator(((0, 2, 4), (1, 3, 5)), None),
}
"""By operator type, with its domain where it is not ONNX's own."""

CONCAT = "com.microsoft::QLinearConcat"
"""It takes any number of operands, each with scale and zero point, behind those of its result."""


def op_type_of(node: onnx.NodeProto) -> str:
    """Operator type, with its domain where it is not ONNX's own."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"


def quantised_operator(node: onnx.NodeProto) -> QuantisedOperator | None:
    """What is known of a quantised operator; None for any other."""
    op_type = op_type_of(node)
    if op_type == CONCAT:
        places = tuple((i, i + 1, i + 2) for i in range(2, len(node.input), 3))
        return QuantisedOperator(places, (0, 1))
    return QUANTISED.get(op_type)


def is_quantised(model: onnx.ModelProto) -> bool:
    """Does a model quantise activations with ONNX's own operators?"""
    return any(
        node.op_type == "QuantizeLinear" or quantised_operator(node) is not None
        for node in model.graph.node
    )


def operand_name(node: str, i: int) -> str:
    """Name of the real value of a quantised operator's operand."""
    return f"{node}[{i}]"


def sum_name(node: str) -> str:
    """Name of the real value that a quantised operator rounds."""
    return f"{node}[sum]"


def integer_limits(dtype: str) -> tuple[int, int] | None:
    """Smallest and largest value of an integer type by its name, None for other types."""
    found = re.fullmatch(r"(u?)int(\d+)", dtype)
    if found is None:
        return None
    bits = int(found[2])
    return (0, 2**bits - 1) if found[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
