"""PyTorch's table of ONNX operators, made once in a process of tests.

`torch.onnx.export` makes it anew in every call, from the sources of some 500 functions: 0.7 s,
more than half of what it takes to convert a small network, and hundreds of tests convert one. The
table depends on the opset alone; what a call adds goes into a copy of its own.
"""

from __future__ import annotations

import copy
import functools
import sys
from typing import Any

MODULE = "torch.onnx._internal.exporter._registration"
"""Where the table is; an inner module: a PyTorch that has another makes its table in each call."""


def keep_operators() -> None:
    """Let the exporter, if this process has loaded it, keep its table."""
    registry: Any = getattr(sys.modules.get(MODULE), "ONNXRegistry", None)
    if registry is None or hasattr(registry, "made_anew"):
        return
    registry.made_anew = made_anew = registry.from_torchlib
    made = functools.cache(made_anew)

    def from_torchlib(*args: Any, **options: Any) -> Any:
        table = copy.copy(made(*args, **options))
        table.functions = {name: list(found) for name, found in table.functions.items()}
        return table

    registry.from_torchlib = staticmethod(from_torchlib)
