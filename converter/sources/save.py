"""`snnc.save_model`: the one line that a training script adds.

The file is a zip of two members: the program as `torch.export` saves it, and a JSON declaration
of its inputs. It holds no code and is loaded without any.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from snnc.converter.sources.archive import read_member
from snnc.converter.sources.export import export_module, plain_module
from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.model import SourceOptions
from snnc.converter.sources.normalise import silence
from snnc.converter.sources.states import check_states
from snnc.ir.arrays import Array
from snnc.ir.errors import DamagedFile, DataError, NewerFile, ShapeMismatch
from snnc.ir.nodes import Reduction

if TYPE_CHECKING:
    import torch

Declared: TypeAlias = InputGrid | tuple[int, int] | None
"""What a user may declare for one input."""

FORMAT = 2
_WITHOUT_FRAMES = 1
"""The format of files that say nothing about frames: older versions of snnc read them."""
DECLARATION = "snnc-source.json"
PROGRAM = "program.pt2"
STATES = "states.npz"


def save_model(
    model: torch.nn.Module,
    example_inputs: Any,
    path: str | os.PathLike[str],
    *,
    input: Declared | list[Declared] = None,
    frames: int | None = None,
    time_axis: int | None = None,
    reduce: Reduction | None = None,
    states: Mapping[str, int] | None = None,
) -> None:
    """Save a trained model so that snnc can load it without its code.

    The model is traced in evaluation mode; its own mode comes back afterwards.

    Args:
        model: the trained module.
        example_inputs: what forward() takes: a tensor or array, or a tuple of them, batch axis
            first; only the first sample is used, and only for its shape and type.
        path: the file to write, by custom `.pt`; replaced if it exists.
        input: the grid that the input's values lie on: `(0, 16)` for integers 0…16 that the
            model takes as they are, `snnc.InputGrid.over_range(-1.0, 1.0, 8)` for a real range
            cut into 8 bits; a list for several inputs. Not needed for 8-bit integer tensors.
        frames: T, frames of a sample, for models with spiking modules; known from the example
            where `time_axis` is given.
        time_axis: 0 or 1 where forward() takes all frames at once, along that axis of its
            input, and the samples along the other of the two; None: it takes one frame a call.
        reduce: `mean` or `sum` of the outputs of a sample's frames, where forward() gives one
            for each and does not reduce them itself.
        states: inputs of forward() that a frame takes from the frame before: the number of the
            result, counted from 0, that comes back, by the input's name. The example's value is
            the one at a sample's start. The host keeps them.

    Raises:
        ExportFailed: PyTorch cannot trace the model.
        ShapeMismatch: the model cannot run on the example.
        DataError: as many grids as inputs are needed.
    """
    import torch

    model = plain_module(model)
    where = type(model).__name__
    said = SourceOptions(frames=frames, time_axis=time_axis, reduce=reduce)
    examples = first_samples(example_inputs, where, said.batch_axis)
    grids = [_grid(g) for g in (input if isinstance(input, list) else [input])]
    if len(grids) not in (1, len(examples)):
        raise DataError(f"{len(grids)} grids are given for {len(examples)} inputs", where=where)
    grids += [None] * (len(examples) - len(grids))
    program = export_module(model, examples, where)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of the user's machine
    # nor is the example, a sample of the user's data, to travel with the model
    program.example_inputs = (tuple(torch.zeros_like(x) for x in examples), {})
    buffer = io.BytesIO()
    with silence():
        torch.export.save(program, buffer)
    held = dict(states or {})
    names = tuple(program.graph_signature.user_inputs)
    check_states(held, names, len(program.graph_signature.user_outputs), where)
    initial = {n: x.numpy() for n, x in zip(names, examples, strict=True) if n in held}
    timed = {"frames": frames, "time_axis": time_axis, "reduce": reduce}
    known = {name: value for name, value in timed.items() if value is not None}
    declaration: dict[str, Any] = {
        "format": FORMAT if known else _WITHOUT_FRAMES,
        "name": where,
        "torch": torch.__version__,
        "inputs": [grid.to_json() if grid else None for grid in grids],
        **known,
    }
    members = {}
    if held:
        declaration |= {"format": FORMAT, "states": held}
        members[STATES] = _packed(initial)
    members = {
        DECLARATION: json.dumps(declaration, indent=1).encode(),
        PROGRAM: buffer.getvalue(),
        **members,
    }
    _write(Path(path), members)


def _packed(arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _grid(declared: Declared) -> InputGrid | None:
    """A declaration as a grid; a plain pair (lo, hi) has step 1."""
    if declared is None or isinstance(declared, InputGrid):
        return declared
    pair: tuple[object, ...] = declared
    if len(pair) != 2 or not all(type(bound) is int for bound in pair):
        raise DataError(
            f"an input grid (lo, hi) needs two integers, not {declared!r}",
            hint="for a real range: snnc.InputGrid.over_range(lo, hi, bits)",
        )
    return InputGrid(*declared)


def _write(path: Path, members: Mapping[str, bytes]) -> None:
    """Write the archive under another name first: a killed run leaves no half file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _initial(archive: zipfile.ZipFile, where: str) -> dict[str, Array]:
    with np.load(io.BytesIO(read_member(archive, STATES, where)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def first_samples(example_inputs: Any, where: str, batch_axis: int = 0) -> tuple[torch.Tensor, ...]:
    """The first sample of every example input, as tensors with a batch axis of 1.

    Raises:
        ShapeMismatch: an example has no batch axis or no sample.
    """
    import torch

    given = example_inputs if isinstance(example_inputs, tuple | list) else (example_inputs,)
    tensors = [torch.as_tensor(x).detach().cpu() for x in given]
    for x in tensors:
        if x.ndim < 1 or 0 in x.shape:
            raise ShapeMismatch(
                f"an example input of shape {tuple(x.shape)} has no sample", where=where
            )
    return tuple(x.narrow(batch_axis if x.ndim > batch_axis else 0, 0, 1).clone() for x in tensors)


@dataclass(frozen=True, kw_only=True, eq=False)
class Saved:
    """What a `save_model` file holds.

    Attributes:
        program: as torch.export saves it.
        grids: of the inputs, in order.
        name: of the model.
        options: what it says about frames.
        states: result of forward() by the input that takes it in the next frame.
        initial: values of these inputs at a sample's start.
    """

    program: bytes
    grids: list[InputGrid | None]
    name: str
    options: SourceOptions
    states: Mapping[str, int]
    initial: Mapping[str, Array]


def read_saved(archive: zipfile.ZipFile, where: str) -> Saved:
    """Read a `save_model` file.

    Raises:
        DamagedFile: a member is missing or malformed.
        NewerFile: a newer snnc wrote it.
    """
    text = read_member(archive, DECLARATION, where)
    program = read_member(archive, PROGRAM, where)
    try:
        declaration = json.loads(text)
        version = int(declaration["format"])
        if version <= FORMAT:
            grids = [None if g is None else InputGrid.from_json(g) for g in declaration["inputs"]]
            timed = {k: declaration.get(k) for k in ("frames", "time_axis", "reduce")}
            return Saved(
                program=program,
                grids=grids,
                name=str(declaration["name"]),
                options=SourceOptions(**timed),
                states={str(k): int(i) for k, i in declaration.get("states", {}).items()},
                initial=_initial(archive, where) if declaration.get("states") else {},
            )
    except (KeyError, TypeError, ValueError, RecursionError) as error:  # DataError is one
        raise DamagedFile(f"{DECLARATION} is malformed ({error})", where=where) from None
    raise NewerFile(
        f"the file has format {version}, this snnc reads {FORMAT}",
        where=where,
        hint="update snnc",
    )
