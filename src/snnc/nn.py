"""Layers for training networks that convert exactly: `from snnc.nn import IntegerActivation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnc.converter.nn import IF as IF
    from snnc.converter.nn import ILIF as ILIF
    from snnc.converter.nn import LIF as LIF
    from snnc.converter.nn import IntegerActivation as IntegerActivation

__all__ = ["IF", "ILIF", "LIF", "IntegerActivation"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from snnc.converter import nn

    return getattr(nn, name)
