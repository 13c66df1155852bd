"""Normal form of an ONNX model: what the lowering may rely on.

Static shapes with a batch axis of 1, opset 18 or newer, functions inlined, constants folded
into initializers, no node that only passes a value on (Identity, Dropout at inference, Cast to
the same type), `Max` and `Min` with constants joined to `Clip`, every node named and every
tensor's shape known. No weight is changed and no operator merged with another one: the numbers
of every tensor that stays are the source's own.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.qonnx import expand
from snnc.converter.sources.shapes import complete_shapes
from snnc.ir.errors import BadWeights, CannotLoad

if TYPE_CHECKING:
    import onnx

MIN_OPSET = 18
_OLDEST_OPSET = 7
_IR_VERSION = 10
"""ONNX's file format, which ONNX Runtime refuses where it is newer than itself; what came after
10 are types of weights below 8 bits and devices, which no model here has."""
_FOLD_LIMIT = 2**28
"""Elements of the largest constant that is folded: a hostile file may ask for any size."""
_LINEAR = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "Mul", "Div", "Add", "Sub"}
)
_NOISY_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "torch.jit")


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep the exporters' warnings and log lines off the user's terminal."""
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def normalise(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """Bring a model into normal form; the argument stays as it is.

    Raises:
        CannotLoad: not a valid model, or of an opset that cannot be brought up.
        ShapeMismatch: a shape stays unknown.
        UnsupportedOperator: an operator that neither ONNX nor ONNX Runtime knows.
        BadWeights: a weight is NaN or infinite.
    """
    check_weights(model, where)
    with silence():
        result = _passes(expand(_at_least_opset(model, where)), where)
    result.ir_version = min(result.ir_version, _IR_VERSION)
    _join_clips(result)
    complete_shapes(result, where)
    return result


def check_weights(model: onnx.ModelProto, where: str) -> None:
    """Raise `BadWeights` where an initializer holds NaN, or a linear operator's an infinity."""
    from onnx import TensorProto, numpy_helper

    linear = {name for node in model.graph.node if node.op_type in _LINEAR for name in node.input}
    floats = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
    for tensor in model.graph.initializer:
        if tensor.data_type not in floats:
            continue
        values = numpy_helper.to_array(tensor)
        bad = np.isnan(values) if tensor.name not in linear else ~np.isfinite(values)
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            raise BadWeights(
                f"parameter `{tensor.name}` holds {int(bad.sum())} values that are NaN or "
                f"infinite, the first at {at}",
                where=where,
                hint="train again from a checkpoint before the loss diverged",
            )


def _at_least_opset(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    import onnx

    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset > onnx.defs.onnx_opset_version() or opset < _OLDEST_OPSET:
        raise CannotLoad(
            f"the model has opset {opset}; snnc reads {_OLDEST_OPSET} to "
            f"{onnx.defs.onnx_opset_version()}",
            where=where,
            hint="export the model again, for example with opset_version=18",
        )
    if opset >= MIN_OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, MIN_OPSET)
    except Exception as error:  # the C++ converter throws its own classes
        raise CannotLoad(
            f"the model's opset {opset} cannot be brought to {MIN_OPSET}: {error}", where=where
        ) from None


def _passes(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    import onnx_ir
    import onnx_ir.passes.common as common

    try:
        ir = onnx_ir.from_proto(model)
        common.InlinePass()(ir)
        common.RemoveInitializersFromInputsPass()(ir)
        _fold(ir)
        common.IdentityEliminationPass()(ir)
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(ir)
        common.RemoveUnusedNodesPass()(ir)
        common.RemoveUnusedFunctionsPass()(ir)  # type: ignore[no-untyped-call]
        common.NameFixPass()(ir)
        common.TopologicalSortPass()(ir)
        common.ShapeInferencePass()(ir)
        return onnx_ir.to_proto(ir)
    except Exception as error:  # a hostile graph can fail anywhere in these packages
        raise CannotLoad(f"the ONNX graph is not valid ({_root(error)})", where=where) from None


def _fold(ir: Any) -> None:
    """Fold constants until nothing changes, in place.

    Shapes are inferred before each round: what the exporter left open, or what a folded operand
    fixes, makes further `Shape` nodes constant.
    """
    import onnx_ir.passes.common as common
    from onnxscript import optimizer

    before = -1
    while before != (before := len(ir.graph)):
        common.ShapeInferencePass()(ir)
        optimizer.fold_constants(
            ir,
            onnx_shape_inference=True,
            input_size_limit=_FOLD_LIMIT,
            output_size_limit=_FOLD_LIMIT,
        )
        common.RemoveUnusedNodesPass()(ir)


def _root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def _join_clips(model: onnx.ModelProto) -> None:
    """Min(Max(x, lo), hi) with constants lo and hi becomes Clip(x, lo, hi), in place."""
    graph = model.graph
    scalars = {t.name for t in graph.initializer if tuple(t.dims) in ((), (1,))}
    maker = {name: node for node in graph.node for name in node.output}
    uses: dict[str, int] = {}
    for name in (n for node in graph.node for n in node.input):
        uses[name] = uses.get(name, 0) + 1
    kept = {o.name for o in graph.output}
    for node in list(graph.node):
        if node.op_type != "Min" or len(node.input) != 2:
            continue
        x, hi = _value_and_scalar(node, scalars)
        inner = maker.get(x or "")
        if hi is None or inner is None or inner.op_type != "Max" or len(inner.input) != 2:
            continue
        value, lo = _value_and_scalar(inner, scalars)
        if value is None or lo is None or uses[inner.output[0]] > 1 or inner.output[0] in kept:
            continue
        node.op_type = "Clip"
        del node.input[:]
        node.input.extend([value, _as_scalar(model, lo), _as_scalar(model, hi)])
        graph.node.remove(inner)
    _drop_unused(model)


def _value_and_scalar(node: onnx.NodeProto, scalars: set[str]) -> tuple[str | None, str | None]:
    """The two inputs of a commutative node as (value, constant); (None, None) where not so."""
    a, b = node.input
    if (a in scalars) == (b in scalars):
        return None, None
    return (b, a) if a in scalars else (a, b)


def _as_scalar(model: onnx.ModelProto, name: str) -> str:
    """The name of `name`'s value as a 0-d initializer, which Clip demands."""
    from onnx import numpy_helper

    tensor = next(t for t in model.graph.initializer if t.name == name)
    if not tensor.dims:
        return name
    scalar = f"{name}__scalar"
    if all(t.name != scalar for t in model.graph.initializer):
        value = numpy_helper.to_array(tensor).reshape(())
        model.graph.initializer.append(numpy_helper.from_array(value, scalar))
    return scalar


def _drop_unused(model: onnx.ModelProto) -> None:
    """Remove initializers and value infos that nothing uses any more, in place."""
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    used |= {o.name for o in graph.output}
    made = {name for node in graph.node for name in node.output}
    for tensors, keep in ((graph.initializer, used), (graph.value_info, made)):
        left = [t for t in tensors if t.name in keep]
        del tensors[:]
        tensors.extend(left)
