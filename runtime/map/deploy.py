"""A model as it would be deployed on a chip that it may not have been converted for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from snnc.backends.chips import Chip
from snnc.backends.mapping.model import Reason
from snnc.converter.chip import for_chip
from snnc.ir.codes import RunSettings
from snnc.ir.errors import SnncError
from snnc.ir.graph import Graph
from snnc.ir.passes.chip import METADATA
from snnc.runtime.model import Model


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What deploying a model on a chip changed.

    Attributes:
        name: of the pass; `code` where the model's own event code cannot be sent there.
        note: one sentence.
    """

    name: str
    note: str

    def to_json(self) -> dict[str, str]:
        """Both attributes by name."""
        return {"name": self.name, "note": self.note}


@dataclass(frozen=True, kw_only=True, eq=False)
class Deployed:
    """A model brought to a chip.

    Attributes:
        model: with the graph and the settings that run there.
        graph_hash: of the graph that the file holds.
        changes: between the two, first to last; none where it was converted for that chip.
        refused: why the graph could not be changed, and is the file's own; None where it could.
    """

    model: Model
    graph_hash: str
    changes: tuple[Change, ...]
    refused: Reason | None


def deploy(model: Model, chip: Chip, settings: RunSettings, *, code_chosen: bool) -> Deployed:
    """Apply what `snnc convert --target` would apply to the integer graph.

    Steps stay those of the file: a chip with narrower membranes may ask for coarser ones, which
    only a conversion can make.

    Args:
        model: to bring there.
        chip: whose limits count.
        settings: of the run.
        code_chosen: is its event code asked for? Else a chip without graded events gets bursts.
    """
    changes: tuple[Change, ...] = ()
    if not code_chosen and chip.payload == "unit" and not settings.unit_spikes:
        note = f"code burst instead of {settings.code}: {chip.name} has unit spikes only"
        changes = (Change(name="code", note=note),)
        settings = replace(settings, code="burst")
    refused = None
    try:
        graph, passed = _passed(model.integer_graph, chip, settings)
    except SnncError as error:
        graph, passed = model.integer_graph, ()
        refused = Reason.of(error)
    return Deployed(
        model=replace(model, file=replace(model.file, integer_graph=graph), settings=settings),
        graph_hash=model.graph_hash,
        changes=(*changes, *passed),
        refused=refused,
    )


def _passed(graph: Graph, chip: Chip, settings: RunSettings) -> tuple[Graph, tuple[Change, ...]]:
    fitted, notes = for_chip(graph, chip.widths(), settings)
    kinds = fitted.metadata[METADATA] if notes else ()
    return fitted, tuple(Change(name=k, note=n) for k, n in zip(kinds, notes, strict=True))
