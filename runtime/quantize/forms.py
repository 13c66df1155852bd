"""The two forms of a quantised network: a PyTorch program and an ONNX model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from snnc.converter.quantize import Quantizer, quantized_onnx
from snnc.converter.sources import InputGrid, SourceModel
from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import WrongUsage
from snnc.ir.file import atomic_path, check_output
from snnc.runtime.data import DataSet
from snnc.runtime.npz import check_suffix
from snnc.runtime.progress import Progress
from snnc.runtime.quantize.networks import Network, OnnxNetwork, on_grid

if TYPE_CHECKING:
    from snnc.converter.quantize.finetune import FineTuning


class Form(Protocol):
    """A network that is built, run, perhaps trained, and written.

    Attributes:
        suffix: of its file.
        model: what was built.
        quantizers: with the steps that the model has now.
    """

    suffix: str
    model: Any

    @property
    def quantizers(self) -> tuple[Quantizer, ...]: ...

    def build(self, quantizers: tuple[Quantizer, ...]) -> None:
        """Put the integer activations in."""

    def network(self) -> Network:
        """The network as it is now."""
        ...

    def train(
        self, data: DataSet, grid: InputGrid | None, how: FineTuning, tell: Progress
    ) -> tuple[float, ...]:
        """Fine-tune; the loss of each epoch."""
        ...

    def write(self, path: Path, grid: InputGrid | None) -> None:
        """Write it as a SOURCE."""


def form_of(source: SourceModel, *, learn: bool) -> Form:
    """PyTorch where the source has a program of its own, else ONNX.

    Raises:
        WrongUsage: fine-tuning is asked for, and the source is no PyTorch program.
    """
    program = getattr(source.eager, "program", None)
    if program is not None:
        return TorchForm(source, program, learn=learn)
    if learn:
        raise WrongUsage(
            "fine-tuning needs a PyTorch program, which this source is not",
            where=source.name,
            hint="quantise the module, or a file of snnc.save_model or torch.export",
        )
    return OnnxForm(source)


def choose_path(form: Form, source: Any, output: Any, *, default: Path, force: bool) -> Path | None:
    """The file to write, checked before the work begins; None where none is asked for.

    Raises:
        WrongUsage: a name of another kind of file.
        OutputExists: the file is there and `force` is false.
        BadInputFile: its folder is not there.
    """
    if output is None:
        return None
    path = Path(output)
    if path == default:
        if not isinstance(source, str | os.PathLike):
            raise WrongUsage("a module has no file name to name the output after")
        path = Path(f"{Path(source).stem}-quantized{form.suffix}")
    check_suffix(path, (form.suffix,))
    check_output(path, force=force)
    return path


class TorchForm:
    """A PyTorch program with `snnc.nn.IntegerActivation`s; written as `save_model` does."""

    suffix = ".pt"

    def __init__(self, source: SourceModel, program: Any, *, learn: bool) -> None:
        self._source, self._program, self._learn = source, program, learn
        self._built: tuple[Quantizer, ...] = ()
        self._activations: Any = {}
        self.model: Any = None

    @property
    def quantizers(self) -> tuple[Quantizer, ...]:
        """With the steps that the model has now."""
        from snnc.converter.quantize.program import final_quantizers

        return final_quantizers(self.model, self._activations, self._built)

    def build(self, quantizers: tuple[Quantizer, ...]) -> None:
        """Put the integer activations in."""
        from snnc.converter.quantize.program import quantized_program

        name = str(self._source.provenance.get("model") or self._source.name)
        self._built = quantizers
        self.model, self._activations = quantized_program(
            self._program, quantizers, name, learn=self._learn
        )

    def network(self) -> Network:
        """The network as it is now."""
        from snnc.converter.quantize.program import ProgramRunner

        return ProgramRunner(self.model, self._activations, self._dtype)

    def train(
        self, data: DataSet, grid: InputGrid | None, how: FineTuning, tell: Progress
    ) -> tuple[float, ...]:
        """Fine-tune; the loss of each epoch."""
        from snnc.converter.quantize.finetune import finetune

        def read(chosen: IntArray) -> Array:
            return on_grid(np.asarray(data.x[chosen]), grid).astype(self._dtype)

        def told(done: int, total: int) -> None:
            tell("fine-tuning", done, total)

        assert data.y is not None
        return finetune(self.model, read, data.y, how, told)

    def write(self, path: Path, grid: InputGrid | None) -> None:
        """Write it as `snnc.save_model` does."""
        import torch

        from snnc.converter.sources.save import save_model

        shape = (1, *self._source.inputs[0].shape)
        example = torch.from_numpy(np.zeros(shape, dtype=self._dtype))
        save_model(self.model, example, path, input=grid)

    @property
    def _dtype(self) -> str:
        return self._source.inputs[0].dtype


class OnnxForm:
    """The normalised ONNX with nodes that divide, clip, round and multiply."""

    suffix = ".onnx"

    def __init__(self, source: SourceModel) -> None:
        self._source = source
        self.quantizers: tuple[Quantizer, ...] = ()
        self.model: Any = None

    def build(self, quantizers: tuple[Quantizer, ...]) -> None:
        """Put the integer activations in."""
        self.quantizers = quantizers
        self.model = quantized_onnx(self._source.onnx, quantizers)

    def network(self) -> Network:
        """The network as it is."""
        return OnnxNetwork(self.model, [q.site.tensor for q in self.quantizers])

    def train(
        self, data: DataSet, grid: InputGrid | None, how: FineTuning, tell: Progress
    ) -> tuple[float, ...]:
        """Refused by `form_of` before it comes to this."""
        raise NotImplementedError

    def write(self, path: Path, grid: InputGrid | None) -> None:
        """Write it, the input's grid in its metadata."""
        from snnc.converter.sources.onnxfile import declare_grids

        declare_grids(self.model, [grid])
        with atomic_path(path, force=True) as temporary:
            temporary.write_bytes(self.model.SerializeToString(deterministic=True))
