"""Energy figures of chip files, beside what `backends.chips` reads in them."""

from __future__ import annotations

import math
import os
from typing import Any, get_args

from snnc.backends.chips import chip_names, parse_chip
from snnc.backends.chips.toml import check_choice, check_keys, read_chip, table, text
from snnc.ir.errors import UnknownHardware
from snnc.runtime.energy.figures import (
    NODE_COUNTERS,
    SYNAPTIC_COUNTERS,
    Basis,
    Figure,
    Hardware,
)

_FIGURE_TEXTS = ("counter", "covers", "publication", "table", "basis", "evidence")


def list_hardware() -> list[Hardware]:
    """All shipped hardware files, by name."""
    return [load_hardware(name) for name in chip_names()]


def load_hardware(name: str | os.PathLike[str]) -> Hardware:
    """Read one hardware file.

    Args:
        name: of a shipped file ("loihi1"), or the path of a user's TOML file.

    Raises:
        UnknownHardware: there is no such file, or a key is missing, unknown or of a wrong type.
    """
    content, stem, where = read_chip(name)
    chip = parse_chip(content, stem, where)
    energy = table(content, "energy", where)
    figures = tuple(_figure(table(energy, key, where), key, chip.process, where) for key in energy)
    return Hardware(chip=chip, figures=figures)


def _figure(content: dict[str, Any], key: str, process: str, where: str) -> Figure:
    where = f"{where}, [energy.{key}]"
    required = {*_FIGURE_TEXTS, "picojoule"}
    check_keys(content, required | {"process"}, required, where)
    texts = {key: text(content, key, where) for key in _FIGURE_TEXTS}
    check_choice(texts["counter"], SYNAPTIC_COUNTERS + NODE_COUNTERS, "counter", where)
    check_choice(texts["basis"], get_args(Basis), "basis", where)
    picojoule = content["picojoule"]
    number = isinstance(picojoule, int | float) and not isinstance(picojoule, bool)
    if not number or not math.isfinite(picojoule) or picojoule < 0:
        raise UnknownHardware("`picojoule` must be a number >= 0", where=where)
    return Figure(
        key=key,
        picojoule=float(picojoule),
        process=text(content, "process", where) if "process" in content else process,
        **texts,  # type: ignore[arg-type]  # basis was checked above
    )
