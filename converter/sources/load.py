"""`load_source`: recognise what a source is by its content, and load it.

The extension of a file is never looked at. Every way leads to `SourceModel`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnc.converter.hdf5 import MAGIC
from snnc.converter.sources.archive import open_archive
from snnc.converter.sources.declare import declare_inputs
from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.model import EagerModel, SourceModel, SourceOptions
from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import BadInputFile, CannotLoad, MissingExtra, ShapeMismatch, WrongUsage

if TYPE_CHECKING:
    import onnx
    import torch
    from torch.export import ExportedProgram

MAX_BYTES = 8 * 2**30
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_SAFETENSORS_HEADER = 8


@dataclass
class _Loaded:
    """What a loader knows about a source."""

    onnx: onnx.ModelProto
    loader: str
    eager: EagerModel | None = None
    grids: list[InputGrid | None] = field(default_factory=list)
    name: str | None = None
    checkpoint_key: str | None = None
    declared: SourceOptions = field(default_factory=SourceOptions)
    """What the file itself says about frames."""
    states: Mapping[str, int] = field(default_factory=dict)
    initial: Mapping[str, Array] = field(default_factory=dict)
    """What the host keeps from frame to frame; see `snnc.save_model`."""


def load_source(
    source: str | os.PathLike[str] | torch.nn.Module,
    options: SourceOptions | None = None,
    example_inputs: Any = None,
) -> SourceModel:
    """Load a SOURCE: a file of any known kind with a trained model, or a module at hand.

    Args:
        source: path, or a `torch.nn.Module`.
        options: what the user says about it.
        example_inputs: for a module: what forward() takes, batch axis first.

    Returns:
        The normalised model with its inputs declared.

    Raises:
        BadInputFile: the file cannot be read.
        DamagedFile: it is truncated, tampered with or dangerous to unpack.
        CannotLoad: it is no model of a known kind, or an option is missing.
        UnsafePickle: loading it would run its code.
        KeyMismatch: a checkpoint does not fit the factory's module.
        BadWeights: a weight is NaN or infinite.
        ShapeMismatch: `input_shape` does not fit.
        ExportFailed: PyTorch cannot export it.
        MissingExtra: it needs PyTorch, which is not installed.
        WrongUsage: a factory is given and the file holds the model itself.
    """
    options = options or SourceOptions()
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        data = read_file(path)
        if data.startswith(MAGIC):
            raise CannotLoad(
                "this is an HDF5 file (NIR, lava-dl), a graph and not a trained model",
                where=str(path),
            )
        loaded = _load_bytes(data, path, options)
        digest = hashlib.sha256(data).hexdigest()
        return _finish(loaded, options, path.stem, {"file": path.name, "sha256": digest})
    loaded = _load_module(source, example_inputs, options)
    return _finish(loaded, options, loaded.name or "model", {"file": None, "sha256": None})


def refuse_net_options(options: SourceOptions, where: str) -> None:
    """Raise `WrongUsage` where options are given that only `.net` files have a use for."""
    for name in options.for_net_files:
        raise WrongUsage(f"--{name.replace('_', '-')} is for lava-dl's .net files", where=where)


def read_file(path: Path) -> bytes:
    """The bytes of a SOURCE file.

    Raises:
        BadInputFile: it cannot be read, or is larger than `MAX_BYTES`.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInputFile(f"the file is larger than {MAX_BYTES // 2**30} GiB", where=str(path))
        return path.read_bytes()
    except OSError as error:
        if isinstance(error, BadInputFile):
            raise
        reason = error.strerror or str(error)
        raise BadInputFile(f"the file cannot be read: {reason}", where=str(path)) from None


