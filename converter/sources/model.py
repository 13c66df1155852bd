"""What every loader gives: one normalised ONNX model and what is known about it.

A `SourceModel` is the only thing that the rest of snnc sees of a trained model. Its ONNX is
*normalised* (see `snnc.converter.sources.normalise`): static shapes with a batch axis of 1,
constants folded, every node named, no node that only moves a value; the numbers that the source
computes are untouched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from snnc.converter.sources.grids import InputGrid
from snnc.ir.arrays import Array, Shape

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


@dataclass(frozen=True, kw_only=True)
class InputDeclaration:
    """One input of a source.

    Attributes:
        name: name of the graph input in the normalised ONNX.
        shape: shape of one sample, without the batch axis.
        dtype: numpy dtype name of what the source's forward takes ("float32", "uint8", …).
        grid: the grid that its values lie on, None for an analog input.
    """

    name: str
    shape: Shape
    dtype: str
    grid: InputGrid | None


Calls: TypeAlias = Sequence[Mapping[str, Array]]
"""What forward() takes, by input name, in one call after another."""


class EagerModel(Protocol):
    """The source as PyTorch runs it, beside its exported ONNX."""

    @property
    def tensors(self) -> frozenset[str]:
        """Names in the normalised ONNX whose values `run` can give; may be empty."""
        ...

    def run(self, calls: Calls, tensors: Collection[str]) -> list[dict[str, Array]]:
        """Values of `tensors` in each call of forward(), for one sample with a batch axis of 1.

        State starts anew with the first call and stays from call to call.
        """
        ...

    def outputs(self, calls: Calls) -> list[list[Array]]:
        """Outputs of the model as it was before any export, call by call, likewise."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceModel:
    """A trained model, ready to be lowered.

    Attributes:
        name: stem of the file, or the class name of a module; the default name of outputs.
        onnx: the normalised model (a `onnx.ModelProto`; do not change it in place).
        inputs: its inputs in order.
        outputs: names of its output tensors in order.
        module_paths: node name → module path in the user's names (`block1.conv`); for sources
            that know no modules the node's own name.
        eager: the model in PyTorch, None where there is none.
        levels: `SourceOptions.levels`, handed through to the lowering.
        provenance: JSON values: `loader`, `sha256`, `file`, `opset`, `producer`.
    """

    name: str
    onnx: onnx.ModelProto
    inputs: tuple[InputDeclaration, ...]
    outputs: tuple[str, ...]
    module_paths: Mapping[str, str]
    eager: EagerModel | None = None
    levels: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def module_path(self, node_name: str) -> str:
        """The user's name for a node of the normalised ONNX."""
        return self.module_paths.get(node_name) or node_name
