"""Sources that are graphs already: read straight into the float form, with nothing to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from snnc.ir.graph import Graph


@dataclass(frozen=True, kw_only=True)
class Primitive:
    """What became of one node of the file.

    Attributes:
        type: the format's word for it.
        where: its name in the file.
        fate: `event`: it became neurons, an input or an output; `folded`: it went into weights.
        why: one phrase.
    """

    type: str
    where: str
    fate: Literal["event", "folded"]
    why: str


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphSource:
    """A source whose own form is an event graph (NIR).

    Attributes:
        name: stem of the file.
        graph: the float form.
        primitives: one entry for each node of the file.
        notes: what was assumed where the format says nothing, one sentence each.
        provenance: as `SourceModel.provenance`.
    """

    name: str
    graph: Graph
    primitives: tuple[Primitive, ...]
    notes: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