def _finish(
    loaded: _Loaded, options: SourceOptions, name: str, provenance: Mapping[str, Any]
) -> SourceModel:
    from snnc.converter.sources.export import module_paths
    from snnc.converter.sources.frames.apply import merged, per_frame
    from snnc.converter.sources.frames.eager import SequenceEager
    from snnc.converter.sources.states import hold_states

    if options.factory is not None and loaded.loader != "checkpoint":
        raise WrongUsage(
            "--factory is for files of weights; this one holds the model itself",
            where=name,
            hint="leave --factory out",
        )
    if options.dt is not None or options.reset is not None:
        raise WrongUsage("--dt and --reset are for NIR files", where=name)
    refuse_net_options(options, name)
    options = merged(options, loaded.declared, name)
    paths = module_paths(loaded.onnx)
    model, layout, n_frames = per_frame(loaded.onnx, options, paths, name)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    axes = {} if layout is None else layout.axes
    eager = loaded.eager
    source = SourceModel(
        name=name,
        onnx=model,
        inputs=declare_inputs(model, loaded.grids, options, name, axes),
        outputs=tuple(o.name for o in model.graph.output),
        module_paths=paths | module_paths(model),
        eager=SequenceEager(eager, layout) if eager is not None and layout else eager,
        levels=options.levels,
        n_frames=n_frames,
        layout=layout,
        reduce=options.reduce,
        provenance={
            **provenance,
            "loader": loaded.loader,
            "model": loaded.name,
            "opset": opset,
            "producer": f"{model.producer_name} {model.producer_version}".strip(),
            "checkpoint_key": loaded.checkpoint_key,
            "factory": options.factory,
            "frames": n_frames,
            "time_axis": options.time_axis,
            "reduce": options.reduce,
        },
    )
    return hold_states(source, loaded.states, loaded.initial) if loaded.states else source


def _load_bytes(data: bytes, path: Path, options: SourceOptions) -> _Loaded:
    where = str(path)
    if data.startswith(_ZIP):
        return _load_zip(data, path, options)
    if _is_safetensors(data):
        _require_torch(where)
        from safetensors.torch import load

        return _load_checkpoint(load(data), options, where)
    if data.startswith(_PICKLE):
        _require_torch(where)
        return _load_torch_save(data, options, where)
    from snnc.converter.sources.onnxfile import declared_grids, load_onnx, parse_onnx

    model = parse_onnx(data)
    if model is None:
        raise CannotLoad(
            "this is no model of a known kind, or it is truncated",
            where=where,
            hint="known: torch.export (.pt2), snnc.save_model files, TorchScript, checkpoints "
            "of weights with --factory, ONNX, NIR, lava-dl .net",
        )
    grids = declared_grids(model, where)
    normal = load_onnx(model, path, options.input_shape, options.batch_axis)
    return _Loaded(normal, "onnx", grids=grids)


def _is_safetensors(data: bytes) -> bool:
    length = int.from_bytes(data[:_SAFETENSORS_HEADER], "little")
    return data[_SAFETENSORS_HEADER : _SAFETENSORS_HEADER + 1] == b"{" and (
        1 < length <= len(data) - _SAFETENSORS_HEADER
    )


def _require_torch(where: str) -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "this source needs PyTorch", where=where, hint="pip install 'snnc[torch]'"
        ) from None


def _load_zip(data: bytes, path: Path, options: SourceOptions) -> _Loaded:
    from snnc.converter.sources.frames.apply import merged
    from snnc.converter.sources.save import DECLARATION, read_saved

    where = str(path)
    with open_archive(data, where) as archive:
        names = archive.namelist()
        inside = {name.partition("/")[2] or name for name in names}
        if DECLARATION in names:
            _require_torch(where)
            saved = read_saved(archive, where)
            both = merged(options, saved.options, where)
            loaded = _load_program(saved.program, both, where, "save_model")
            loaded.grids, loaded.name, loaded.declared = saved.grids, saved.name, saved.options
            loaded.states, loaded.initial = saved.states, saved.initial
            return loaded
    if "manifest.json" in inside and "graph.json" in inside:
        raise CannotLoad("this is a converted model (.snnc), not a source", where=where)
    _require_torch(where)
    if "archive_format" in inside or "serialized_exported_program.json" in inside:
        return _load_program(data, options, where, "torch.export")
    if "constants.pkl" in inside:
        return _load_torchscript(data, options, where)
    if "data.pkl" in inside:
        return _load_torch_save(data, options, where)
    raise CannotLoad("this archive holds no model of a known kind", where=where)


def _load_program(data: bytes, options: SourceOptions, where: str, loader: str) -> _Loaded:
    from snnc.converter.sources.programs import load_program

    program = load_program(data, where, trust=options.trust_pickle)
    return _from_program(program, program.module(), options, where, loader)


