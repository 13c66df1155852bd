"""Energies that may stand side by side: of the same figures, parts and knowledge of a placement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from snnc.ir.errors import BadInputFile
from snnc.runtime.energy.figures import CHIP_TICKS, MAPPING_COUNTERS

Given: TypeAlias = tuple[Mapping[str, Any], str]
"""A report's JSON object, checked, and what it is called in errors."""


def check_alike(hardware: str, first: Given, other: Given) -> None:
    """Refuse a report whose energy on a chip is not the sum that the first one's is.

    Args:
        hardware: name of the chip, for which both have an energy.
        first: of the comparison.
        other: the report that is refused.

    Raises:
        BadInputFile: it says what differs, and how to make them alike.
    """
    (one, known), (two, where) = first, other
    chips = [report["energy"][hardware]["hardware"] for report in (one, two)]
    if chips[0]["figures"] != chips[1]["figures"]:
        raise BadInputFile(
            f"its figures of `{hardware}` are not those of the other reports",
            where=where,
            hint="report again with one hardware file for all",
        )
    parts, others = _added_up(one, hardware), _added_up(two, hardware)
    if parts != others:
        raise BadInputFile(
            f"its energy on `{hardware}` adds up {_listed(others)}; that of the first, {known}: "
            f"{_listed(parts)}",
            where=where,
            hint="report again with the same --include and --exclude for all",
        )
    placed, also = _placed(one, hardware), _placed(two, hardware)
    if placed != also:
        has, lacks = f"that of the first, {known}, has", "its own has"
        said = f"{has} one, {lacks} none" if placed else f"{lacks} one, {has} none"
        raise BadInputFile(
            f"energies on `{hardware}` with and without a mapping: {said}",
            where=where,
            hint=f"report again with `--map {hardware}` for all, or for none",
        )


def _added_up(report: Mapping[str, Any], hardware: str) -> list[str]:
    """Parts in the total."""
    parts = report["energy"][hardware]["parts"]
    return [part for part, energy in parts.items() if energy["in_total"]]


def _placed(report: Mapping[str, Any], hardware: str) -> bool:
    """Does the total depend on a placement on cores, and was there one?"""
    energy, mapping = report["energy"][hardware], report["mapping"]
    kept = _added_up(report, hardware)
    counters = {f["counter"] for f in energy["hardware"]["figures"] if f["part"] in kept}
    depends = not counters.isdisjoint({*MAPPING_COUNTERS, CHIP_TICKS})
    return depends and mapping is not None and mapping["target"] == hardware


def _listed(parts: list[str]) -> str:
    return ", ".join(parts) or "nothing"
