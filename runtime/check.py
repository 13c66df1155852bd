"""Which operators of a source can be converted: the face of `snnc.converter.check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from snnc.converter.check import OperatorReport, check_source
from snnc.converter.sources import SourceOptions, open_source
from snnc.ir.arrays import Array, Shape
from snnc.ir.nodes import Reduction
from snnc.runtime.data import DataSet, load_data

if TYPE_CHECKING:
    import torch


def check(
    source: str | os.PathLike[str] | torch.nn.Module,
    example_inputs: Any = None,
    *,
    factory: str | None = None,
    input_shape: Shape | None = None,
    levels: int | None = None,
    input_range: tuple[float, float] | None = None,
    input_bits: int | None = None,
    calibrate: DataSet | Array | str | os.PathLike[str] | None = None,
    trust_pickle: bool = False,
    dt: float | None = None,
    reset: str | None = None,
    frames: int | None = None,
    time_axis: int | None = None,
    reduce: Reduction | None = None,
    no_host: bool = False,
) -> OperatorReport:
    """Say for each operator of a source what becomes of it.

    Args:
        source: a model file, or a `torch.nn.Module`.
        example_inputs: for a module: what its forward takes, samples first.
        factory: `package.module:callable` that builds the module of a checkpoint.
        input_shape: with a batch axis of 1, where the source does not say it.
        levels: largest count, where the source does not say it.
        input_range: smallest and largest input, for a grid.
        input_bits: of that grid.
        calibrate: data to take the input's range from.
        trust_pickle: run the code in a pickled module.
        dt: seconds of one frame, for NIR.
        reset: what a spike leaves of a membrane, `zero` or `subtract`, for NIR.
        frames: T, frames of a sample; known from the source's shape where `time_axis` is given.
        time_axis: axis of forward()'s input that holds all frames, 0 or 1; None: one a call.
        reduce: `none`, `mean` or `sum` of the outputs of a sample's frames.
        no_host: name what the host would have to compute as an obstacle.

    Raises:
        SnncError: by its subclass: a source that cannot be loaded.
    """
    options = SourceOptions(
        factory=factory,
        input_shape=input_shape,
        levels=levels,
        input_range=input_range,
        input_bits=input_bits,
        calibrate=None if calibrate is None else load_data(calibrate).x,
        trust_pickle=trust_pickle,
        dt=dt,
        reset=reset,
        frames=frames,
        time_axis=time_axis,
        reduce=reduce,
    )
    return check_source(open_source(source, options, example_inputs), no_host=no_host)
