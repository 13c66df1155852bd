"""Which operators of a source can be converted, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snnc.converter.lower import FirstLayer, survey
from snnc.converter.lower.registry import Fate
from snnc.converter.sources.graphs import GraphSource, Primitive
from snnc.converter.sources.model import SourceModel


@dataclass(frozen=True, kw_only=True)
class OperatorStatus:
    """What would become of one operator.

    Attributes:
        operator: its ONNX type.
        where: the module path, in the user's names.
        status: `event`, `folded`, `host` or `unsupported`.
        reason: one phrase.
        hint: what can be done about an unsupported one.
        code: error code of what stands in the way, if anything does.
    """

    operator: str
    where: str
    status: Fate
    reason: str
    hint: str | None = None
    code: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class OperatorReport:
    """All operators of a source, in order.

    Attributes:
        operators: one entry each.
    """

    operators: tuple[OperatorStatus, ...]

    @property
    def compatible(self) -> bool:
        """Can the whole source be converted?"""
        return all(o.status != "unsupported" for o in self.operators)

    @property
    def compatible_share(self) -> float:
        """Share of the operators that become events, fold away or run on the host."""
        if not self.operators:
            return 1.0
        n = sum(o.status != "unsupported" for o in self.operators)
        return n / len(self.operators)

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc check --json`."""
        return {
            "operators": [o.to_json() for o in self.operators],
            "n_operators": len(self.operators),
            "compatible": self.compatible,
            "compatible_share": self.compatible_share,
        }


def check_source(
    source: SourceModel | GraphSource,
    *,
    first_layer: FirstLayer | None = None,
    no_host: bool = False,
) -> OperatorReport:
    """Try to lower every operator of a source.

    What follows an unsupported operator is classified by its type alone.

    Raises:
        NeedsInputGrid: the first layer shall be on chip and the input is analog.
    """
    if isinstance(source, GraphSource):
        return OperatorReport(operators=tuple(_read_already(p) for p in source.primitives))
    found = survey(source, first_layer=first_layer, no_host=no_host)
    operators = []
    for node in found.view.nodes:
        fate, error = found.fates[node.name], found.problems.get(node.name)
        operators.append(
            OperatorStatus(
                operator=node.op_type,
                where=node.module_path or node.name,
                status=fate.fate,
                reason=fate.why,
                hint=error.hint if error else None,
                code=error.code if error else None,
            )
        )
    return OperatorReport(operators=tuple(operators))


def _read_already(primitive: Primitive) -> OperatorStatus:
    """A graph that could be read has no primitive that could not."""
    return OperatorStatus(
        operator=primitive.type, where=primitive.where, status=primitive.fate, reason=primitive.why
    )
