"""A graph onto a chip: each population and product cut into pieces, one for each core."""

from __future__ import annotations

from dataclasses import replace

from snnc.backends.chips import Chip
from snnc.backends.mapping.demand import Demand
from snnc.backends.mapping.edges import axons_out, port_split
from snnc.backends.mapping.fits import bounds, reasons_of
from snnc.backends.mapping.model import Mapping, Operands, Piece, Split
from snnc.backends.mapping.operands import Widths, operand_bits
from snnc.backends.mapping.tiles import best_split
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population, Product
from snnc.ir.rate import as_run

_ROUNDS = 12
"""Of cutting nodes finer that have too many edges to other cores."""


def map_graph(
    graph: Graph,
    chip: Chip,
    settings: RunSettings | None = None,
    *,
    n_frames: int = 1,
    operands: Operands = "neurons",
) -> Mapping:
    """Cut a graph for a chip, with the fewest cores that its limits allow.

    A core holds neurons of one node only, as Intel's compiler does it. A node that cannot be cut
    to fit is cut as well as it goes, and the mapping says so. In code `rate` the neurons that fire
    while they integrate are cut.

    Args:
        graph: integer form.
        chip: that it is cut for.
        settings: event code and schedule; None: the defaults.
        n_frames: of a sample, for the bounds of neurons that keep state.
        operands: of matrix products: each one in a neuron, or packed into the core's memory.
    """
    graph, settings, n_frames = _as_run(graph, settings or RunSettings(), n_frames)
    nodes = [n for n in graph.nodes.values() if isinstance(n, Population | Product)]
    ranges, too_wide = bounds(graph, settings, n_frames)
    widths = operand_bits(graph, settings, ranges)
    packed = widths if operands == "memory" else {}
    demands = {node.name: Demand(graph, node, chip, packed.get(node.name)) for node in nodes}
    limits = chip.core_limits()
    edges = limits.pop("axons_out", None)
    cut = {name: best_split(demand, limits) for name, demand in demands.items()}
    if edges is not None:
        _cut_for_edges(graph, demands, cut, limits, edges)
    pieces: list[Piece] = []
    splits = {}
    for name, (split, parts) in cut.items():
        splits[name] = replace(split, first=len(pieces))
        pieces += parts
    mapping = Mapping(
        graph=graph,
        chip=chip,
        pieces=tuple(pieces),
        splits=splits,
        operands=operands,
        product_cores=_product_cores(graph, chip, limits, widths),
    )
    reasons = reasons_of(mapping, settings, n_frames, ranges)
    return replace(mapping, reasons=(*reasons, *too_wide))


def _product_cores(
    graph: Graph, chip: Chip, limits: dict[str, int], widths: Widths
) -> dict[Operands, int]:
    """Cores of all matrix products by where their operands are kept; nothing without any."""
    products = [node for node in graph.products if node.name in widths]
    kept: dict[Operands, Widths] = {"neurons": {}, "memory": widths}
    return {
        where: sum(
            best_split(Demand(graph, node, chip, bits.get(node.name)), limits)[0].n_pieces
            for node in products
        )
        for where, bits in kept.items()
        if products
    }


def _as_run(graph: Graph, settings: RunSettings, n_frames: int) -> tuple[Graph, RunSettings, int]:
    """What the chip runs. In rate each tick is a frame of spikes, that is a burst of one."""
    if settings.rate is None:
        return graph, settings, n_frames
    derived, _, n_ticks = as_run(graph, settings, n_frames)
    return derived, RunSettings("burst", "pipelined"), n_ticks


def _cut_for_edges(
    graph: Graph,
    demands: dict[str, Demand],
    cut: dict[str, tuple[Split, list[Piece]]],
    limits: dict[str, int],
    edges: int,
) -> None:
    """Cut nodes finer until no core has too many edges; finer targets mean more edges again."""
    for _ in range(_ROUNDS):
        for name, demand in demands.items():
            split, parts = cut[name]
            ports = {
                p.name: port_split(graph.nodes[p.target], p.port, cut[p.target][0])
                for p in demand.outgoing
            }
            out = axons_out(demand, split, ports)
            cut[name] = (
                split,
                [
                    replace(piece, axons_out=edges_of)
                    for piece, edges_of in zip(parts, out, strict=True)
                ],
            )
        over = [
            n for n, (_, parts) in cut.items() if max(p.use["axons_out"] for p in parts) > edges
        ]
        finer = [n for n in over if max(p.n_neurons for p in cut[n][1]) > 1]
        if not finer:
            return
        for name in finer:
            most = max(cut[name][1], key=lambda piece: piece.use["axons_out"])
            fewer = max(most.n_neurons * edges // most.use["axons_out"], 1)
            cut[name] = best_split(demands[name], {**limits, "neurons": fewer})