def _from_program(
    program: ExportedProgram,
    original: torch.nn.Module,
    options: SourceOptions,
    where: str,
    loader: str,
    spiking: Any = None,
) -> _Loaded:
    from snnc.converter.sources.eager import ProgramEager
    from snnc.converter.sources.export import example_from_program, program_to_onnx

    shapes = example_from_program(program, where, options.batch_axis)
    if options.input_shape is not None and [options.input_shape] != shapes:
        raise ShapeMismatch(
            f"--input-shape {options.input_shape} is not the shape that the model was exported "
            f"for, {shapes[0] if len(shapes) == 1 else shapes}",
            where=where,
        )
    model, exported = program_to_onnx(program, where, options.batch_axis)
    eager = ProgramEager(
        exported,
        original,
        [i.name for i in model.graph.input],
        [name for node in model.graph.node for name in node.output],
        spiking,
    )
    return _Loaded(model, loader, eager)


def _load_module(module: Any, example_inputs: Any, options: SourceOptions) -> _Loaded:
    _require_torch(type(module).__name__)
    import torch

    from snnc.converter.sources.export import export_module, plain_module
    from snnc.converter.sources.save import first_samples
    from snnc.converter.sources.spiking.replace import spiking_modules

    if not isinstance(module, torch.nn.Module):
        raise CannotLoad(f"a source is a path or a torch.nn.Module, not a {type(module).__name__}")
    module = plain_module(module)
    where = type(module).__name__
    if example_inputs is None and options.input_shape is None:
        raise CannotLoad(
            "a module needs example_inputs (or input_shape)",
            where=where,
            hint="snnc.convert(model, x[:1])",
        )
    if example_inputs is None:
        example_inputs = _example(options.input_shape, where, options.batch_axis)
    examples = first_samples(example_inputs, where, options.batch_axis)
    program = export_module(module, examples, where)
    spiking = spiking_modules(module)
    said = replace(options, input_shape=None)
    loaded = _from_program(program, module, said, where, "module", spiking)
    loaded.name = where
    return loaded


def _example(shape: Shape | None, where: str, batch_axis: int = 0) -> torch.Tensor:
    import torch

    if shape is None:
        raise CannotLoad(
            "the file does not tell the shape of its input",
            where=where,
            hint="give --input-shape with a batch axis of 1, such as 1,3,32,32",
        )
    if len(shape) <= batch_axis or shape[batch_axis] != 1 or min(shape) < 1:
        raise ShapeMismatch(
            f"--input-shape {','.join(map(str, shape))} has no batch axis of 1", where=where
        )
    return torch.zeros(shape)


def _load_torchscript(data: bytes, options: SourceOptions, where: str) -> _Loaded:
    from snnc.converter.sources.script import ScriptEager, load_script, script_to_onnx

    shape = tuple(_example(options.input_shape, where).shape)
    script = load_script(data, where, trust=options.trust_pickle)
    model = script_to_onnx(script, shape, where)
    return _Loaded(model, "torchscript", ScriptEager(script, [i.name for i in model.graph.input]))


def _load_torch_save(data: bytes, options: SourceOptions, where: str) -> _Loaded:
    import torch

    from snnc.converter.sources.weights import load_pickled

    content = load_pickled(data, where, trust=options.trust_pickle)
    module = _module_in(content)
    if module is None or options.factory is not None:
        return _load_checkpoint(content, options, where)
    loaded = _load_module(module.to(torch.float32), None, _with_shape(options, where))
    loaded.loader = "pickled-module"
    return loaded


def _with_shape(options: SourceOptions, where: str) -> SourceOptions:
    _example(options.input_shape, where, options.batch_axis)
    return options


def _module_in(content: Any) -> torch.nn.Module | None:
    """A pickled module: at the top or under one of the usual keys."""
    import torch

    from snnc.converter.sources.weights import NESTED

    candidates: Sequence[Any] = [content]
    if isinstance(content, Mapping):
        candidates = [content.get(key) for key in NESTED]
    return next((c for c in candidates if isinstance(c, torch.nn.Module)), None)


def _load_checkpoint(content: Any, options: SourceOptions, where: str) -> _Loaded:
    from snnc.converter.sources.weights import build, find_state, load_weights

    state, key = find_state(content, where)
    if options.factory is None:
        raise CannotLoad(
            f"the file holds {len(state)} weights and no model",
            where=where,
            hint="give --factory package.module:callable that builds the module, and --input-shape",
        )
    example = _example(options.input_shape, where, options.batch_axis)
    module = build(options.factory, where)
    load_weights(module, state, where)
    loaded = _load_module(module, example, options)
    loaded.loader, loaded.checkpoint_key = "checkpoint", key
    return loaded
