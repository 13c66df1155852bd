"""Operators in exact arithmetic: integers with a scale, float64 for what is no integer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from snnc.converter.sources.quantised import CONCAT, QuantisedOperator, integer_limits
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.errors import UnsupportedOperator
from snnc.runtime.verify.windows import convolve, is_simple, maxima, pooled

_BIAS_ROUNDING = 2.0**-22
"""A bias's scale is the product of two scales, once rounded to float32."""
_VIEWS = frozenset(
    {"Flatten", "Gather", "Identity", "MaxPool", "Reshape", "Slice", "Split", "Squeeze"}
    | {"Transpose", "Unsqueeze", "DepthToSpace", "SpaceToDepth", "GlobalMaxPool", "Expand"}
)
"""Operators that choose among their first input's elements."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """Integers times a scale.

    Attributes:
        k: int64.
        scale: float64, broadcastable to `k`.
    """

    k: IntArray
    scale: FloatArray

    @property
    def real(self) -> FloatArray:
        """The product in float64."""
        return self.k * self.scale


Value: TypeAlias = Array | Scaled
Operand: TypeAlias = Value | None


@dataclass(frozen=True, eq=False)
class Found:
    """What a quantised operator computed.

    Attributes:
        operands: dequantised.
        total: before it was rounded.
        result: as the operator gives it.
    """

    operands: list[Value]
    total: Value
    result: Value


def real_of(value: Value) -> Array:
    """A value as an array: integers as they are, reals in float64."""
    return value.real if isinstance(value, Scaled) else value


# -- quantising ------------------------------------------------------------------------------


def _scaled(node: onnx.NodeProto, q: Operand, scale: Operand, zero: Operand, axis: int) -> Scaled:
    """(q - zero) * scale, unevaluated."""
    assert isinstance(q, np.ndarray)
    s = np.ones(()) if scale is None else np.asarray(scale, dtype=np.float64)
    z = np.zeros((), dtype=np.int64) if zero is None else np.asarray(zero, dtype=np.int64)
    return Scaled(q.astype(np.int64) - _along(node, z, q.ndim, axis), _along(node, s, q.ndim, axis))


def _along(node: onnx.NodeProto, values: Array, ndim: int, axis: int) -> Array:
    if values.size == 1:
        return values.reshape(())
    if values.ndim != 1:
        raise UnsupportedOperator("blocked quantisation", where=node.name)
    return values.reshape((-1,) + (1,) * (ndim - 1 - axis % ndim))


def _limits(elem_type: int) -> tuple[int, int]:
    limits = integer_limits(helper.tensor_dtype_to_np_dtype(elem_type).name)
    assert limits is not None
    return limits


def _quantise(x: Array, scale: Array, zero: Array, elem_type: int) -> IntArray:
    """QuantizeLinear: in its own float32, halves to even."""
    q = np.rint(x.astype(np.float32) / scale.astype(np.float32)).astype(np.int64) + zero
    return np.clip(q, *_limits(elem_type))


def _quantize_linear(node: onnx.NodeProto, operands: Sequence[Operand], elem_type: int) -> Value:
    x, scale = operands[0], operands[1]
    assert x is not None
    assert isinstance(scale, np.ndarray)
    zero = operands[2] if len(operands) > 2 else None
    zero = np.zeros((), dtype=np.int64) if zero is None else real_of(zero)
    real, axis = real_of(x), _attribute(node, "axis", 1)
    s, z = (_along(node, v, real.ndim, axis) for v in (scale, zero))
    return _quantise(real, s, z, elem_type)


def _dequantize_linear(node: onnx.NodeProto, operands: Sequence[Operand], _: int) -> Value:
    zero = operands[2] if len(operands) > 2 else None
    return _scaled(node, operands[0], operands[1], zero, _attribute(node, "axis", 1))


def _cast(node: onnx.NodeProto, operands: Sequence[Operand], _: int) -> Value:
    """Reals stay as exact as they are; to integers they are cut off."""
    x = operands[0]
    assert x is not None
    wanted = helper.tensor_dtype_to_np_dtype(_attribute(node, "to", 1))
    if wanted.kind == "f":
        return x if isinstance(x, Scaled) else x.astype(np.float64)
    return np.asarray(np.trunc(real_of(x))).astype(np.int64)


# -- layers ----------------------------------------------------------------------------------


def _layer(node: onnx.NodeProto, x: Value, w: Value) -> Value:
    """The sum of products of a Conv, Gemm or MatMul, in integers where both operands are."""
    kind = _KIND[node.op_type]
    if isinstance(x, Scaled) and isinstance(w, Scaled) and not x.scale.ndim:
        unit = _unit(node, kind, w)
        if unit is not None:
            total = _products(node, kind, x.k.astype(np.float64), w.k.astype(np.float64))
            return Scaled(np.rint(total).astype(np.int64), x.scale * unit)
    a, b = (np.asarray(real_of(v), dtype=np.float64) for v in (x, w))
    return _products(node, kind, a, b)


def _unit(node: onnx.NodeProto, kind: str, w: Scaled) -> FloatArray | None:
    """The weights' scale along the result's axes; None where it lies along the sum."""
    if not w.scale.ndim:
        return w.scale
    if kind == "conv":
        along_rows = w.scale.shape[0] == w.k.shape[0] and w.scale.size == w.k.shape[0]
        return w.scale.reshape(-1, *(1,) * (w.k.ndim - 2)) if along_rows else None
    transposed = kind == "gemm" and bool(_attribute(node, "transB", 0))
    scale = np.broadcast_to(w.scale, w.k.shape)
    scale = scale.T if transposed else scale
    return scale[..., :1, :] if (scale == scale[..., :1, :]).all() else None


def _products(node: onnx.NodeProto, kind: str, x: FloatArray, w: FloatArray) -> FloatArray:
    if kind == "conv":
        return convolve(node, x, w)
    if kind == "gemm":
        x = x.T if _attribute(node, "transA", 0) else x
        w = w.T if _attribute(node, "transB", 0) else w
    return np.matmul(x, w)


_KIND = {
    "Conv": "conv", "QLinearConv": "conv", "ConvInteger": "conv",
    "Gemm": "gemm", "QGemm": "gemm",
    "MatMul": "matmul", "QLinearMatMul": "matmul", "MatMulInteger": "matmul",
    "MatMulIntegerToFloat": "matmul",
}  # fmt: skip


def _with_bias(total: Value, bias: Operand, *, by_channel: bool) -> Value:
    """A bias joins as integers where its scale is the total's."""
    if bias is None:
        return total
    spread = (-1, *(1,) * (real_of(total).ndim - 2)) if by_channel else real_of(bias).shape
    if isinstance(total, Scaled) and isinstance(bias, Scaled):
        own = bias.scale.reshape(spread) if bias.scale.ndim else bias.scale
        if (np.abs(own / total.scale - 1) <= _BIAS_ROUNDING).all():
            return Scaled(total.k + bias.k.reshape(spread), total.scale)
    return np.asarray(real_of(total) + real_of(bias).astype(np.float64).reshape(spread))


