"""SOURCE files that hold a graph already, beside those that hold a trained model."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnc.converter.hdf5 import MAGIC, read_tree
from snnc.converter.sources.graphs import GraphSource
from snnc.converter.sources.load import load_source, read_file, refuse_net_options
from snnc.converter.sources.model import SourceModel, SourceOptions

if TYPE_CHECKING:
    import torch


def graph_file_hash(source: str | os.PathLike[str]) -> str | None:
    """sha256 of a file that holds a graph already (NIR, `.net`); None for any other."""
    path = Path(source)
    return hashlib.sha256(read_file(path)).hexdigest() if _holds_graph(path) else None


def _holds_graph(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:  # who loads it says why
        return False


def open_source(
    source: str | os.PathLike[str] | torch.nn.Module,
    options: SourceOptions | None = None,
    example_inputs: Any = None,
) -> SourceModel | GraphSource:
    """Load a SOURCE as `load_source` does; a file that holds a graph gives that graph.

    Raises:
        SnncError: as `load_source`, for a NIR file as `read_nir`, for a `.net` file as `read_net`.
    """
    if not isinstance(source, str | os.PathLike) or not _holds_graph(Path(source)):
        return load_source(source, options, example_inputs)
    from snnc.converter.netx import is_net, read_net
    from snnc.converter.nir import read_nir

    path, options = Path(source), options or SourceOptions()
    data = read_file(path)
    facts = {"file": path.name, "sha256": hashlib.sha256(data).hexdigest()}
    tree = read_tree(path, data)
    if is_net(tree):
        return read_net(tree, path, options, facts)
    refuse_net_options(options, path.name)
    return read_nir(tree, path, options, facts)
