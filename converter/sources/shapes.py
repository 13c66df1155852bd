"""Fixed shapes for an ONNX model whose axes may be free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snnc.ir.arrays import Shape
from snnc.ir.errors import CannotLoad, ShapeMismatch

if TYPE_CHECKING:
    import onnx


def fix_input_shapes(model: onnx.ModelProto, input_shape: Shape | None, where: str) -> None:
    """Give every graph input a fixed shape, in place; a free first axis becomes 1.

    Shapes of all other tensors are forgotten: they are inferred again.

    Args:
        model: the model.
        input_shape: for a model with one input.
        where: the model's name, for errors.

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
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
        if not dims or any(d.dim_value < 1 for d in dims) or dims[0].dim_value != 1:
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