def _float_layer(node: onnx.NodeProto, operands: Sequence[Operand], _: int) -> Value:
    x, w = operands[0], operands[1]
    assert x is not None
    assert w is not None
    bias = operands[2] if len(operands) > 2 else None
    total = _layer(node, x, w)
    alpha, beta = _attribute(node, "alpha", 1.0), _attribute(node, "beta", 1.0)
    if alpha != 1.0:
        total = real_of(total) * alpha
    if bias is not None and beta != 1.0:
        bias = real_of(bias) * beta
    return _with_bias(total, bias, by_channel=node.op_type == "Conv")


# -- quantised operators ---------------------------------------------------------------------


def _dequantised(
    node: onnx.NodeProto, operands: Sequence[Operand], known: QuantisedOperator
) -> list[Scaled]:
    found = []
    for i, (value, scale, zero) in enumerate(known.operands):
        q = operands[value]
        assert isinstance(q, np.ndarray)
        by_row = _KIND.get(node.op_type) == "conv" or _attribute(node, "transB", 0)
        axis = 0 if i and by_row else q.ndim - 1
        found.append(_scaled(node, q, _at(operands, scale), _at(operands, zero), axis))
    return found


def _at(operands: Sequence[Operand], i: int | None) -> Operand:
    return operands[i] if i is not None and i < len(operands) else None


