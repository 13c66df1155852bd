"""snnc deploys trained integer-activation networks as spiking networks, exactly.

The names below are the Python face of the commands of the same name. They are loaded when they
are first used, so that `import snnc` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnc import nn as nn
    from snnc.converter.sources.grids import InputGrid as InputGrid
    from snnc.converter.sources.save import save_model as save_model
    from snnc.ir.errors import SnncError as SnncError
    from snnc.runtime.check import check as check
    from snnc.runtime.compare import compare as compare
    from snnc.runtime.convert import convert as convert
    from snnc.runtime.export import export as export
    from snnc.runtime.map import map as map
    from snnc.runtime.model import load as load
    from snnc.runtime.quantize import quantize as quantize
    from snnc.runtime.report import report as report
    from snnc.runtime.run import run as run
    from snnc.runtime.stream import stream as stream
    from snnc.runtime.trace import trace as trace
    from snnc.runtime.trace import trace_to as trace_to
    from snnc.runtime.tune import tune as tune
    from snnc.runtime.verify import verify as verify

__version__ = "0.1.0"

_HOME = {
    "InputGrid": "snnc.converter.sources.grids",
    "SnncError": "snnc.ir.errors",
    "check": "snnc.runtime.check",
    "compare": "snnc.runtime.compare",
    "convert": "snnc.runtime.convert",
    "export": "snnc.runtime.export",
    "load": "snnc.runtime.model",
    "map": "snnc.runtime.map",
    "quantize": "snnc.runtime.quantize",
    "report": "snnc.runtime.report",
    "run": "snnc.runtime.run",
    "stream": "snnc.runtime.stream",
    "save_model": "snnc.converter.sources.save",
    "trace": "snnc.runtime.trace",
    "trace_to": "snnc.runtime.trace",
    "tune": "snnc.runtime.tune",
    "verify": "snnc.runtime.verify",
}

__all__ = [
    "InputGrid",
    "SnncError",
    "__version__",
    "check",
    "compare",
    "convert",
    "export",
    "load",
    "map",
    "nn",
    "quantize",
    "report",
    "run",
    "save_model",
    "stream",
    "trace",
    "trace_to",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "nn":
        return importlib.import_module("snnc.nn")
    if name not in _HOME:
        raise AttributeError(f"module 'snnc' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
