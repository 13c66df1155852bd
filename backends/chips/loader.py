"""Chip files to `Chip`s."""

from __future__ import annotations

import os
from typing import Any

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
from snnc.ir.errors import UnknownHardware
from snnc.ir.neurons import NEURONS

__all__ = ["chip_names", "load_chip", "parse_chip"]

_TEXTS = ("title", "process", "payload", "note")
_TABLES = ("limits", "mesh", "synapses", "neurons", "energy")


def load_chip(name: str | os.PathLike[str]) -> Chip:
    """Read one chip file.

    Args:
        name: of a shipped file ("loihi1"), or the path of a user's TOML file.

    Raises:
        UnknownHardware: there is no such file, or a key is missing, unknown or of a wrong type.
    """
    return parse_chip(*read_chip(name))


def parse_chip(content: dict[str, Any], name: str, where: str) -> Chip:
    """A chip from a file's content; its energy figures are for `runtime.energy`.

    Raises:
        UnknownHardware: a key is missing, unknown or of a wrong type.
    """
    check_keys(content, {*_TEXTS, *_TABLES}, set(_TEXTS), where)
    texts = {key: text(content, key, where) for key in _TEXTS}
    check_choice(texts["payload"], PAYLOADS, "payload", where)
    tables = {key: table(content, key, where) for key in _TABLES}
    at = {key: f"{where}, [{key}]" for key in _TABLES}
    return Chip(
        name=name,
        title=texts["title"],
        process=texts["process"],
        payload="unit" if texts["payload"] == "unit" else "graded",
        note=texts["note"].strip().replace("\n", " "),
        limits=_limits(tables["limits"], at["limits"]),
        mesh=_mesh(tables["mesh"], at["mesh"]) if tables["mesh"] else None,
        synapses=_synapses(tables["synapses"], at["synapses"]) if tables["synapses"] else None,
        neurons=_neurons(tables["neurons"], at["neurons"]) if tables["neurons"] else None,
    )


def _limits(content: dict[str, Any], where: str) -> dict[str, Limit]:
    """Each limit is an integer, with the table's `source`, or `{ value, source }`."""
    check_keys(content, {*LIMITS, "source"}, set(), where)
    limits = {}
    for key, given in content.items():
        if key == "source":
            text(content, key, where)
            continue
        own = given if isinstance(given, dict) else {"value": given}
        check_keys(own, {"value", "source"}, {"value"}, f"{where}, {key}")
        if "source" not in own and "source" not in content:
            raise UnknownHardware(f"`{key}` lacks `source`", where=where)
        source = text(own if "source" in own else content, "source", where)
        limits[key] = Limit(value=integer(own["value"], key, where), source=source)
    return limits


def _mesh(content: dict[str, Any], where: str) -> Mesh:
    sizes = ("columns", "rows", "cores_per_router")
    check_keys(content, {*sizes, "source"}, {*sizes, "source"}, where)
    columns, rows, cores = (integer(content[key], key, where, least=1) for key in sizes)
    return Mesh(
        columns=columns, rows=rows, cores_per_router=cores, source=text(content, "source", where)
    )


def _synapses(content: dict[str, Any], where: str) -> SynapseFormat:
    keys = {"word_bits", "header_bits", "weight_widths", "index_widths", "dense_lists", "kernels",
            "source"}  # fmt: skip
    check_keys(content, {*keys, "block_synapses"}, keys, where)
    check_choice(text(content, "dense_lists", where), LISTS, "dense_lists", where)
    check_choice(text(content, "kernels", where), KERNELS, "kernels", where)
    block = content.get("block_synapses")
    return SynapseFormat(
        word_bits=integer(content["word_bits"], "word_bits", where, least=1),
        header_bits=integer(content["header_bits"], "header_bits", where),
        weight_widths=integers(content, "weight_widths", where),
        index_widths=integers(content, "index_widths", where),
        dense_lists=content["dense_lists"],
        kernels=content["kernels"],
        source=text(content, "source", where),
        block_synapses=None if block is None else integer(block, "block_synapses", where, least=1),
    )


def _neurons(content: dict[str, Any], where: str) -> NeuronSupport:
    keys = {"models", "programmable", "source"}
    check_keys(content, keys, keys, where)
    models = content["models"]
    if not isinstance(models, list) or not all(isinstance(kind, str) for kind in models):
        raise UnknownHardware("`models` must be a list of texts", where=where)
    for kind in models:
        check_choice(kind, (LIF, *NEURONS), "neuron model", where)
    if not isinstance(content["programmable"], bool):
        raise UnknownHardware("`programmable` must be true or false", where=where)
    return NeuronSupport(
        models=tuple(models),
        programmable=content["programmable"],
        source=text(content, "source", where),
    )
