"""Sources: every file or module that holds a trained model becomes a `SourceModel`."""

from snnc.converter.sources.files import open_source
from snnc.converter.sources.graphs import GraphSource
from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.load import load_source
from snnc.converter.sources.model import (
    EagerModel,
    InputDeclaration,
    SourceModel,
    SourceOptions,
)

__all__ = [
    "EagerModel",
    "GraphSource",
    "InputDeclaration",
    "InputGrid",
    "SourceModel",
    "SourceOptions",
    "load_source",
    "open_source",
]
