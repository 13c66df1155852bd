"""What a hardware file says: limits, and energy figures with where each one comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from snnc.backends.base import Counters
from snnc.backends.chips.chip import Chip, Payload
from snnc.runtime.energy.memory import MemoryCounters

Basis: TypeAlias = Literal["measured", "simulated", "derived", "unstated"]
Checked: TypeAlias = Literal["primary", "abstract", "reprint", "quoted", "unchecked"]
Part: TypeAlias = Literal["synapses", "neurons", "spikes", "hops", "memory", "static"]

PARTS: tuple[Part, ...] = get_args(Part)
"""What an energy is made of, one line each in every report."""
CHECKED: dict[str, str] = {
    "primary": "the publication itself was read",
    "abstract": "read in the publication's title or abstract",
    "reprint": "read in another publication's table that reprints it",
    "quoted": "taken from later works that quote it; the publication was not opened",
    "unchecked": "not checked by snnc",
}
"""How far a figure was verified by us."""

SYNAPTIC_COUNTERS: tuple[str, ...] = tuple(f.name for f in fields(Counters))
"""Counters of projections."""
MEMORY_COUNTERS: tuple[str, ...] = tuple(f.name for f in fields(MemoryCounters))
"""Counters of memory traffic, in bits."""
MAPPING_COUNTERS: tuple[str, ...] = ("hops_east_west", "hops_north_south", "chip_crossings")
"""Counters that a placement on cores gives."""
CHIP_TICKS = "chip_ticks"
"""Chips x ticks of a sample: what static power is paid for."""

PART_OF: dict[str, Part] = {
    **dict.fromkeys(SYNAPTIC_COUNTERS, "synapses"),
    "max_pool_inputs": "synapses",
    "neuron_updates": "neurons",
    "neuron_latches": "neurons",
    "events": "spikes",
    "spikes": "spikes",
    **dict.fromkeys(MAPPING_COUNTERS, "hops"),
    **dict.fromkeys(MEMORY_COUNTERS, "memory"),
    CHIP_TICKS: "static",
}
"""Which part of an energy a counter is paid in; its keys are the counters that figures may name."""
USUAL_PARTS: tuple[Part, ...] = ("synapses", "neurons", "spikes", "hops")
"""Parts in the total where a file does not say."""


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
        checked: how far the figure was verified by us, a key of `CHECKED`.
        evidence: the same in words.
        process: technology and supply voltage.
        low, high: what other publications print, or the same one for another case; pJ.
        range_from: where `low` and `high` come from.
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
    checked: Checked = "unchecked"
    low: float | None = None
    high: float | None = None
    range_from: str | None = None

    @property
    def part(self) -> Part:
        """The part of the energy that it is paid in."""
        return PART_OF[self.counter]

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest published figure, pJ."""
        low = self.picojoule if self.low is None else self.low
        return low, self.picojoule if self.high is None else self.high

    def to_json(self) -> dict[str, Any]:
        """All attributes by name, and the part."""
        return {**asdict(self), "part": self.part}


@dataclass(frozen=True, kw_only=True)
class System:
    """A measurement of a whole system, which no counter can be multiplied with.

    Attributes:
        what: was measured.
        value, unit: of the measurement.
        covers: what is in it.
        publication, table, basis, checked, evidence: as of a `Figure`.
    """

    what: str
    value: float
    unit: str
    covers: str
    publication: str
    table: str
    basis: Basis
    evidence: str
    checked: Checked = "unchecked"

    def to_json(self) -> dict[str, Any]:
        """All attributes by name."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A chip, or a bare process, that energy is estimated for.

    Attributes:
        chip: what it is and what limits it.
        figures: energy by operation; empty where none are published.
        systems: measured whole systems.
        total: parts that the total adds up; the others are shown beside it.
    """

    chip: Chip
    figures: tuple[Figure, ...] = ()
    systems: tuple[System, ...] = ()
    total: tuple[Part, ...] = USUAL_PARTS

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

    @property
    def parts(self) -> tuple[Part, ...]:
        """Parts that there is a figure for."""
        known = {figure.part for figure in self.figures}
        return tuple(part for part in PARTS if part in known)

    def to_json(self) -> dict[str, Any]:
        """The chip's texts and limits, figures and systems as objects."""
        return {
            "name": self.name,
            "title": self.title,
            "process": self.process,
            "payload": self.payload,
            "note": self.note,
            "limits": {name: limit.to_json() for name, limit in self.chip.limits.items()},
            "figures": [
                {**figure.to_json(), "in_total": figure.part in self.total}
                for figure in self.figures
            ],
            "systems": [system.to_json() for system in self.systems],
        }
