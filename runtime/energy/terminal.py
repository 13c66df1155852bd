"""Hardware files for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from snnc.runtime.energy.figures import CHECKED, Figure, Hardware, System
from snnc.runtime.energy.loader import HardwareCheck
from snnc.runtime.tables import key_values, number, table

if TYPE_CHECKING:
    from rich.console import RenderableType


def overview(hardware: Iterable[Hardware]) -> list[RenderableType]:
    """One line for each chip."""
    rows = [(chip.name, chip.title, chip.process, _covered(chip)) for chip in hardware]
    return [table(("name", "chip", "process", "figures for"), rows)]


def _covered(chip: Hardware) -> str:
    if chip.figures:
        return ", ".join(chip.parts)
    return "none; measured systems" if chip.systems else "none"


def sheet(chip: Hardware) -> list[RenderableType]:
    """All that a hardware file says."""
    facts = {
        "name": chip.name,
        "chip": chip.title,
        "process": chip.process,
        "spikes": chip.payload,
        "in the total": ", ".join(part for part in chip.parts if part in chip.total) or None,
        "note": chip.note,
    }
    parts: list[RenderableType] = [key_values(facts)]
    parts += [_figure(figure) for figure in chip.figures]
    parts += [_system(system) for system in chip.systems]
    if chip.chip.limits:
        rows = [(name, limit.value, limit.source) for name, limit in chip.chip.limits.items()]
        parts.append(table(("limit", "value", "source"), rows, title="Limits"))
    return parts


def _figure(figure: Figure) -> RenderableType:
    low, high = figure.bounds
    span = f", published {number(low)} to {number(high)} pJ" if low < high else ""
    facts = {
        "multiplies": f"{figure.counter} ({figure.part})",
        "energy": f"{number(figure.picojoule)} pJ{span}",
        "range": figure.range_from,
        **_origin(figure),
        "process": figure.process,
    }
    return key_values(facts, title=figure.key)


def _system(system: System) -> RenderableType:
    facts = {"value": f"{number(system.value)} {system.unit}", **_origin(system)}
    return key_values(facts, title=f"Whole system: {system.what}")


def _origin(given: Figure | System) -> dict[str, str]:
    return {
        "covers": given.covers,
        "source": f"{given.publication}: {given.table}",
        "basis": given.basis,
        "verified": f"{given.checked}: {CHECKED[given.checked]}",
        "evidence": given.evidence,
    }


def checked(result: HardwareCheck) -> list[RenderableType]:
    """What is wrong, or what the file holds."""
    if result.hardware is not None:
        chip = result.hardware
        found = {"ok": "yes", "figures": len(chip.figures), "measured systems": len(chip.systems)}
        return [key_values({"file": result.file, **found, "limits": len(chip.chip.limits)})]
    rows = [(error.where or result.file, error.what) for error in result.errors]
    return [table(("where", "what is wrong"), rows)]
