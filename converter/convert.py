"""From a loaded source to both forms of its event graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from snnc.converter.chip import for_chip
from snnc.converter.integer import Rounding, integer_form
from snnc.converter.lower import FirstLayer, lower
from snnc.converter.sources.graphs import GraphSource
from snnc.converter.sources.model import SourceModel
from snnc.ir.arrays import bits
from snnc.ir.codes import RunSettings
from snnc.ir.errors import WrongUsage
from snnc.ir.fit import check_fit
from snnc.ir.graph import Graph
from snnc.ir.limits import SIM, Limits
from snnc.ir.passes import AssociateProducts
from snnc.ir.passes.associate_products import triples
from snnc.ir.ranges import analyse
from snnc.ir.widths import check_width

ProductOrder: TypeAlias = Literal["source", "fewest"]
"""Order of products of three operands: the source's, or the one with fewer multiplications."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Converted:
    """What a conversion makes of a source.

    Attributes:
        float_graph: the source's own weights and activation rules.
        integer_graph: what engines and chips run.
        onnx: serialised ONNX by name: `source` (normalised) and the host operators' parts.
        notes: what a user should know about how it went, one sentence each.
        rounding: JSON facts about what rounding to integers cost.
    """

    float_graph: Graph
    integer_graph: Graph
    onnx: Mapping[str, bytes]
    notes: tuple[str, ...]
    rounding: Mapping[str, Any]


def convert_source(
    source: SourceModel | GraphSource,
    *,
    weight_bits: int = 8,
    first_layer: FirstLayer | None = None,
    no_host: bool = False,
    product_order: ProductOrder = "fewest",
    limits: Limits = SIM,
    settings: RunSettings | None = None,
) -> Converted:
    """Lower a source to the float form and make the integer form of it.

    Args:
        source: the trained model; a graph is taken as it is.
        weight_bits: two's complement width of integer weights, 2 to 16.
        first_layer: `host` or `chip`; None: on chip where the input has a grid.
        product_order: of products of three operands (attention).
        no_host: refuse whatever the host would have to compute.
        limits: of the target.
        settings: the code and schedule for which widths are checked.

    Raises:
        UnsupportedOperator: an operator has no event form.
        UnknownLevels: nothing bounds an integer activation.
        LevelsConflict: the levels that were asked for contradict the model.
        NeedsInputGrid: the first layer shall be on chip and the input is analog.
        NotMonotone: an activation is no staircase.
        WidthExceeded: the graph cannot be brought within `limits`.
        UnsupportedByTarget: it needs graded spikes or delays that the target does not have.
    """
    source_graph, onnx, notes = _float_form(source, first_layer, no_host)
    if source_graph.form == "integer":
        return _as_it_is(source_graph, notes, limits, settings or RunSettings())
    graph = source_graph if product_order == "source" else AssociateProducts()(source_graph)
    form = integer_form(graph, weight_bits=weight_bits, limits=limits, settings=settings)
    settings = settings or RunSettings()
    fitted, changes = for_chip(form.graph, limits, settings)
    _check_target(fitted, limits, settings, widths=bool(changes))
    lost = _coarser_steps(form.rounding, limits)
    return Converted(
        float_graph=graph,
        integer_graph=fitted,
        onnx=onnx,
        notes=(*notes, *_orders(source_graph, graph), *_several_inputs(graph), *lost, *changes),
        rounding=form.rounding.to_json(),
    )


def _as_it_is(
    graph: Graph, notes: tuple[str, ...], limits: Limits, settings: RunSettings
) -> Converted:
    """A source of integers (`.net`): its graph is the float form, too."""
    weights = [p.map.weight for p in graph.projections.values()]
    stored = max(bits(int(w.min(initial=0)), int(w.max(initial=0))) for w in weights)
    fitted, changes = for_chip(graph, limits, settings)
    _check_target(fitted, limits, settings, widths=True)
    return Converted(
        float_graph=graph,
        integer_graph=fitted,
        onnx={},
        notes=(*notes, *_several_inputs(graph), *changes),
        rounding=Rounding(stored, (), ()).to_json(),
    )


def _check_target(graph: Graph, limits: Limits, settings: RunSettings, *, widths: bool) -> None:
    """What no pass could mend is refused by name; `widths` where nothing else has checked them."""
    n_frames = int(graph.metadata.get("n_frames", 1))
    check_fit(graph, settings, limits, n_frames)
    if widths:
        check_width(graph, analyse(graph, settings, n_frames), limits)


def _coarser_steps(rounding: Rounding, limits: Limits) -> tuple[str, ...]:
    """Which layers lost resolution to the target's widths."""
    found = {m.module_path or m.population: m.coarser for m in rounding.membranes if m.coarser > 0}
    if not found:
        return ()
    listed = ", ".join(f"{name} (2^{log2})" for name, log2 in found.items())
    return (
        f"steps are coarser than the weights' so that nothing passes the widths of "
        f"{limits.target}: {listed}; `snnc verify` shows what that costs",
    )


def _orders(source: Graph, taken: Graph) -> tuple[str, ...]:
    """What both orders of products of three operands would take, and which is taken."""
    found = list(triples(source))
    if not found:
        return ()
    left = sum(t.pairs if t.order == "left" else t.other_pairs for t in found)
    right = sum(t.other_pairs if t.order == "left" else t.pairs for t in found)
    choice = (
        "the model's order is kept"
        if taken is source
        else "the order with fewer is taken, which gives the same integers "
        "(--product-order source keeps the model's)"
    )
    return (
        f"{len(found)} products of three operands: (A B) C takes {left:,} multiplications per "
        f"sample, A (B C) {right:,}; {choice}",
    )


def _float_form(
    source: SourceModel | GraphSource, first_layer: FirstLayer | None, no_host: bool
) -> tuple[Graph, Mapping[str, bytes], tuple[str, ...]]:
    """The float form, the ONNX parts beside it, and notes."""
    if isinstance(source, SourceModel):
        lowered = lower(source, first_layer=first_layer, no_host=no_host)
        return lowered.graph, lowered.onnx, lowered.notes
    if first_layer == "host":
        raise WrongUsage(
            "a file that holds a graph has no part that the host could run",
            where=source.name,
            hint="leave --first-layer out",
        )
    return source.graph, {}, source.notes


def _several_inputs(graph: Graph) -> tuple[str, ...]:
    if len(graph.inputs) == 1:
        return ()
    names = ", ".join(node.name for node in graph.inputs)
    return (
        f"the model has {len(graph.inputs)} inputs: DATA is an .npz with an array for each, "
        f"under its name ({names})",
    )
