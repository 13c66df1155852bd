"""What a target has to have for a graph, beyond the widths of registers: delays, graded spikes."""

from __future__ import annotations

from snnc.ir.codes import RunSettings
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Graph
from snnc.ir.limits import Limits
from snnc.ir.ranges import analyse
from snnc.ir.rate import METADATA, as_run
from snnc.ir.schedule import make_schedule

_ELSEWHERE = "use a target with graded spikes (`sim`, `loihi2`)"


def check_fit(graph: Graph, settings: RunSettings, limits: Limits, n_frames: int = 1) -> None:
    """Refuse an integer graph that needs delays or events that the target does not have.

    Raises:
        NotExecutable: it has no rate, in code `rate`.
        UnsupportedByTarget: with what is needed, where, and the way out.
    """
    unit_spikes = settings.unit_spikes or METADATA in graph.metadata
    graph, settings, n_frames = as_run(graph, settings, n_frames)
    if limits.max_delay is not None:
        make_schedule(graph, settings, limits.max_delay)
    if limits.payload_bits == 0:
        if not unit_spikes:
            raise UnsupportedByTarget(
                f"{limits.target} has unit spikes only, code `{settings.code}` needs graded ones",
                hint=f"use --code burst, or {_ELSEWHERE[4:]}",
            )
        _check_unit_spikes(graph, settings, limits.target, n_frames)


def _check_unit_spikes(graph: Graph, settings: RunSettings, target: str, n_frames: int) -> None:
    """A chip without graded spikes passes +1 and nothing else."""
    ranges = analyse(graph, settings, n_frames)
    for node in graph.nodes.values():
        if not any(graph.is_event(p) for p in graph.outgoing(node.name)):
            continue
        where = node.module_path or node.name
        if graph.emits(node.name) == "value":
            raise UnsupportedByTarget(
                f"passes integers on as graded events, {target} has unit spikes only",
                where=where,
                hint=_ELSEWHERE,
            )
        if int(ranges[node.name].out_lo.min()) < 0:
            raise UnsupportedByTarget(
                f"emits negative counts, the spikes of {target} carry no sign",
                where=where,
                hint=_ELSEWHERE,
            )
