"""Layers for people who train; they need PyTorch and load it when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snnc.ir.errors import MissingExtra

if TYPE_CHECKING:
    from snnc.converter.nn.activation import IntegerActivation as IntegerActivation

__all__ = ["IntegerActivation"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from snnc.converter.nn import activation
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtra(
            "PyTorch is not installed",
            where=f"snnc.nn.{name}",
            hint="pip install 'snnc[torch]'",
        ) from error
    return getattr(activation, name)
