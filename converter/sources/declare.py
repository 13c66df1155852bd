"""Input declarations: what the file, the input's type and the user say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.leading import leading_grid
from snnc.converter.sources.model import InputDeclaration, SourceOptions
from snnc.ir.errors import CannotLoad, DataError

if TYPE_CHECKING:
    import onnx

DEFAULT_BITS = 8


def declare_inputs(
    model: onnx.ModelProto,
    declared: Sequence[InputGrid | None],
    options: SourceOptions,
    where: str,
    axes: Mapping[str, int | None],
) -> tuple[InputDeclaration, ...]:
    """Declarations of the model's inputs, in order; `axes` are those that hold frames.

    A grid comes from the file, or from the options, or from an 8-bit integer type; else from the
    QuantizeLinear with which the model begins.

    Raises:
        DataError: the options contradict the file, or are incomplete.
        CannotLoad: the model has no input.
    """
    from onnx.helper import tensor_dtype_to_np_dtype

    inputs = list(model.graph.input)
    if not inputs:
        raise CannotLoad("the model has no input", where=where)
    grids = list(declared) or [None] * len(inputs)
    if len(grids) != len(inputs):
        raise DataError(f"{len(grids)} grids are declared for {len(inputs)} inputs", where=where)
    asked = grid_from_options(options)
    result = []
    for value, grid in zip(inputs, grids, strict=True):
        tensor = value.type.tensor_type
        dtype = np.dtype(tensor_dtype_to_np_dtype(tensor.elem_type)).name
        grid = grid or InputGrid.of_dtype(dtype)
        if asked is not None and grid not in (None, asked):
            raise DataError(
                f"input `{value.name}` already lies on a grid, {grid}",
                where=where,
                hint="leave --input-range, --input-bits and --calibrate out",
            )
        first = 1 if axes.get(value.name) is None else 2
        shape = tuple(d.dim_value for d in tensor.shape.dim[first:])
        result.append(
            InputDeclaration(
                name=value.name,
                shape=shape,
                dtype=dtype,
                grid=grid or asked or leading_grid(model, value.name),
            )
        )
    return tuple(result)


def grid_from_options(options: SourceOptions) -> InputGrid | None:
    """The grid that `input_range`, `input_bits` and `calibrate` declare, None without them.

    Raises:
        DataError: bits without a range, a range beside calibration, or constant data.
    """
    bits = DEFAULT_BITS if options.input_bits is None else options.input_bits
    if options.input_range is not None and options.calibrate is not None:
        raise DataError("--input-range and --calibrate both declare the input's range")
    if options.input_range is not None:
        return InputGrid.over_range(*options.input_range, bits)
    if options.calibrate is not None:
        values = np.asarray(options.calibrate)
        if not values.size or not np.isfinite(values).all():
            raise DataError("the calibration data are empty or hold NaN or infinite values")
        return InputGrid.over_range(float(values.min()), float(values.max()), bits)
    if options.input_bits is not None:
        raise DataError("--input-bits needs --input-range or --calibrate")
    return None
