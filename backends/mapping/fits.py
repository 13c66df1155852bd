"""Does a mapped graph fit its chip, and what would make it fit?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from typing import TypeAlias

from snnc.backends.chips import Chip, NeuronSupport
from snnc.backends.chips.chip import LIF
from snnc.backends.lava.plan import Plan
from snnc.backends.lava.stock import stock_lif, why_not_stock
from snnc.backends.mapping.model import Mapping, Reason
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable, UnsupportedByTarget, WidthExceeded
from snnc.ir.fit import check_fit
from snnc.ir.graph import Graph
from snnc.ir.nodes import Node, Population
from snnc.ir.ranges import NodeRange, analyse
from snnc.ir.schedule import make_schedule
from snnc.ir.widths import check_width

Ranges: TypeAlias = MappingOf[str, NodeRange]

_NAMES = {
    "neurons": "neurons",
    "synapse_words": "words of synaptic memory",
    "axons_in": "incoming axons",
    "axon_map": "routing entries",
    "axons_out": "edges to other cores",
}
_FEWER_INPUTS = (
    "pool or stride before the layer, so that it has fewer inputs",
    "split its inputs over two accumulators and add their sums",
)
_RATE = "code `rate` with `--rate-reset zero` (inexact)"
_PIPELINED = "schedule `pipelined`: with each tick a frame of its own, they are the chip's LIF"
_WAYS_OUT = {
    "neurons": (
        "operands in the core's memory (--operands memory)",
        "fewer tokens or features where the operands meet",
    ),
    "synapse_words": ("fewer weight bits (--weight-bits)", *_FEWER_INPUTS),
    "axons_in": _FEWER_INPUTS,
    "axon_map": ("fewer neurons in the layer",),
    "axons_out": ("fewer neurons in the next layer, so that it takes fewer cores",),
}


def reasons_of(
    mapping: Mapping, settings: RunSettings, n_frames: int, ranges: Ranges | None
) -> tuple[Reason, ...]:
    """What speaks against fitting, and what rests on assumptions.

    Args:
        mapping: whose reasons are asked for.
        settings, n_frames: of the mapping's graph.
        ranges: of its nodes, None where there are no bounds.
    """
    graph = mapping.graph
    return (
        *_of_cores(mapping),
        *_of_neurons(graph, mapping.chip, settings, ranges),
        *_of_formats(graph, mapping.chip, settings, n_frames, ranges),
        *_of_unknowns(mapping.chip),
    )


def bounds(
    graph: Graph, settings: RunSettings, n_frames: int
) -> tuple[Ranges | None, list[Reason]]:
    """Worst cases of all nodes, or None and why there are none."""
    try:
        return analyse(graph, settings, n_frames), []
    except WidthExceeded as error:
        return None, [Reason.of(error)]


def _of_cores(mapping: Mapping) -> Iterator[Reason]:
    """Limits of a core that a node breaks however it is cut."""
    limits = mapping.chip.core_limits()
    for name in mapping.splits:
        for kind, limit in limits.items():
            have = max(piece.use[kind] for piece in mapping.pieces_of(name))
            if have > limit:
                yield Reason(
                    what=f"a core of it needs {have} {_NAMES[kind]}, {have - limit} more than "
                    f"{mapping.chip.name} has, and it cannot be cut finer",
                    where=(_user_name(mapping.graph.nodes[name]),),
                    limit=limit,
                    have=have,
                    ways_out=_WAYS_OUT[kind],
                )


def _of_neurons(
    graph: Graph, chip: Chip, settings: RunSettings, ranges: Ranges | None
) -> Iterator[Reason]:
    """Neurons that the chip does not compute as they are."""
    if chip.neurons is None:
        return
    own = chip.neurons.models
    every_tick = replace(settings, schedule="pipelined")
    plan, at_best = (
        _plan(graph, chip, chosen, ranges) if LIF in own and ranges is not None else None
        for chosen in (settings, every_tick)
    )
    where: dict[str, list[str]] = defaultdict(list)
    why: dict[str, dict[str, None]] = defaultdict(dict)
    pipelined = set()
    read_only = []
    kinds = [(node, node.model.kind) for node in graph.populations]
    for node, kind in (*kinds, *((node, node.kind) for node in graph.products)):
        if kind in own or (plan is not None and _is_lif(plan, node)):
            continue
        is_read = not any(graph.is_event(p) for p in graph.outgoing(node.name))
        if kind == "accumulator" and is_read:
            read_only.append(_user_name(node))
        else:
            where[kind].append(_user_name(node))
            if at_best is not None and isinstance(node, Population):
                other = why_not_stock(at_best, node)
                if other is not None:
                    why[kind][other] = None
                elif _is_lif(at_best, node):
                    pipelined.add(kind)
    if read_only:
        yield Reason(
            what="its membranes are read and cleared after each frame by the chip's processors",
            where=tuple(read_only),
            verdict="assumed",
        )
    for kind, names in where.items():
        reason = _lacking(chip, chip.neurons, kind, tuple(names), kind in pipelined)
        yield replace(reason, what=f"{reason.what}{_not_its_lif(list(why[kind]))}")


def _not_its_lif(why: list[str]) -> str:
    """What keeps neurons that are nearly the chip's LIF from being it."""
    if not why:
        return ""
    return f"; they are not its LIF: {'; '.join(why[:2])}{'; …' if len(why) > 2 else ''}"


