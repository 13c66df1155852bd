"""What the host's part means for a model: marks, and the refusals that name its operators."""

from __future__ import annotations

from collections.abc import Mapping

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.regions import Region
from snnc.ir.errors import NeedsHost, UnsupportedOperator
from snnc.ir.nodes import HostOp, Population

_LISTED = 5
"""Operators that a refusal names."""


def mark_host(lowering: Lowering, regions: Mapping[str, Region]) -> None:
    """Note for every operator in a region that, and why, the host computes it."""
    for region in regions.values():
        for name in region.nodes:
            reason = lowering.sent.get(name)
            lowering.mark(name, "host", reason.what if reason else "it joins the host's part")


def needs_host(lowering: Lowering, regions: Mapping[str, Region]) -> NeedsHost:
    """Says which operators would be the host's, and why those that began it."""
    inside = [name for region in regions.values() for name in region.nodes]
    nodes = {node.name: node for node in lowering.view.nodes}
    # what only belongs to another's part has that one's reason
    own = [lowering.sent[n] for n in inside if n in lowering.sent]
    own = [reason for reason in dict.fromkeys(own) if reason not in lowering.joining]
    listed = [f"{reason.where}: {reason.what}" for reason in own]
    if not listed:
        listed = [f"{nodes[name].where} depends on analog input alone" for name in inside]
    more = f"; and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    grid = "declare an input grid: --input-range LO,HI --input-bits B"
    return NeedsHost(
        f"{len(inside)} operators would stay on the host: {'; '.join(listed[:_LISTED])}{more}",
        where=own[0].where if len(own) == 1 else lowering.view.source.name,
        hint=own[0].hint if own else grid,
    )


def require_neurons(lowering: Lowering) -> None:
    """A model that only the host computes is no spiking network.

    Raises:
        UnsupportedOperator: nothing in the model fires.
    """
    nodes = lowering.builder.nodes.values()
    if any(isinstance(n, Population) and n.model.emits == "count" for n in nodes):
        return
    if any(isinstance(n, Population) and n.model.has_state for n in nodes):
        return
    if any(isinstance(n, HostOp) and n.result == "count" for n in nodes):
        return
    first = next(iter(lowering.sent.values()), None)
    because = f"; {first.what}" if first else ""
    raise UnsupportedOperator(
        f"the output does not depend on any integer activation{because}",
        where=first.where if first else lowering.view.source.name,
        hint=first.hint
        if first
        else "a model needs integer activations to become a spiking network",
    )
