"""Reading a chip file: shipped ones by name, users' own by path, checked key by key."""

from __future__ import annotations

import math
import os
import tomllib
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from snnc.backends.chips.place import Place, line_index
from snnc.ir.errors import UnknownHardware
from snnc.ir.registry import did_you_mean

_LARGEST_FILE = 1 << 20
_PACKAGE = "snnc.backends.chips"


def chip_names() -> list[str]:
    """Names of the shipped files."""
    names = (file.name for file in resources.files(_PACKAGE).iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_chip(
    name: str | os.PathLike[str], *, found: list[UnknownHardware] | None = None
) -> tuple[dict[str, Any], str, Place]:
    """Content of a chip file, its stem, and its place for messages.

    Args:
        name: of a shipped file ("loihi1"), or the path of a user's TOML file.
        found: takes all errors that reading its tables meets; None: the first one is raised.

    Raises:
        UnknownHardware: there is no such file, or it is no TOML.
    """
    text, stem, where = _read(name)
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnknownHardware(f"not valid TOML: {error}", where=where) from None
    return content, stem, Place(where, lines=line_index(text), found=found)


def _read(name: str | os.PathLike[str]) -> tuple[str, str, str]:
    if isinstance(name, str) and name in chip_names():
        shipped = resources.files(_PACKAGE).joinpath(f"{name}.toml")
        return shipped.read_text(encoding="utf-8"), name, f"hardware {name}"
    path = Path(name)
    if path.suffix != ".toml" and not path.exists():
        raise UnknownHardware(
            f"there is no hardware `{name}`{did_you_mean(str(name), chip_names())}",
            hint="`snnc hardware` lists what is shipped; the path of a .toml file is taken as well",
        )
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnknownHardware(f"cannot be read: {error}", where=str(path)) from None
    if len(raw) > _LARGEST_FILE:
        raise UnknownHardware("is larger than 1 MiB", where=str(path))
    return text, path.stem, str(path)


def check_keys(content: dict[str, Any], known: set[str], required: set[str], place: Place) -> None:
    """Refuse unknown and missing keys; where all errors are wanted, each one is noted."""
    errors = [
        place.error(f"unknown key `{key}`{did_you_mean(key, sorted(known))}", key)
        for key in sorted(set(content) - known)
    ]
    errors += [place.error(f"lacks the key `{key}`") for key in sorted(required - set(content))]
    if place.found is not None:
        place.found.extend(errors[1:])
    if errors:
        raise errors[0]


def check_choice(value: str, known: tuple[str, ...], what: str, place: Place, key: str) -> None:
    """Refuse a value that is none of `known`."""
    if value not in known:
        raise place.error(f"unknown {what} `{value}`{did_you_mean(value, list(known))}", key)


def text(content: dict[str, Any], key: str, place: Place) -> str:
    """A text that says something."""
    value = content[key]
    if not isinstance(value, str) or not value.strip():
        raise place.error(f"`{key}` must be a text that is not empty", key)
    return value


def table(content: dict[str, Any], key: str, place: Place) -> dict[str, Any]:
    """A table, empty where the file has none."""
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise place.error(f"`{key}` must be a table", key)
    return value


def integer(value: Any, key: str, place: Place, *, least: int = 0) -> int:
    """An integer that is not below `least`."""
    if type(value) is not int:
        raise place.error(f"`{key}` must be an integer", key)
    if value < least:
        raise place.error(f"`{key}` must be >= {least}", key)
    return value


def integers(content: dict[str, Any], key: str, place: Place) -> tuple[int, ...]:
    """A list of ascending integers >= 0, not empty."""
    value = content[key]
    if not isinstance(value, list) or not value:
        raise place.error(f"`{key}` must be a list of integers", key)
    numbers = tuple(integer(item, key, place) for item in value)
    if any(b <= a for a, b in pairwise(numbers)):
        raise place.error(f"`{key}` must rise", key)
    return numbers


def number(content: dict[str, Any], key: str, place: Place) -> float:
    """A finite number that is not below 0."""
    value = content[key]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise place.error(f"`{key}` must be a number >= 0", key)
    return float(value)
