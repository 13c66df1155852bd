"""What a user says about a SOURCE, in the words that all of snnc's functions share."""

from __future__ import annotations

import os
from typing import Any, TypedDict, cast

from snnc.converter.sources import SourceOptions
from snnc.ir.arrays import Array, Shape
from snnc.ir.nodes import Reduction
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.readers.preparation import Preparation


class SourceArguments(TypedDict, total=False):
    """Keyword arguments of `convert`, `check` and `verify`; the command line has the same.

    Keys:
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
        net_timing: for `.net` files: `aligned`, or `lava`: each layer takes a frame.
        readout: for `.net` files: what leaves the last layer, `spikes` or `membrane`.
        reset_interval, reset_offset: for `.net` files: frames after which all state is cleared,
            and the first one in which it is.
    """

    factory: str | None
    input_shape: Shape | None
    levels: int | None
    input_range: tuple[float, float] | None
    input_bits: int | None
    calibrate: DataSet | Array | str | os.PathLike[str] | None
    trust_pickle: bool
    dt: float | None
    reset: str | None
    frames: int | None
    time_axis: int | None
    reduce: Reduction | None
    net_timing: str | None
    readout: str | None
    reset_interval: int | None
    reset_offset: int | None


def source_options(said: SourceArguments, preparation: Preparation | None = None) -> SourceOptions:
    """The options of a source, its data loaded.

    Args:
        said: by name.
        preparation: what is done to raw data before the model takes it.

    Raises:
        TypeError: a name that is no option.
        SnncError: by its subclass: data that cannot be loaded, options that cannot be.
    """
    options = cast("dict[str, Any]", {**said})
    if (data := options.get("calibrate")) is not None:
        options["calibrate"] = load_data(data, preparation=preparation).x
    return SourceOptions(**options)
