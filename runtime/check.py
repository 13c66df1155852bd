"""Which operators of a source can be converted: the face of `snnc.converter.check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

from snnc.converter.check import OperatorReport, check_source
from snnc.converter.sources import open_source
from snnc.runtime.source_options import SourceArguments, source_options

if TYPE_CHECKING:
    import torch


def check(
    source: str | os.PathLike[str] | torch.nn.Module,
    example_inputs: Any = None,
    *,
    no_host: bool = False,
    **said: Unpack[SourceArguments],
) -> OperatorReport:
    """Say for each operator of a source what becomes of it.

    Args:
        source: a model file, or a `torch.nn.Module`.
        example_inputs: for a module: what its forward takes, samples first.
        no_host: name what the host would have to compute as an obstacle.
        said: about the source: the keys of `SourceArguments`, such as `input_shape`.

    Raises:
        SnncError: by its subclass: a source that cannot be loaded.
    """
    options = source_options(said)
    return check_source(open_source(source, options, example_inputs), no_host=no_host)
