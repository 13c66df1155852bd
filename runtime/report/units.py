"""Energies in the unit that reads best."""

from __future__ import annotations

_UNITS = ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))


def energy_unit(picojoule: float) -> tuple[float, str]:
    """Factor (pJ) and name of the unit that an energy reads best in."""
    return next((unit for unit in _UNITS if abs(picojoule) >= unit[0]), _UNITS[-1])


def energy_text(picojoule: float) -> str:
    """Three digits and a unit: "12.3 nJ"."""
    factor, unit = energy_unit(picojoule)
    return f"{picojoule / factor:.3g} {unit}"


def range_text(low: float, high: float) -> str:
    """What stands behind an energy where publications differ: " (10 nJ to 12 nJ)"."""
    return f" ({energy_text(low)} to {energy_text(high)})" if low < high else ""
