"""A chip so small that a small network fills it."""

from __future__ import annotations

from pathlib import Path

TEXT = """
title = "Tiny"
process = "none"
payload = "graded"
note = "for tests"

[limits]
cores_per_chip = 4
neurons_per_core = {neurons}
source = "made up"
{mesh}
"""
MESH = """
[mesh]
columns = 2
rows = 2
cores_per_router = 1
source = "made up"
"""


def write_chip(folder: Path, *, neurons: int = 2, mesh: bool = True) -> Path:
    """Its file; cores hold so many neurons."""
    path = folder / "tiny-chip.toml"
    path.write_text(TEXT.format(neurons=neurons, mesh=MESH if mesh else ""))
    return path
