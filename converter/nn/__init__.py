"""Layers for people who train; they need PyTorch and load it when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from snnc.ir.errors import MissingExtra

if TYPE_CHECKING:
    from snnc.converter.nn.activation import IntegerActivation as IntegerActivation
    from snnc.converter.nn.spiking import IF as IF
    from snnc.converter.nn.spiking import ILIF as ILIF
    from snnc.converter.nn.spiking import LIF as LIF

_HOME = {
    "IF": "spiking",
    "ILIF": "spiking",
    "IntegerActivation": "activation",
    "LIF": "spiking",
}

__all__ = ["IF", "ILIF", "LIF", "IntegerActivation"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"snnc.converter.nn.{_HOME[name]}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtra(
            "PyTorch is not installed",
            where=f"snnc.nn.{name}",
            hint="pip install 'snnc[torch]'",
        ) from error
    return getattr(module, name)
