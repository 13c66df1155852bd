"""TorchScript archives, through PyTorch's older ONNX exporter."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.archive import open_archive, read_member
from snnc.converter.sources.export import first_lines
from snnc.converter.sources.model import Calls
from snnc.converter.sources.normalise import MIN_OPSET, normalise, silence
from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import CannotLoad, ExportFailed, ShapeMismatch, UnsafePickle

if TYPE_CHECKING:
    import onnx

_REACHING_OUT = re.compile(
    rb"\b(torch|ops\.aten)\.(save|load|from_file)\b|\bops\.(?!(aten|prim|prims|quantized)\.)\w+\.\w+"
)


def load_script(data: bytes, where: str, *, trust: bool = False) -> Any:
    """A script module in evaluation mode; TorchScript runs in its own interpreter.

    Args:
        data: the archive.
        where: the file's name, for errors.
        trust: load code that reaches files or foreign operators as well.

    Raises:
        UnsafePickle: its code reaches files or foreign operators, and `trust` is not set.
        CannotLoad: PyTorch refuses it.
    """
    import torch

    if not trust:
        _screen_code(data, where)
    try:
        with silence():
            loaded: Any = torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]
            return loaded.eval()
    except Exception as error:  # C++ errors come as RuntimeError and others
        raise CannotLoad(
            f"PyTorch cannot load the TorchScript module: {first_lines(error)}", where=where
        ) from error


def _screen_code(data: bytes, where: str) -> None:
    """TorchScript cannot run Python, but some operators write files or are not PyTorch's own."""
    with open_archive(data, where) as archive:
        for name in archive.namelist():
            if "/code/" not in name or not name.endswith(".py"):
                continue
            found = _REACHING_OUT.search(read_member(archive, name, where))
            if found:
                call = found.group().decode()
                raise UnsafePickle(
                    f"the TorchScript code calls `{call}`",
                    where=where,
                    hint="if you trust the file's author, give --trust-pickle",
                )


def script_to_onnx(script: Any, shape: Shape, where: str) -> onnx.ModelProto:
    """The normalised ONNX of a script module for one float32 input of `shape`.

    Raises:
        ShapeMismatch: the module cannot run on that shape.
        ExportFailed: the exporter refuses.
    """
    import onnx
    import torch

    example = torch.zeros(shape)
    with silence(), torch.no_grad():
        try:
            script(example)
        except Exception as error:
            raise ShapeMismatch(
                f"the model cannot run on an input of shape {shape}: {first_lines(error)}",
                where=where,
                hint="give --input-shape as forward() takes it, with a batch axis of 1",
            ) from error
        buffer: Any = io.BytesIO()
        try:
            torch.onnx.export(
                script,
                (example,),
                buffer,
                dynamo=False,
                opset_version=MIN_OPSET,
                do_constant_folding=False,
                input_names=["input"],
            )
        except Exception as error:
            raise ExportFailed(
                f"PyTorch cannot export the TorchScript module: {first_lines(error)}",
                where=where,
                hint="save the model with snnc.save_model or torch.export.save instead",
            ) from error
    return normalise(onnx.load_from_string(buffer.getvalue()), where)


class ScriptEager:
    """A script module in PyTorch: only its outputs can be read."""

    def __init__(self, script: Any, input_names: Sequence[str]) -> None:
        self._script = script
        self._input_names = tuple(input_names)

    @property
    def tensors(self) -> frozenset[str]:
        """None: values inside a script module cannot be reached."""
        return frozenset()

    @property
    def replays(self) -> bool:
        """The script itself runs."""
        return False

    def run(self, calls: Calls, tensors: Collection[str]) -> list[dict[str, Array]]:
        """Nothing, see `tensors`."""
        return [{} for _ in calls]

    def outputs(self, calls: Calls) -> list[Array]:
        """Outputs in order, each (T, …) for T calls, for one sample with its batch axis of 1."""
        by_call = [self._outputs(call) for call in calls]
        return [np.concatenate(values) for values in zip(*by_call, strict=True)]

    def _outputs(self, inputs: Mapping[str, Array]) -> list[Array]:
        import torch

        arguments = [torch.from_numpy(np.array(inputs[name])) for name in self._input_names]
        with torch.no_grad(), silence():
            result = self._script(*arguments)
        results = result if isinstance(result, tuple | list) else [result]
        return [r.detach().numpy() for r in results]