def _accumulating(
    node: onnx.NodeProto, operands: Sequence[Operand], known: QuantisedOperator, elem_type: int
) -> Found:
    """A layer: an integer accumulator, times one float32, rounded."""
    x, w = _dequantised(node, operands, known)
    total = _layer(node, x, w)
    if not isinstance(total, Scaled):
        raise UnsupportedOperator("scales that differ along the sum", where=node.name)
    bias = _at(operands, known.bias)
    if bias is not None:
        spread = (-1, *(1,) * (total.k.ndim - 2)) if _KIND[node.op_type] == "conv" else (-1,)
        total = Scaled(total.k + real_of(bias).astype(np.int64).reshape(spread), total.scale)
    total = Scaled(total.k, total.scale * _attribute(node, "alpha", 1.0))
    return Found([x, w], total, _requantised(operands, known, total, elem_type))


def _requantised(
    operands: Sequence[Operand], known: QuantisedOperator, total: Scaled, elem_type: int
) -> Value:
    if known.result is None or _at(operands, known.result[0]) is None:
        return total
    scale, zero = (real_of(_needed(operands, i)) for i in known.result)
    multiplier = total.scale.astype(np.float32) / scale.astype(np.float32)
    rounded = np.rint(total.k.astype(np.float32) * multiplier).astype(np.int64)
    return np.clip(rounded + zero, *_limits(elem_type))


def _needed(operands: Sequence[Operand], i: int) -> Value:
    value = operands[i]
    assert value is not None
    return value


def _integer_sum(
    node: onnx.NodeProto, operands: Sequence[Operand], known: QuantisedOperator, elem_type: int
) -> Found:
    """ConvInteger, MatMulInteger: the accumulator itself; ...ToFloat: in real units."""
    x, w = _dequantised(node, operands, known)
    total = _layer(node, x, w)
    bias = operands[6] if len(operands) > 6 else None
    total = _with_bias(total, bias, by_channel=False)
    is_integer = elem_type == TensorProto.INT32 and isinstance(total, Scaled)
    return Found([x, w], total, total.k if is_integer else total)  # type: ignore[union-attr]


def _multiplied(
    node: onnx.NodeProto, operands: Sequence[Operand], known: QuantisedOperator, elem_type: int
) -> Found:
    a, b = _dequantised(node, operands, known)
    total = Scaled(a.k * b.k, np.asarray(a.scale * b.scale))
    return Found([a, b], total, _requantised(operands, known, total, elem_type))


def _by_float(combine: Callable[[onnx.NodeProto, list[FloatArray]], FloatArray]) -> _Quantised:
    """A quantised operator that means: dequantise, compute, quantise."""

    def operate(
        node: onnx.NodeProto, operands: Sequence[Operand], known: QuantisedOperator, elem_type: int
    ) -> Found:
        found = _dequantised(node, operands, known)
        total = combine(node, [f.real for f in found])
        assert known.result is not None
        scale, zero = (real_of(_needed(operands, i)) for i in known.result)
        return Found([*found], total, _quantise(total, scale, zero, elem_type))

    return operate


def _as_float(op_type: str) -> Callable[[onnx.NodeProto, list[FloatArray]], FloatArray]:
    """The floating-point operator of the same name."""

    def combine(node: onnx.NodeProto, reals: list[FloatArray]) -> FloatArray:
        if _attribute(node, "channels_last", 0):
            raise UnsupportedOperator("channels last", where=node.name)
        own = helper.make_node(op_type, ["x"], ["y"])
        own.attribute.extend(a for a in node.attribute if a.name != "channels_last")
        if op_type == "AveragePool" and is_simple(own):
            sums, held = pooled(own, reals[0])
            return sums / held
        return np.asarray(_run_node(own, reals, 17)[0])

    return combine


def _concatenated(node: onnx.NodeProto, reals: list[FloatArray]) -> FloatArray:
    return np.concatenate(reals, axis=_attribute(node, "axis", 0))


_Quantised: TypeAlias = Callable[[onnx.NodeProto, Sequence[Operand], QuantisedOperator, int], Found]

