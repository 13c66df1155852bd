"""Energies in the unit that reads best."""

from __future__ import annotations

_UNITS = ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))


def energy_text(picojoule: float) -> str:
    """Three digits and a unit: "12.3 nJ"."""
    for factor, unit in _UNITS:
        if abs(picojoule) >= factor:
            return f"{picojoule / factor:.3g} {unit}"
    return f"{picojoule:.3g} pJ"


def range_text(low: float, high: float) -> str:
    """What stands behind an energy where publications differ: " (10 nJ to 12 nJ)"."""
    return f" ({energy_text(low)} to {energy_text(high)})" if low < high else ""
