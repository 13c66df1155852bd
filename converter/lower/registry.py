"""The lowering rules, by operator type. Adding an operator is one file here and its test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from snnc.converter.lower.context import Lowering
    from snnc.converter.lower.source import SourceNode
    from snnc.converter.lower.values import Value

Fate: TypeAlias = Literal["event", "folded", "host", "unsupported"]
ProductKind: TypeAlias = Literal["elementwise", "contraction"]
RuleFunction: TypeAlias = "Callable[[Lowering, SourceNode], Value | tuple[Value, ...]]"


@dataclass(frozen=True)
class LoweringRule:
    """How one operator type is lowered.

    Attributes:
        apply: gives the values of the node's outputs.
        fate: what usually becomes of the operator.
        why: one phrase for the check table.
        waits: its result waits on one operand (elementwise or a rearrangement), so that an
            activation is recognised across it, on the host too.
        product: whether it multiplies its operands, one by one (x * f(x), as in SiLU, is the host's
            where f is) or in sums.
    """

    apply: RuleFunction
    fate: Fate
    why: str
    waits: bool = False
    product: ProductKind | None = None


RULES: dict[str, LoweringRule] = {}


def lowers(
    *op_types: str, fate: Fate, why: str, waits: bool = False, product: ProductKind | None = None
) -> Callable[[RuleFunction], RuleFunction]:
    """Register the decorated function for operator types (`domain::Type` outside of ONNX's own).

    Args:
        op_types: ONNX operator types.
        fate: what usually becomes of such an operator.
        why: one phrase for the check table.
        waits, product: see `LoweringRule`.

    Raises:
        ValueError: an operator type is taken.
    """

    def register(function: RuleFunction) -> RuleFunction:
        for op_type in op_types:
            if op_type in RULES:
                raise ValueError(f"operator {op_type} has two lowering rules")
            RULES[op_type] = LoweringRule(function, fate, why, waits, product)
        return function

    return register
