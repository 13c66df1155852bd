"""Source, data and calibration of a tuning, loaded once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import snnc
from snnc.converter.quantize.sites import find_sites
from snnc.converter.sources import GraphSource, SourceModel, open_source
from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.energy import Hardware
from snnc.runtime.jsonable import jsonable
from snnc.runtime.readers.preparation import Preparation, load_preparation
from snnc.runtime.source_options import SourceArguments, source_options
from snnc.runtime.tune.measure import Paying
from snnc.runtime.tune.workshop import Quantizing


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """What is tuned, and on what.

    Attributes:
        source: loaded.
        data: with labels.
        calibration: samples that ranges are taken from; None where levels are the source's own.
        separate: are these others than `data`?
        preparation: what is done to raw data; None: nothing.
        own_levels: are all its activations integers already?
        own_weights: are its weights integers already?
        n_frames: of a sample.
    """

    source: SourceModel | GraphSource
    data: DataSet
    calibration: DataSet | None
    separate: bool
    preparation: Preparation | None
    own_levels: bool
    own_weights: bool
    n_frames: int


def load_inputs(
    source: Any,
    data: Any,
    example_inputs: Any,
    prepare: Preparation | str | os.PathLike[str] | None,
    said: SourceArguments,
    limit: int | None,
    levels: Sequence[int],
) -> Inputs:
    """Load everything and check that it goes together.

    Raises:
        DataError: there are no labels.
        WrongUsage: levels for a network whose levels are its own; float activations in a network
            that takes all frames at once.
        SnncError: by its subclass: source or data that cannot be loaded.
    """
    preparation = prepare if isinstance(prepare, Preparation | None) else load_preparation(prepare)
    ranges = said.get("calibrate")
    if example_inputs is None and not isinstance(
        source, str | os.PathLike | SourceModel | GraphSource
    ):
        example_inputs = _example(load_data(data, preparation=preparation))
    loaded = _loaded(source, example_inputs, said, data, preparation)
    own_levels = isinstance(loaded, GraphSource) or not find_sites(loaded)
    shape, names, n_frames = _facts(loaded)
    samples = load_data(data, shape, names, preparation).limit(limit)
    if samples.y is None:
        raise DataError("tuning needs labels `y` beside `x`", where=samples.name)
    if not own_levels:
        _check_one_frame(loaded)
    if own_levels and levels:
        loaded = _with_levels(loaded, levels)
    if samples.x.shape[1:] != shape and samples.x.shape[2:] == shape:
        n_frames = samples.x.shape[1]
    calibration = samples if ranges is None else load_data(ranges, shape, names, preparation)
    return Inputs(
        source=loaded,
        data=samples,
        calibration=None if own_levels else calibration,
        separate=ranges is not None,
        preparation=preparation,
        own_levels=own_levels,
        own_weights=isinstance(loaded, GraphSource) and loaded.graph.form == "integer",
        n_frames=n_frames,
    )


def identity(
    given: Inputs,
    conversion: Mapping[str, Any],
    quantizing: Quantizing,
    chips: Sequence[Hardware],
    paying: Paying,
) -> dict[str, Any]:
    """Everything that a measurement depends on, as plain JSON values."""
    found: dict[str, Any] = jsonable(
        {
            "snnc": snnc.__version__,
            "source": _source_hash(given.source),
            "data": given.data.fingerprint(),
            "calibration": given.calibration and given.calibration.fingerprint(),
            "quantizing": _hash(vars(quantizing)),
            "conversion": _hash({**conversion, "prepare": given.preparation}),
            "hardware": _hash({chip.name: chip for chip in chips}),
            "parts": _hash({"include": paying.include, "exclude": paying.exclude}),
        }
    )
    return found


def _loaded(
    source: Any,
    example_inputs: Any,
    said: SourceArguments,
    data: Any,
    preparation: Preparation | None,
) -> SourceModel | GraphSource:
    if isinstance(source, SourceModel | GraphSource):
        if said or example_inputs is not None:
            raise WrongUsage("a loaded source has its inputs and options already")
        return source
    # `snnc quantize` takes the input's range from the calibration data by itself, in 8 bits
    known: SourceArguments = {**said, "calibrate": None}
    if said.get("input_bits") is not None and said.get("input_range") is None:
        known["calibrate"] = data if said.get("calibrate") is None else said["calibrate"]
    loaded = _opened(source, example_inputs, known, preparation)
    if said.get("calibrate") is None or known["calibrate"] is not None:
        return loaded
    if isinstance(loaded, SourceModel) and find_sites(loaded):
        return loaded
    return _opened(source, example_inputs, said, preparation)


def _opened(
    source: Any, example_inputs: Any, said: SourceArguments, preparation: Preparation | None
) -> SourceModel | GraphSource:
    return open_source(source, source_options(said, preparation), example_inputs)


def _with_levels(source: SourceModel | GraphSource, levels: Sequence[int]) -> SourceModel:
    """A source of integer activations whose levels nothing says, told them."""
    if len(levels) > 1 or isinstance(source, GraphSource):
        raise WrongUsage(
            "its activations are integers already: the levels are its own, and no axis of tuning",
            where=source.name,
            hint="leave --levels out",
        )
    return replace(source, levels=levels[0])


def _check_one_frame(source: SourceModel | GraphSource) -> None:
    """Refuse what cannot be quantised: `snnc quantize` knows networks of one frame a call."""
    if isinstance(source, SourceModel) and source.layout is not None:
        raise WrongUsage(
            "its activations are floats, and only a network of one frame a call can be quantised; "
            "this one takes all frames at once",
            where=source.name,
            hint="give the network of one frame, with --frames T and --reduce",
        )


def _facts(source: SourceModel | GraphSource) -> tuple[tuple[int, ...], list[str], int]:
    """Shape of the first input, names of all, frames of a sample."""
    if isinstance(source, SourceModel):
        return source.inputs[0].shape, [each.name for each in source.inputs], source.n_frames
    nodes = source.graph.inputs
    frames = int(source.graph.metadata.get("n_frames", 1))
    return nodes[0].shape, [node.name for node in nodes], frames


def _example(data: DataSet) -> Array:
    first = np.asarray(data.x[:1])
    return first.astype(np.float32) if first.dtype == np.float64 else first


def _source_hash(source: SourceModel | GraphSource) -> str:
    if isinstance(source, GraphSource):
        return source.graph.content_hash()
    found = hashlib.sha256(source.onnx.SerializeToString(deterministic=True))
    known = [repr(each) for each in source.inputs]
    found.update(repr((known, source.levels, source.n_frames, source.reduce)).encode())
    return found.hexdigest()


def _hash(values: Any) -> str:
    return hashlib.sha256(json.dumps(jsonable(values), sort_keys=True).encode()).hexdigest()