def _lacking(
    chip: Chip, neurons: NeuronSupport, kind: str, where: tuple[str, ...], pipelined: bool
) -> Reason:
    """A neuron model that the chip does not have; `pipelined`: not in this schedule."""
    ways_out = [_PIPELINED] if pipelined else []
    if neurons.programmable:
        return Reason(
            what=f"`{kind}` neurons need a program of their own, and the limits of programs of "
            f"{chip.name} are not public",
            where=where,
            ways_out=tuple(ways_out),
            verdict="assumed",
        )
    if kind == "integer-fire":
        ways_out.append(_RATE)
    if kind == "max":
        ways_out.append(f"{_RATE}, with `--rate-pools average`")
    return Reason(
        what=f"{chip.name} has no `{kind}` neurons and cannot be programmed to have them",
        where=where,
        ways_out=(*ways_out, "a chip with programmable neurons (`loihi2`)"),
    )


def _plan(graph: Graph, chip: Chip, settings: RunSettings, ranges: Ranges) -> Plan | None:
    """What the test for Lava's LIF looks at, None where a loop forbids the schedule."""
    try:
        schedule = make_schedule(graph, settings)
    except NotExecutable:
        return None
    return Plan(
        graph=graph,
        settings=settings,
        limits=chip.widths(),
        conv="sparse",
        schedule=schedule,
        ranges=ranges,
        nodes=(),
    )


def _is_lif(plan: Plan, node: Node) -> bool:
    return isinstance(node, Population) and stock_lif(plan, node) is not None


def _of_formats(
    graph: Graph, chip: Chip, settings: RunSettings, n_frames: int, ranges: Ranges | None
) -> Iterator[Reason]:
    """Events, delays and widths that the chip does not have; the first of each kind."""
    if ranges is None:
        return
    widths = chip.widths()
    try:
        check_fit(graph, settings, widths, n_frames)
    except (NotExecutable, UnsupportedByTarget) as error:
        yield Reason.of(error)
    try:
        check_width(graph, ranges, widths)
    except WidthExceeded as error:
        yield Reason.of(error)


def _of_unknowns(chip: Chip) -> Iterator[Reason]:
    """What the chip file leaves open."""
    open_points = {
        "how many neurons a core has": chip.limit("neurons_per_core"),
        "how much synaptic memory a core has": chip.limit("synapse_words_per_core"),
        "how synapses are stored": chip.synapses,
        "which neurons the chip computes": chip.neurons,
    }
    unknown = [point for point, known in open_points.items() if known is None]
    if unknown:
        yield Reason(
            what=f"the chip file does not say {', '.join(unknown)}", where=(), verdict="assumed"
        )


def _user_name(node: Node) -> str:
    return node.module_path or node.name
