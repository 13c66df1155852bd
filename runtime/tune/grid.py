"""What is tried: weight bits x activation levels x event code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snnc.ir.codes import CODES
from snnc.ir.errors import UnsupportedByTarget, WrongUsage
from snnc.ir.registry import did_you_mean
from snnc.runtime.energy import Hardware

DEFAULT_BITS = (4, 6, 8)
DEFAULT_LEVELS = (3, 7, 15)
_EXACT = ("burst", "graded")
_WITH_PAYLOADS = ("graded", "delta")
_LARGEST_LEVELS = 2**16 - 1


@dataclass(frozen=True, order=True)
class Setting:
    """One point of the grid.

    Attributes:
        levels: D of the activations that are quantised; None: the source's own.
        bits: of the weights; None: the source's own integers.
        code: how counts travel.
    """

    levels: int | None
    bits: int | None
    code: str

    def __str__(self) -> str:
        bits = "its own weights" if self.bits is None else f"{self.bits} bits"
        levels = "its own levels" if self.levels is None else f"D = {self.levels}"
        return f"{bits}, {levels}, {self.code}"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"weight_bits": self.bits, "levels": self.levels, "code": self.code}


def checked_axes(
    bits: Sequence[int], levels: Sequence[int], codes: Sequence[str], rate_ticks: int | None
) -> None:
    """Refuse values that no setting can have.

    Raises:
        WrongUsage: such a value, named.
    """
    for b in bits:
        if not 2 <= b <= 16:
            raise WrongUsage(f"weights have 2 to 16 bits, not {b}")
    for d in levels:
        if not 1 <= d <= _LARGEST_LEVELS:
            raise WrongUsage(f"levels lie between 1 and {_LARGEST_LEVELS}, not {d}")
    for code in codes:
        if code not in CODES:
            raise WrongUsage(f"unknown code `{code}`{did_you_mean(code, list(CODES))}")
    if "rate" in codes and rate_ticks is None:
        raise WrongUsage("code `rate` needs a number of ticks", hint="--rate-ticks R")
    if "rate" not in codes and rate_ticks is not None:
        raise WrongUsage("--rate-ticks is for code `rate`", hint="name it in --codes")


def codes_for(chip: Hardware, asked: Sequence[str], n_frames: int) -> tuple[str, ...]:
    """The event codes to try: those asked for, or the exact ones that the chip can send.

    Args:
        chip: that energies are compared on.
        asked: by name; none: burst, graded and, where frames follow each other, delta.
        n_frames: of a sample.

    Raises:
        UnsupportedByTarget: the chip has unit spikes only, and the code sends payloads.
    """
    if chip.payload != "unit":
        return _unique(asked) or (*_EXACT, *(["delta"] if n_frames > 1 else []))
    for code in asked:
        if code in _WITH_PAYLOADS:
            raise UnsupportedByTarget(
                f"has unit spikes only, and code `{code}` sends payloads: there are no figures "
                "for it",
                where=chip.name,
                hint="--codes burst",
            )
    return _unique(asked) or ("burst",)


def settings_of(
    levels: Sequence[int | None], bits: Sequence[int | None], codes: Sequence[str]
) -> tuple[Setting, ...]:
    """All combinations, those of one quantised network together.

    Raises:
        WrongUsage: there is only one, so that nothing can be chosen.
    """
    found = tuple(
        Setting(d, b, code) for d in _unique(levels) for b in _unique(bits) for code in codes
    )
    if len(found) < 2:
        raise WrongUsage(
            f"there is nothing to choose between: {found[0]} alone",
            hint="name more --bits, --levels or --codes; for one setting: snnc report",
        )
    return found


def _unique(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))
