"""Hardware files: TOML, checked key by key, shipped ones by name and users' own by path."""

from __future__ import annotations

import math
import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from snnc.ir.errors import UnknownHardware
from snnc.ir.registry import did_you_mean
from snnc.runtime.energy.figures import (
    NODE_COUNTERS,
    SYNAPTIC_COUNTERS,
    Basis,
    Figure,
    Hardware,
    Payload,
)

_LARGEST_FILE = 1 << 20
_TEXTS = ("title", "process", "payload", "note")
_FIGURE_TEXTS = ("counter", "covers", "publication", "table", "basis", "evidence")


def list_hardware() -> list[Hardware]:
    """All shipped hardware files, by name."""
    return [load_hardware(name) for name in _shipped()]


def load_hardware(name: str | os.PathLike[str]) -> Hardware:
    """Read one hardware file.

    Args:
        name: of a shipped file ("loihi1"), or the path of a user's TOML file.

    Raises:
        UnknownHardware: there is no such file, or a key is missing, unknown or of a wrong type.
    """
    text, stem, where = _read(name)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnknownHardware(f"not valid TOML: {error}", where=where) from None
    return _hardware(content, stem, where)


def _shipped() -> list[str]:
    folder = resources.files("snnc.runtime").joinpath("hardware")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def _read(name: str | os.PathLike[str]) -> tuple[str, str, str]:
    if isinstance(name, str) and name in _shipped():
        shipped = resources.files("snnc.runtime").joinpath("hardware", f"{name}.toml")
        return shipped.read_text(encoding="utf-8"), name, f"hardware {name}"
    path = Path(name)
    if path.suffix != ".toml" and not path.exists():
        raise UnknownHardware(
            f"there is no hardware `{name}`{did_you_mean(str(name), _shipped())}",
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


def _hardware(content: dict[str, Any], name: str, where: str) -> Hardware:
    _check_keys(content, {*_TEXTS, "limits", "energy"}, set(_TEXTS), where)
    texts = {key: _text(content, key, where) for key in _TEXTS}
    _check_choice(texts["payload"], get_args(Payload), "payload", where)
    limits = _table(content, "limits", where)
    for key, value in limits.items():
        if type(value) is not int and not (key == "source" and isinstance(value, str)):
            raise UnknownHardware(f"limit `{key}` must be an integer", where=where)
    if limits and "source" not in limits:
        raise UnknownHardware("[limits] lacks `source`", where=where)
    figures = tuple(
        _figure(_table(_table(content, "energy", where), key, where), key, texts["process"], where)
        for key in _table(content, "energy", where)
    )
    return Hardware(
        name=name,
        title=texts["title"],
        process=texts["process"],
        payload="unit" if texts["payload"] == "unit" else "graded",
        note=texts["note"].strip().replace("\n", " "),
        limits=limits,
        figures=figures,
    )


def _figure(content: dict[str, Any], key: str, process: str, where: str) -> Figure:
    where = f"{where}, [energy.{key}]"
    required = {*_FIGURE_TEXTS, "picojoule"}
    _check_keys(content, required | {"process"}, required, where)
    texts = {text: _text(content, text, where) for text in _FIGURE_TEXTS}
    _check_choice(texts["counter"], SYNAPTIC_COUNTERS + NODE_COUNTERS, "counter", where)
    _check_choice(texts["basis"], get_args(Basis), "basis", where)
    picojoule = content["picojoule"]
    number = isinstance(picojoule, int | float) and not isinstance(picojoule, bool)
    if not number or not math.isfinite(picojoule) or picojoule < 0:
        raise UnknownHardware("`picojoule` must be a number >= 0", where=where)
    return Figure(
        key=key,
        picojoule=float(picojoule),
        process=_text(content, "process", where) if "process" in content else process,
        **texts,  # type: ignore[arg-type]  # basis was checked above
    )


def _check_keys(content: dict[str, Any], known: set[str], required: set[str], where: str) -> None:
    for key in sorted(set(content) - known):
        raise UnknownHardware(f"unknown key `{key}`{did_you_mean(key, sorted(known))}", where=where)
    for key in sorted(required - set(content)):
        raise UnknownHardware(f"lacks the key `{key}`", where=where)


def _check_choice(value: str, known: tuple[str, ...], what: str, where: str) -> None:
    if value not in known:
        raise UnknownHardware(
            f"unknown {what} `{value}`{did_you_mean(value, list(known))}", where=where
        )


def _text(content: dict[str, Any], key: str, where: str) -> str:
    value = content[key]
    if not isinstance(value, str) or not value.strip():
        raise UnknownHardware(f"`{key}` must be a text that is not empty", where=where)
    return value


def _table(content: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise UnknownHardware(f"`{key}` must be a table", where=where)
    return value
