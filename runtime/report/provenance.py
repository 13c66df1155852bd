"""Where a report comes from: the model's manifest, the programs, the command."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

from snnc.ir.graph import Graph
from snnc.ir.schedule import levels
from snnc.runtime.model import Model

_MANIFEST = ("written_by", "provenance", "target", "weight_bits", "rounding")
_PACKAGES = ("snnc", "numpy", "numba", "onnx", "onnxruntime")


def provenance(model: Model, command: str | None) -> dict[str, Any]:
    """Manifest, largest D, versions, command line.

    Args:
        model: that was run.
        command: as it was typed; None from Python.
    """
    return {
        **{key: model.manifest[key] for key in _MANIFEST if key in model.manifest},
        "levels": _largest(model.integer_graph),
        "report_made_by": {
            "command": command,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _largest(graph: Graph) -> int | None:
    """D of the populations that fire; inputs do not count."""
    firing = [levels(graph, p.name) for p in graph.populations if graph.emits(p.name) == "count"]
    return max(firing, default=None)
