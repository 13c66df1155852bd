"""What a hardware file says: limits, and energy figures with where each one comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from snnc.backends.base import Counters, NodeCounters

Basis: TypeAlias = Literal["measured", "simulated", "derived", "unstated"]
Payload: TypeAlias = Literal["unit", "graded"]

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
        name: as on the command line.
        title: for people.
        process: technology and supply voltage.
        payload: `unit` where the chip has unit spikes only, else `graded`.
        note: what the figures leave out and what to mind.
        limits: of the chip, by name; what is not public is absent.
        figures: energy by operation; empty where none are published.
    """

    name: str
    title: str
    process: str
    payload: Payload
    note: str
    limits: Mapping[str, int | str] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All attributes by name, figures as objects."""
        return {
            "name": self.name,
            "title": self.title,
            "process": self.process,
            "payload": self.payload,
            "note": self.note,
            "limits": dict(self.limits),
            "figures": [figure.to_json() for figure in self.figures],
        }
