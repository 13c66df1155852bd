"""Energy figures of chip files, beside what `backends.chips` reads in them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from snnc.backends.chips import chip_names, parse_chip
from snnc.backends.chips.place import Place
from snnc.backends.chips.toml import check_choice, check_keys, number, read_chip, table, text
from snnc.ir.errors import UnknownHardware, WrongUsage
from snnc.runtime.energy.figures import (
    CHECKED,
    PART_OF,
    PARTS,
    USUAL_PARTS,
    Basis,
    Figure,
    Hardware,
    Part,
    System,
)

_ORIGIN = ("covers", "publication", "table", "basis", "evidence")
_FIGURE = {"counter", "picojoule", *_ORIGIN}
_RANGE = {"low", "high", "range_from"}


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
    return _hardware(*read_chip(name))


def load_each(names: Iterable[str | os.PathLike[str]]) -> tuple[Hardware, ...]:
    """Read hardware files whose energies stand side by side, by name.

    Args:
        names: as of `load_hardware`.

    Raises:
        UnknownHardware: as of `load_hardware`.
        WrongUsage: two have one name, so that one's energies would stand in the other's place.
    """
    found: dict[str, Hardware] = {}
    for each in names:
        chip = load_hardware(each)
        if chip.name in found:
            raise WrongUsage(
                f"two hardware files are called `{chip.name}`",
                where=os.fspath(each),
                hint="name each once, and rename a file that is another's namesake",
            )
        found[chip.name] = chip
    return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class HardwareCheck:
    """What is wrong with a hardware file.

    Attributes:
        file: that was checked.
        hardware: what it says; None where something is wrong.
        errors: all that was found, in the order of the file's tables.
    """

    file: str
    hardware: Hardware | None
    errors: tuple[UnknownHardware, ...]

    @property
    def ok(self) -> bool:
        """Is nothing wrong?"""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc hardware check --json`."""
        return {
            "ok": self.ok,
            "file": self.file,
            "errors": [error.to_json() for error in self.errors],
            "hardware": None if self.hardware is None else self.hardware.to_json(),
        }


def check_hardware(name: str | os.PathLike[str]) -> HardwareCheck:
    """Read a hardware file and say all that is wrong with it.

    In a table that lacks keys, or has unknown ones, values are looked at once that is mended.

    Args:
        name: as of `load_hardware`.
    """
    errors: list[UnknownHardware] = []
    hardware = None
    try:
        hardware = _hardware(*read_chip(name, found=errors))
    except UnknownHardware as error:
        errors.append(error)
    return HardwareCheck(
        file=os.fspath(name), hardware=None if errors else hardware, errors=tuple(errors)
    )


def _hardware(content: dict[str, Any], name: str, place: Place) -> Hardware:
    chip = parse_chip(content, name, place)
    empty: dict[str, Any] = {}
    energy = place.attempt(lambda: table(content, "energy", place), empty)
    inside = place.inside("energy")
    figures = [
        place.attempt(lambda key=key: _figure(energy, key, chip.process, inside), None)  # type: ignore[misc]
        for key in energy
    ]
    return Hardware(
        chip=chip,
        figures=tuple(figure for figure in figures if figure is not None),
        systems=place.attempt(lambda: _systems(content, place), ()),
        total=place.attempt(lambda: _total(content, place), USUAL_PARTS),
    )


def _figure(energy: dict[str, Any], key: str, process: str, outer: Place) -> Figure:
    content, place = table(energy, key, outer), outer.inside(key)
    check_keys(content, _FIGURE | _RANGE | {"process", "checked"}, _FIGURE, place)
    check_choice(text(content, "counter", place), tuple(PART_OF), "counter", place, "counter")
    found = Figure(
        key=key,
        counter=content["counter"],
        picojoule=number(content, "picojoule", place),
        process=text(content, "process", place) if "process" in content else process,
        low=number(content, "low", place) if "low" in content else None,
        high=number(content, "high", place) if "high" in content else None,
        range_from=text(content, "range_from", place) if "range_from" in content else None,
        **_origin(content, place),
    )
    low, high = found.bounds
    if not low <= found.picojoule <= high:
        raise place.error("`picojoule` must lie between `low` and `high`", "picojoule")
    if (found.low is None and found.high is None) != (found.range_from is None):
        raise place.error("`low` and `high` need `range_from`, and it needs one of them", "low")
    return found


def _systems(content: dict[str, Any], place: Place) -> tuple[System, ...]:
    given = content.get("systems", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise place.error("`systems` must be tables: [[systems]]", "systems")
    return tuple(
        _system(each, place.inside(f"systems.{index}")) for index, each in enumerate(given, 1)
    )


def _system(content: dict[str, Any], place: Place) -> System:
    required = {"what", "value", "unit", *_ORIGIN}
    check_keys(content, required | {"checked"}, required, place)
    return System(
        what=text(content, "what", place),
        value=number(content, "value", place),
        unit=text(content, "unit", place),
        **_origin(content, place),
    )


def _origin(content: dict[str, Any], place: Place) -> dict[str, Any]:
    """What a figure and a measured system have in common."""
    texts = {key: text(content, key, place) for key in _ORIGIN}
    check_choice(texts["basis"], get_args(Basis), "basis", place, "basis")
    if "checked" in content:
        texts["checked"] = text(content, "checked", place)
        check_choice(texts["checked"], tuple(CHECKED), "value of `checked`", place, "checked")
    return texts


def _total(content: dict[str, Any], place: Place) -> tuple[Part, ...]:
    given = content.get("total", list(USUAL_PARTS))
    if not isinstance(given, list) or not given:
        raise place.error(f"`total` must be a list of {', '.join(PARTS)}", "total")
    for part in given:
        check_choice(str(part), PARTS, "part", place, "total")
    return tuple(part for part in PARTS if part in given)
