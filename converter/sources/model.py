"""What every loader gives: one normalised ONNX model and what is known about it.

A `SourceModel` is the only thing that the rest of snnc sees of a trained model. Its ONNX is
*normalised* (see `snnc.converter.sources.normalise`): static shapes with a batch axis of 1,
constants folded, every node named, no node that only moves a value; the numbers that the source
computes are untouched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, get_args

from snnc.converter.sources.frames.layout import FrameLayout
from snnc.converter.sources.grids import InputGrid
from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import WrongUsage
from snnc.ir.nodes import Reduction

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceOptions:
    """What a user can say about a SOURCE; the same words as on the command line.

    Attributes:
        factory: "package.module:callable" that builds the module whose weights the file holds.
        input_shape: shape of the example input, with a batch axis of 1.
        levels: D of integer activations whose bound the source does not tell.
        input_range: (LO, HI) of a float input, real values.
        input_bits: bits of the grid laid over `input_range`.
        calibrate: example inputs, shape (N, …), whose smallest and largest value give the range.
        trust_pickle: run the code in a pickled module.
        dt: seconds of one frame, for NIR.
        reset: what a spike leaves of a membrane, `zero` or `subtract`, for NIR.
        frames: T, frames of a sample; where `time_axis` says which axis holds them, its length.
        time_axis: axis of forward()'s input that holds all frames of a sample, 0 or 1; the other
            of the two is the batch axis. None: forward() takes one frame a call.
        reduce: what becomes of the outputs of a sample's frames; None: as the model has it.
        net_timing: `.net` files: `aligned`, or `lava`: each layer takes a frame.
        readout: `.net` files: `spikes` or `membrane` of the last layer.
        reset_interval, reset_offset: `.net` files: frames after which all state is cleared.
    """

    factory: str | None = None
    input_shape: Shape | None = None
    levels: int | None = None
    input_range: tuple[float, float] | None = None
    input_bits: int | None = None
    calibrate: Array | None = None
    trust_pickle: bool = False
    dt: float | None = None
    reset: str | None = None
    frames: int | None = None
    time_axis: int | None = None
    reduce: Reduction | None = None
    net_timing: str | None = None
    readout: str | None = None
    reset_interval: int | None = None
    reset_offset: int | None = None

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise WrongUsage(f"a sample has at least one frame, not {self.frames}")
        if self.time_axis not in (None, 0, 1):
            raise WrongUsage(
                f"the time axis is 0 or 1, not {self.time_axis}",
                hint="the other one of the two is the batch axis",
            )
        if self.reduce not in (None, *get_args(Reduction)):
            raise WrongUsage(f"reduce is none, mean or sum, not {self.reduce!r}")

    @property
    def for_net_files(self) -> tuple[str, ...]:
        """Those of the options given that only `.net` files have a use for."""
        names = ("net_timing", "readout", "reset_interval", "reset_offset")
        return tuple(name for name in names if getattr(self, name) is not None)

    @property
    def batch_axis(self) -> int:
        """The axis of forward()'s input that holds the samples."""
        return 1 if self.time_axis == 0 else 0


@dataclass(frozen=True, kw_only=True)
class InputDeclaration:
    """One input of a source.

    Attributes:
        name: name of the graph input in the normalised ONNX.
        shape: shape of one frame of one sample, without batch and time axis.
        dtype: numpy dtype name of what the source's forward takes ("float32", "uint8", …).
        grid: the grid that its values lie on, None for an analog input.
    """

    name: str
    shape: Shape
    dtype: str
    grid: InputGrid | None


Calls: TypeAlias = Sequence[Mapping[str, Array]]
"""What forward() takes, by input name, in one call after another."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldState:
    """A tensor that the host keeps from frame to frame.

    Attributes:
        taken: graph input that reads it.
        given: tensor that it becomes in the next frame.
        index: of that tensor among forward()'s results.
        initial: its value at a sample's start, shape of the graph input.
    """

    taken: str
    given: str
    index: int
    initial: Array


class EagerModel(Protocol):
    """The source as PyTorch runs it, beside its exported ONNX."""

    @property
    def tensors(self) -> frozenset[str]:
        """Names in the normalised ONNX whose values `run` can give; may be empty."""
        ...

    @property
    def replays(self) -> bool:
        """Are its neurons the operators that stand for them, for want of the modules' code?"""
        ...

    def run(self, calls: Calls, tensors: Collection[str]) -> list[dict[str, Array]]:
        """Values of `tensors` in each call of forward(), for one sample with a batch axis of 1.

        State starts anew with the first call and stays from call to call.
        """
        ...

    def outputs(self, calls: Calls) -> list[Array]:
        """Outputs of the model as it was before any export, in order.

        Each has shape (T, …) for T calls, or (1, …) where the model reduces it over its frames.
        """
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceModel:
    """A trained model, ready to be lowered.

    Attributes:
        name: stem of the file, or the class name of a module; the default name of outputs.
        onnx: the normalised model of one frame (a `onnx.ModelProto`; do not change it in place).
        inputs: its inputs in order.
        outputs: names of its output tensors in order.
        module_paths: node name → module path in the user's names (`block1.conv`); for sources
            that know no modules the node's own name.
        eager: the model in PyTorch, None where there is none.
        levels: `SourceOptions.levels`, handed through to the lowering.
        n_frames: T, frames of a sample.
        layout: where the frames lie in the model over all frames; None where forward() takes
            one frame a call.
        states: what the host keeps from frame to frame; neither among inputs nor outputs.
        reduce: what the user wants of the outputs of a sample's frames, None: what the model does.
        provenance: JSON values: `loader`, `sha256`, `file`, `opset`, `producer`.
    """

    name: str
    onnx: onnx.ModelProto
    inputs: tuple[InputDeclaration, ...]
    outputs: tuple[str, ...]
    module_paths: Mapping[str, str]
    eager: EagerModel | None = None
    levels: int | None = None
    n_frames: int = 1
    layout: FrameLayout | None = None
    reduce: Reduction | None = None
    states: tuple[HeldState, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def output_shape(self, tensor: str, shape: Shape) -> Shape:
        """Shape of one frame of one sample of an output whose tensor has `shape`."""
        axis = None if self.layout is None else self.layout.outputs[self.outputs.index(tensor)]
        return (shape[1:] if axis is None else shape[2:]) or (1,)

    def reduction(self, tensor: str) -> Reduction:
        """What becomes of an output over the frames of a sample.

        Raises:
            WrongUsage: the model has one reduction, the user wants another.
        """
        own: Reduction = "none"
        if self.layout is not None:
            own = self.layout.reductions[self.outputs.index(tensor)]
        if self.reduce is None or self.reduce == own:
            return own
        if own != "none":
            raise WrongUsage(
                f"--reduce {self.reduce}, but the model itself gives the {own} over its frames",
                where=tensor,
            )
        return self.reduce

    def module_path(self, node_name: str) -> str:
        """The user's name for a node of the normalised ONNX."""
        return self.module_paths.get(node_name) or node_name
