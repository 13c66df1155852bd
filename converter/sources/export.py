"""PyTorch to ONNX: module, exported program, normalised model, and the way back to eager.

The exporter is given an exported program (`torch.export`) and does not optimise: ONNX tensors
then carry the names of the program's own values, so that PyTorch can be asked for each of them.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from snnc.converter.sources.normalise import MIN_OPSET, normalise, silence
from snnc.converter.sources.shapes import fix_input_shapes
from snnc.ir.arrays import Shape
from snnc.ir.errors import CannotLoad, ExportFailed, ShapeMismatch, SnncError

if TYPE_CHECKING:
    import onnx
    import torch
    from torch.export import ExportedProgram

_SCOPES = "pkg.torch.onnx.name_scopes"


def export_module(
    module: torch.nn.Module, example_inputs: Sequence[torch.Tensor], where: str
) -> ExportedProgram:
    """Trace a module in evaluation mode, batch 1; the module's own mode comes back.

    Spiking modules are traced as `snnc` operators, after they were compared with what they were
    read as.

    Raises:
        ExportFailed: PyTorch cannot trace the module.
        ShapeMismatch: the module refuses the example's shape.
        UnsupportedOperator: a spiking module has no event form, or a module remembers its calls.
    """
    import torch

    from snnc.converter.sources.spiking.agree import require_agreement
    from snnc.converter.sources.spiking.memory import require_no_memory
    from snnc.converter.sources.spiking.replace import (
        as_operators,
        fresh_state,
        input_shapes,
        spiking_modules,
    )

    training = {m: m.training for m in module.modules()}
    module.eval()
    try:
        spiking = spiking_modules(module)
        neurons = {path: m for path, (m, _) in spiking.items()}
        with torch.no_grad(), fresh_state(neurons):
            with input_shapes(neurons) as shapes:
                _try_forward(module, example_inputs, where)
                require_no_memory(module, set(neurons), lambda: module(*example_inputs))
            require_agreement(spiking, shapes)
            with as_operators(spiking), silence():
                return torch.export.export(module, tuple(example_inputs), strict=False)
    except SnncError:
        raise
    except Exception as error:  # torch.export raises whatever the user's code raises
        raise ExportFailed(
            f"torch.export cannot trace the model: {first_lines(error)}",
            where=where,
            hint="control flow that depends on values must leave forward()",
        ) from error
    finally:
        for m, mode in training.items():
            m.training = mode


def plain_module(module: torch.nn.Module) -> torch.nn.Module:
    """The module itself on the CPU: without `torch.compile` or data-parallel wrappers.

    A module that lives on another device is copied, so that training can go on.
    """
    import torch

    wrappers = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while True:
        name = "module" if isinstance(module, wrappers) else "_orig_mod"
        inner = getattr(module, name, None)
        if not isinstance(inner, torch.nn.Module):
            break
        module = inner
    held = (*module.parameters(), *module.buffers())
    if all(tensor.device.type == "cpu" for tensor in held):
        return module
    return copy.deepcopy(module).to("cpu")


def _try_forward(
    module: torch.nn.Module, example_inputs: Sequence[torch.Tensor], where: str
) -> None:
    """One plain forward pass: its errors are far clearer than the tracer's."""
    try:
        module(*example_inputs)
    except Exception as error:
        shapes = ", ".join(str(tuple(x.shape)) for x in example_inputs)
        raise ShapeMismatch(
            f"the model cannot run on an input of shape {shapes}: {first_lines(error)}",
            where=where,
            hint="give the shape that forward() takes, with a batch axis of 1",
        ) from error


def first_lines(error: BaseException, n: int = 3) -> str:
    """The first lines of an error's text, enough to tell what happened."""
    text = str(error).strip() or type(error).__name__
    return " ".join(line.strip() for line in text.splitlines()[:n])[:500]


def program_to_onnx(
    program: ExportedProgram, where: str, batch_axis: int = 0
) -> tuple[onnx.ModelProto, ExportedProgram]:
    """The normalised ONNX of an exported program, and the program that it was made from.

    Raises:
        ExportFailed: the exporter refuses, or the model changes its own buffers.
    """
    import torch

    from snnc.converter.sources.spiking.torchop import translations

    try:
        with silence(), torch.no_grad():
            result: Any = torch.onnx.export(
                program,
                (),
                dynamo=True,
                optimize=False,
                opset_version=MIN_OPSET,
                verbose=False,
                custom_translation_table=translations(),
            )
    except Exception as error:
        raise ExportFailed(
            f"PyTorch cannot export the model to ONNX: {first_lines(error)}", where=where
        ) from error
    exported = result.exported_program
    _require_stateless(exported, where)
    model = result.model_proto
    fix_input_shapes(model, None, where, batch_axis)
    return normalise(model, where), exported


def _require_stateless(program: ExportedProgram, where: str) -> None:
    changed = sorted(program.graph_signature.buffers_to_mutate.values())
    if changed:
        raise ExportFailed(
            f"the model changes its buffer `{changed[0]}` while it runs",
            where=where,
            hint="call model.eval() before it is exported",
        )


def module_paths(model: onnx.ModelProto) -> dict[str, str]:
    """Node name → module path, from the exporter's metadata or the node's own name."""
    return {node.name: _module_path(node) for node in model.graph.node}


def _module_path(node: onnx.NodeProto) -> str:
    for prop in node.metadata_props:
        if prop.key == _SCOPES:
            try:
                scopes = [str(scope) for scope in ast.literal_eval(prop.value)]
            except (ValueError, SyntaxError):
                break
            # the last scope is the operation itself, the one before it the module
            named = [scope for scope in scopes[:-1] if scope] or scopes[-1:]
            return named[-1] if named else node.name
    return path_from_name(node.name)


def path_from_name(name: str) -> str:
    """`/layer1/layer1.0/conv1/Conv` (the older exporter's node name) → `layer1.0.conv1`."""
    if not name.startswith("/"):
        return name
    path, previous = "", ""
    for part in name.split("/")[1:-1]:
        if previous and part.startswith(previous + "."):
            path = path[: len(path) - len(previous)] + part
        else:
            path = f"{path}.{part}" if path else part
        previous = part
    return path or name


def example_from_program(program: ExportedProgram, where: str, batch_axis: int = 0) -> list[Shape]:
    """Shapes of the program's inputs; a free batch axis counts as 1.

    Raises:
        ShapeMismatch: an input was exported with another batch than 1.
        CannotLoad: an input is no tensor.
    """
    import torch

    shapes: list[Shape] = []
    users = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        if node.op != "placeholder" or node.name not in users:
            continue
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            raise CannotLoad(f"input `{node.name}` is no tensor", where=where)
        free = [isinstance(d, torch.SymInt) for d in value.shape]
        at = batch_axis if value.ndim > batch_axis else 0
        if any(free[:at] + free[at + 1 :]):
            raise ShapeMismatch(
                f"input `{node.name}` has a free axis beyond the batch axis",
                where=where,
                hint="export the model with fixed shapes",
            )
        batch = 1 if free and free[at] else int(value.shape[at]) if free else 0
        if batch != 1:
            raise ShapeMismatch(
                f"input `{node.name}` was exported with a batch axis of {batch}",
                where=where,
                hint="export the model with a batch axis of 1",
            )
        sizes = (1 if axis == at else int(d) for axis, d in enumerate(value.shape))
        shapes.append(tuple(sizes))
    return shapes
