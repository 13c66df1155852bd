"""Chip files to `Chip`s."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from snnc.backends.chips.chip import (
    KERNELS,
    LIF,
    LIMITS,
    LISTS,
    PAYLOADS,
    Chip,
    Limit,
    Mesh,
    NeuronSupport,
    SynapseFormat,
)
from snnc.backends.chips.place import Place
from snnc.backends.chips.toml import (
    check_choice,
    check_keys,
    chip_names,
    integer,
    integers,
    read_chip,
    table,
    text,
)
from snnc.ir.neurons import NEURONS

__all__ = ["chip_names", "load_chip", "parse_chip"]

_T = TypeVar("_T")

_TEXTS = ("title", "process", "payload", "note")
_TABLES = ("limits", "mesh", "synapses", "neurons", "energy")
_OTHERS = ("total", "systems")
"""Keys that `runtime.energy` reads."""


def load_chip(name: str | os.PathLike[str]) -> Chip:
    """Read one chip file.

    Args:
        name: of a shipped file ("loihi1"), or the path of a user's TOML file.

    Raises:
        UnknownHardware: there is no such file, or a key is missing, unknown or of a wrong type.
    """
    return parse_chip(*read_chip(name))


def parse_chip(content: dict[str, Any], name: str, place: Place) -> Chip:
    """A chip from a file's content; its energy figures are for `runtime.energy`.

    Raises:
        UnknownHardware: a key is missing, unknown or of a wrong type.
    """
    texts = place.attempt(lambda: _texts(content, place), dict.fromkeys(_TEXTS, "?"))

    def part(key: str, read: Callable[[dict[str, Any], Place], _T]) -> _T | None:
        def both() -> _T | None:
            own = table(content, key, place)
            return read(own, place.inside(key)) if own else None

        return place.attempt(both, None)

    return Chip(
        name=name,
        title=texts["title"],
        process=texts["process"],
        payload="unit" if texts["payload"] == "unit" else "graded",
        note=texts["note"].strip().replace("\n", " "),
        limits=part("limits", _limits) or {},
        mesh=part("mesh", _mesh),
        synapses=part("synapses", _synapses),
        neurons=part("neurons", _neurons),
    )


def _texts(content: dict[str, Any], place: Place) -> dict[str, str]:
    check_keys(content, {*_TEXTS, *_TABLES, *_OTHERS}, set(_TEXTS), place)
    texts = {key: text(content, key, place) for key in _TEXTS}
    check_choice(texts["payload"], PAYLOADS, "payload", place, "payload")
    return texts


def _limits(content: dict[str, Any], place: Place) -> dict[str, Limit]:
    """Each limit is an integer, with the table's `source`, or `{ value, source }`."""
    check_keys(content, {*LIMITS, "source"}, set(), place)
    limits = {}
    for key, given in content.items():
        if key == "source":
            text(content, key, place)
            continue
        own = given if isinstance(given, dict) else {"value": given}
        check_keys(own, {"value", "source"}, {"value"}, place.inside(key))
        if "source" not in own and "source" not in content:
            raise place.error(f"`{key}` lacks `source`", key)
        source = text(own if "source" in own else content, "source", place)
        limits[key] = Limit(value=integer(own["value"], key, place), source=source)
    return limits


def _mesh(content: dict[str, Any], place: Place) -> Mesh:
    sizes = ("columns", "rows", "cores_per_router")
    check_keys(content, {*sizes, "source"}, {*sizes, "source"}, place)
    columns, rows, cores = (integer(content[key], key, place, least=1) for key in sizes)
    return Mesh(
        columns=columns, rows=rows, cores_per_router=cores, source=text(content, "source", place)
    )


def _synapses(content: dict[str, Any], place: Place) -> SynapseFormat:
    keys = {"word_bits", "header_bits", "weight_widths", "index_widths", "dense_lists", "kernels",
            "source"}  # fmt: skip
    check_keys(content, {*keys, "block_synapses"}, keys, place)
    for key, known in (("dense_lists", LISTS), ("kernels", KERNELS)):
        check_choice(text(content, key, place), known, key, place, key)
    block = content.get("block_synapses")
    return SynapseFormat(
        word_bits=integer(content["word_bits"], "word_bits", place, least=1),
        header_bits=integer(content["header_bits"], "header_bits", place),
        weight_widths=integers(content, "weight_widths", place),
        index_widths=integers(content, "index_widths", place),
        dense_lists=content["dense_lists"],
        kernels=content["kernels"],
        source=text(content, "source", place),
        block_synapses=None if block is None else integer(block, "block_synapses", place, least=1),
    )


def _neurons(content: dict[str, Any], place: Place) -> NeuronSupport:
    keys = {"models", "programmable", "source"}
    check_keys(content, keys, keys, place)
    models = content["models"]
    if not isinstance(models, list) or not all(isinstance(kind, str) for kind in models):
        raise place.error("`models` must be a list of texts", "models")
    for kind in models:
        check_choice(kind, (LIF, *NEURONS), "neuron model", place, "models")
    if not isinstance(content["programmable"], bool):
        raise place.error("`programmable` must be true or false", "programmable")
    return NeuronSupport(
        models=tuple(models),
        programmable=content["programmable"],
        source=text(content, "source", place),
    )
