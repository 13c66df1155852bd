"""Fixed shapes for an ONNX model: free axes, and tensors that inference says nothing about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.arrays import Shape
from snnc.ir.errors import CannotLoad, ShapeMismatch, SnncError, UnsupportedOperator

if TYPE_CHECKING:
    import onnx

STANDARD_DOMAINS = ("", "ai.onnx")
_CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
_DATA_SHAPED = frozenset({"Compress", "NonMaxSuppression", "NonZero", "Unique"})


def fix_input_shapes(
    model: onnx.ModelProto, input_shape: Shape | None, where: str, batch_axis: int = 0
) -> None:
    """Give every graph input a fixed shape, in place; a free batch axis becomes 1.

    Shapes of all other tensors are forgotten: they are inferred again.

    Args:
        model: the model.
        input_shape: for a model with one input.
        where: the model's name, for errors.
        batch_axis: of the inputs.

    Raises:
        CannotLoad: the model has no input.
        ShapeMismatch: `input_shape` does not fit, or an axis stays free.
    """
    constants = {t.name for t in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in constants]
    if not inputs:
        raise CannotLoad("the model has no input", where=where)
    given = input_shape if len(inputs) == 1 else None
    for value in inputs:
        if given is not None:
            _set_shape(value, given, where)
        dims = value.type.tensor_type.shape.dim
        batch = dims[batch_axis if len(dims) > batch_axis else 0] if dims else None
        if batch is not None and not batch.HasField("dim_value"):
            batch.dim_value = 1
        if batch is None or any(d.dim_value < 1 for d in dims) or batch.dim_value != 1:
            raise ShapeMismatch(
                f"input `{value.name}` has no fixed shape with a batch axis of 1",
                where=where,
                hint="give --input-shape, such as 1,3,32,32",
            )
    for value in (*model.graph.output, *model.graph.value_info):
        value.type.tensor_type.ClearField("shape")


def _set_shape(value: Any, shape: Shape, where: str) -> None:
    dims = value.type.tensor_type.shape.dim
    fixed = [d.dim_value if d.dim_value > 0 else None for d in dims]
    fits = not fixed or (
        len(fixed) == len(shape) and all(f in (None, g) for f, g in zip(fixed, shape, strict=True))
    )
    if not fits:
        raise ShapeMismatch(
            f"--input-shape {shape} does not fit input `{value.name}` of shape {fixed}",
            where=where,
        )
    while len(dims) < len(shape):
        dims.add()
    for dim, size in zip(dims, shape, strict=True):
        dim.dim_value = size


def complete_shapes(model: onnx.ModelProto, where: str) -> None:
    """Make every tensor's shape known, in place; behind foreign operators a run shows them.

    Raises:
        UnsupportedOperator: an operator that neither ONNX nor ONNX Runtime knows.
        ShapeMismatch: a shape stays open.
    """
    unknown = _unknown(model)
    # a standard operator whose shape cannot be inferred has one that depends on values
    if _first_is_foreign(unknown) and _show_shapes(model, list(unknown)):
        unknown = _unknown(model)
    if unknown:
        _refuse_open_operators(model)
    for tensor, node in unknown.items():
        if node.domain not in STANDARD_DOMAINS:
            raise UnsupportedOperator(
                f"operator {node.op_type} of domain {node.domain} has no event form",
                where=node.name or tensor,
                hint="export the model with standard ONNX operators",
            )
        raise ShapeMismatch(
            f"the shape of tensor `{tensor}` ({node.op_type}) is not fixed",
            where=where,
            hint="give --input-shape with a batch axis of 1",
        )


def _refuse_open_operators(model: onnx.ModelProto) -> None:
    """Raise `UnsupportedOperator` where an operator decides by data how much there is."""
    for node in model.graph.node:
        if node.op_type in _CONTROL_FLOW:
            raise UnsupportedOperator(
                f"operator {node.op_type} has no event form: the data decide what is computed",
                where=node.name or node.output[0],
                hint="export the model with its loops unrolled and its branches decided "
                "(torch.export does both for what the example fixes)",
            )
        if node.op_type in _DATA_SHAPED:
            raise UnsupportedOperator(
                f"operator {node.op_type} has no event form: its result's shape depends on the "
                "data",
                where=node.name or node.output[0],
                hint="let the model end before it, and apply it to what snnc gives",
            )


def _first_is_foreign(unknown: dict[str, onnx.NodeProto]) -> bool:
    first = next(iter(unknown.values()), None)
    return first is not None and first.domain not in STANDARD_DOMAINS


def _unknown(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Tensors without a fixed shape and the nodes that make them, in the graph's order."""
    known = set()
    for info in (*model.graph.output, *model.graph.value_info):
        tensor = info.type.tensor_type
        if tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim):
            known.add(info.name)
    return {
        name: node
        for node in model.graph.node
        for name in node.output
        if name and name not in known
    }


def _show_shapes(model: onnx.ModelProto, tensors: list[str]) -> bool:
    """Run the model once on zeros and note the shapes of `tensors`; False if it cannot run."""
    from onnx.helper import make_tensor_value_info, np_dtype_to_tensor_dtype

    shapes = {
        i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input
    }
    try:
        values = OnnxRunner(model, tensors).run({k: np.zeros(v) for k, v in shapes.items()})
    except SnncError:
        return False
    outputs = {o.name: o for o in model.graph.output}
    for name in tensors:
        value = values[name]
        elem = np_dtype_to_tensor_dtype(value.dtype)
        info = make_tensor_value_info(name, elem, value.shape)
        if name in outputs:
            outputs[name].CopyFrom(info)
        else:
            stale = [v for v in model.graph.value_info if v.name == name]
            for v in stale:
                model.graph.value_info.remove(v)
            model.graph.value_info.append(info)
    return True
