"""What a hardware file says: limits, and energy figures with where each one comes from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from snnc.backends.base import Counters, NodeCounters
from snnc.backends.chips.chip import Chip, Payload

Basis: TypeAlias = Literal["measured", "simulated", "derived", "unstated"]

SYNAPTIC_COUNTERS: tuple[str, ...] = tuple(f.name for f in fields(Counters))
"""Counters of projections."""
NODE_COUNTERS: tuple[str, ...] = tuple(f.name for f in fields(NodeCounters))
"""Counters of populations."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The published energy of one kind of operation.

    Attributes:
        key: name within the hardware file.
        counter: the counter that it multiplies.
        picojoule: energy of one operation, pJ.
        covers: what is in the figure and what is not.
        publication, table: where it was published.
        basis: how the publication got it.
        evidence: how far the figure was checked by us.
        process: technology and supply voltage.
    """

    key: str
    counter: str
    picojoule: float
    covers: str
    publication: str
    table: str
    basis: Basis
    evidence: str
    process: str

    def to_json(self) -> dict[str, Any]:
        """All attributes by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A chip, or a bare process, that energy is estimated for.

    Attributes:
        chip: what it is and what limits it.
        figures: energy by operation; empty where none are published.
    """

    chip: Chip
    figures: tuple[Figure, ...] = ()

    @property
    def name(self) -> str:
        """As on the command line."""
        return self.chip.name

    @property
    def title(self) -> str:
        """For people."""
        return self.chip.title

    @property
    def process(self) -> str:
        """Technology and supply voltage."""
        return self.chip.process

    @property
    def payload(self) -> Payload:
        """`unit` where the chip has unit spikes only, else `graded`."""
        return self.chip.payload

    @property
    def note(self) -> str:
        """What the figures leave out and what to mind."""
        return self.chip.note

    def to_json(self) -> dict[str, Any]:
        """The chip's texts and limits, figures as objects."""
        return {
            "name": self.name,
            "title": self.title,
            "process": self.process,
            "payload": self.payload,
            "note": self.note,
            "limits": {name: limit.to_json() for name, limit in self.chip.limits.items()},
            "figures": [figure.to_json() for figure in self.figures],
        }