QUANTISED_OPERATORS: dict[str, _Quantised] = {
    "QLinearConv": _accumulating,
    "QLinearMatMul": _accumulating,
    "com.microsoft::QGemm": _accumulating,
    "ConvInteger": _integer_sum,
    "MatMulInteger": _integer_sum,
    "com.microsoft::MatMulIntegerToFloat": _integer_sum,
    "com.microsoft::QLinearMul": _multiplied,
    "com.microsoft::QLinearAdd": _by_float(lambda node, reals: reals[0] + reals[1]),
    "com.microsoft::QLinearAveragePool": _by_float(_as_float("AveragePool")),
    "com.microsoft::QLinearGlobalAveragePool": _by_float(_as_float("GlobalAveragePool")),
    "com.microsoft::QLinearSigmoid": _by_float(_as_float("Sigmoid")),
    "com.microsoft::QLinearLeakyRelu": _by_float(_as_float("LeakyRelu")),
    CONCAT: _by_float(_concatenated),
}

OPERATORS: dict[str, Callable[[onnx.NodeProto, Sequence[Operand], int], Value]] = {
    "QuantizeLinear": _quantize_linear,
    "DequantizeLinear": _dequantize_linear,
    "Cast": _cast,
    "Conv": _float_layer,
    "Gemm": _float_layer,
    "MatMul": _float_layer,
}


def _average_pool(node: onnx.NodeProto, operands: Sequence[Operand]) -> list[Value]:
    x = operands[0]
    assert x is not None
    if isinstance(x, Scaled) and not x.scale.ndim:
        sums, held = pooled(node, x.k.astype(np.float64))
        return [sums * x.scale / held]
    sums, held = pooled(node, np.asarray(real_of(x), dtype=np.float64))
    return [sums / held]


# -- everything else -------------------------------------------------------------------------


def on_views(
    node: onnx.NodeProto, operands: Sequence[Operand], model: onnx.ModelProto
) -> list[Value] | None:
    """Operators that only choose elements: integers stay integers."""
    first = operands[0] if operands else None
    if node.op_type not in _VIEWS or not isinstance(first, Scaled) or first.scale.ndim:
        return None
    chosen = plain(node, [first.k.astype(np.float64), *operands[1:]], model)
    return [Scaled(np.rint(real_of(c)).astype(np.int64), first.scale) for c in chosen]


def plain(node: onnx.NodeProto, operands: Sequence[Operand], model: onnx.ModelProto) -> list[Value]:
    """Any other operator by ONNX's own reference, reals in float64."""
    if node.op_type == "AveragePool" and is_simple(node):
        return _average_pool(node, operands)
    if node.op_type == "MaxPool" and is_simple(node) and len(node.output) == 1:
        assert operands[0] is not None
        return [maxima(node, np.asarray(real_of(operands[0]), dtype=np.float64))]
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    given = [_wide(v) for v in operands if v is not None]
    names = iter(f"i{n}" for n in range(len(given)))
    own = onnx.NodeProto()
    own.CopyFrom(node)
    del own.input[:]
    own.input.extend(next(names) if v is not None else "" for v in operands)
    return list(_run_node(own, given, opset))


def _wide(value: Value) -> Array:
    array = real_of(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _run_node(node: onnx.NodeProto, given: Sequence[Array], opset: int) -> Sequence[Array]:
    names = [name for name in node.input if name]
    untyped = [onnx.ValueInfoProto(name=name) for name in (*names, *node.output)]
    graph = helper.make_graph([node], "one", untyped[: len(names)], untyped[len(names) :])
    imports = [helper.make_opsetid("", opset)]
    if node.domain not in ("", "ai.onnx"):
        imports.append(helper.make_opsetid(node.domain, 1))
    evaluator = _evaluator(helper.make_model(graph, opset_imports=imports).SerializeToString())
    results: Any = evaluator.run(None, dict(zip(names, given, strict=True)))
    return [np.asarray(r) for r in results]


@lru_cache(maxsize=1024)
def _evaluator(model: bytes) -> ReferenceEvaluator:
    return ReferenceEvaluator(onnx.ModelProto.FromString(model))


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else helper.get_attribute_value(found)
