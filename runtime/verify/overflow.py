"""Promise 3: worst-case bounds of every membrane, current and payload, against the target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from snnc.backends.registry import get_target
from snnc.ir.codes import RunSettings
from snnc.ir.errors import UnknownBackend, WidthExceeded
from snnc.ir.graph import Graph
from snnc.ir.limits import SIM, Limits
from snnc.ir.ranges import analyse
from snnc.ir.rate import as_run
from snnc.ir.widths import check_width, saturated


@dataclass(frozen=True, kw_only=True)
class Overflow:
    """Result of the interval analysis.

    Attributes:
        target: whose widths are kept.
        error: what passes them, None if nothing does.
        membrane_bits: two's complement width that each node's membrane needs, by node.
    """

    target: str
    error: WidthExceeded | None
    membrane_bits: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing can pass its width."""
        return self.error is None

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {
            "ok": self.ok,
            "target": self.target,
            "error": self.error.to_json() if self.error else None,
            "largest_membrane_bits": max(self.membrane_bits.values(), default=None),
        }


def check_overflow(graph: Graph, target: str, settings: RunSettings, n_frames: int) -> Overflow:
    """Analyse an integer graph for a target's widths."""
    limits = target_limits(target)
    bits: dict[str, int] = {}
    try:
        graph, settings, n_frames = as_run(graph, settings, n_frames)
        ranges = saturated(graph, analyse(graph, settings, n_frames), limits)
        bits = {name: r.membrane_bits for name, r in ranges.items()}
        check_width(graph, ranges, limits)
    except WidthExceeded as error:
        return Overflow(target=limits.target, error=error, membrane_bits=bits)
    return Overflow(target=limits.target, error=None, membrane_bits=bits)


def target_limits(target: str) -> Limits:
    """Limits of an installed target, those of the simulators for any other."""
    try:
        return get_target(target).limits
    except UnknownBackend:
        return SIM  # converted for a backend that is not installed here: int64 must hold anyway
