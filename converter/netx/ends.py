"""Where data enter a `.net` network, and how long a sample is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.converter.hdf5 import Tree
from snnc.converter.netx.layers import Layer
from snnc.converter.sources.declare import grid_from_options
from snnc.converter.sources.model import SourceOptions
from snnc.ir.arrays import Shape
from snnc.ir.errors import CannotLoad, UnsupportedOperator, WrongUsage
from snnc.ir.nodes import Input

NAME = "input"
_WEIGHT = 64
"""Of an input's transform where the file has none [D: netx/hdf5.py, create_input]."""


@dataclass(frozen=True, kw_only=True)
class DataInput:
    """Data and what is added to them.

    Attributes:
        node: where they enter.
        bias: joins the neurons of an input layer.
    """

    node: Input
    bias: int = 0


def data_input(first: Layer, n_inputs: int | None, options: SourceOptions) -> DataInput:
    """The input of a network.

    Args:
        first: its first layer.
        n_inputs: of a first dense layer.
        options: the grid of an input without neurons, or the range of one with neurons.

    Raises:
        CannotLoad: the file does not say the shape of its input.
        WrongUsage: the options do not fit.
    """
    if first.type == "input":
        shape = first.shape()
        if first.neuron() is not None:
            return _transformed(first, shape, options)
    elif n_inputs is not None:
        shape = (n_inputs,)
    else:
        raise CannotLoad(
            "the file does not say the shape of its input",
            where=first.where,
            hint="it begins with a convolution: lava-dl writes an `input` layer before it",
        )
    return DataInput(node=Input(name=NAME, shape=shape, **_grid(options)))


def _grid(options: SourceOptions) -> dict[str, Any]:
    """Spikes, unless another grid is declared."""
    grid = grid_from_options(options)
    if grid is None:
        return {"dtype": "uint8", "lo": 0, "hi": 1}
    lo, hi = grid.count_range
    return {"dtype": "float32", "lo": lo, "hi": hi, "step": grid.step}


def _transformed(first: Layer, shape: Shape, options: SourceOptions) -> DataInput:
    """Real data x enter as the integers nearest to weight * x."""
    if options.input_bits is not None or options.calibrate is not None:
        raise WrongUsage(
            "the file's input layer has a grid of its own: --input-range alone widens it",
            where=first.where,
        )
    weight = first.number("weight") if first.has("weight") else _WEIGHT
    bias = first.number("bias") if first.has("bias") else 0
    if weight < 1:
        raise UnsupportedOperator(
            f"the transform of the input has the weight {weight}", where=first.where
        )
    low, high = options.input_range or (-1.0, 1.0)
    lo, hi = (int(np.rint(end * weight)) for end in (low, high))
    node = Input(name=NAME, shape=shape, dtype="float32", lo=lo, hi=hi, step=1.0 / weight)
    first.notes.append(
        f"{first.where}: data x in {low:g} … {high:g} enter as round({weight} x), "
        + (f"{bias} added" if bias else "nothing added")
        + (" (--input-range declares another range)" if options.input_range is None else "")
    )
    return DataInput(node=node, bias=bias)


def simulation_frames(tree: Tree, options: SourceOptions, notes: list[str]) -> int | None:
    """Frames of a sample: as stated, or as the network was trained."""
    if options.frames is not None:
        return options.frames
    inside = tree.get("simulation")
    said = inside.get("tSample") if isinstance(inside, dict) else None
    step = inside.get("Ts", np.array(1)) if isinstance(inside, dict) else None
    if not isinstance(said, np.ndarray) or not isinstance(step, np.ndarray):
        return None
    if said.size != 1 or step.size != 1 or step.dtype.kind not in "iuf":
        return None
    if said.dtype.kind not in "iuf" or not 1 <= float(said.item() / (step.item() or 1)) < 2**31:
        return None
    frames = int(said.item() / (step.item() or 1))
    notes.append(f"DATA without frames are shown for {frames}, as the file's tSample says")
    return frames
