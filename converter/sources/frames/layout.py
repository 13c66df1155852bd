"""Where the frames of a one-frame tensor lie in the model over all frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.nodes import Reduction

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class AlongAxis:
    """Frame t is the t-th of T equal parts of `axis` of one tensor."""

    tensor: str
    axis: int


@dataclass(frozen=True)
class OneByOne:
    """Frame t is a tensor of its own."""

    tensors: tuple[str, ...]


Where: TypeAlias = AlongAxis | OneByOne


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameLayout:
    """How the one-frame model and the model over all frames belong together.

    Attributes:
        n_frames: T.
        onnx: the normalised model over all frames.
        axes: by input: the axis that holds T, None where the model repeats one frame by itself.
        where: by tensor of the one-frame model: its frames; tensors that only the one-frame
            model has are absent.
        patterns: by tensor of the one-frame model: constants that differ from frame to frame,
            shape (T, *frame).
        outputs: by output, in order: the axis that holds T, None where it is reduced.
        reductions: by output, in order: what the model itself does over its frames.
    """

    n_frames: int
    onnx: onnx.ModelProto
    axes: Mapping[str, int | None]
    where: Mapping[str, Where]
    patterns: Mapping[str, Array] = field(default_factory=dict)
    outputs: tuple[int | None, ...]
    reductions: tuple[Reduction, ...]

    def gather(self, name: str, frames: list[Array]) -> Array:
        """The T frames of an input, each with batch and time extent 1, as the model takes them."""
        axis = self.axes[name]
        return frames[0] if axis is None else np.concatenate(frames, axis=axis)

    def frames(self, name: str, values: Mapping[str, Array]) -> list[Array]:
        """The T frames of a one-frame tensor among the values of the model over all frames."""
        place = self.where[name]
        if isinstance(place, OneByOne):
            return [values[tensor] for tensor in place.tensors]
        return np.split(values[place.tensor], self.n_frames, axis=place.axis)
