"""QONNX and FINN operators, written out as standard ONNX.

`Quant`, `BipolarQuant`, `Trunc` and `MultiThreshold` are defined by their arithmetic on float32
tensors; standard operators do the same arithmetic in the same order, so ONNX Runtime can run the
source and the lowering recognises the activations. A `Quant` that rounds halves to even, without
a zero point, in at most 8 bits, is QuantizeLinear and DequantizeLinear: those keep integers exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import UnsupportedOperator

if TYPE_CHECKING:
    import onnx

DOMAINS = frozenset({"qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas", "finn"})
"""Operator domains of QONNX, FINN and Brevitas' exports."""

_ROUNDINGS = {"ROUND": "Round", "HALF_EVEN": "Round", "FLOOR": "Floor", "CEIL": "Ceil"}


def expand(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of opset 18 or newer without the operators of QONNX and FINN.

    Raises:
        UnsupportedOperator: a scale, zero point or width that is no constant, or a rounding mode
            without a standard operator.
    """
    import onnx

    if not any(_is_known(node) for node in model.graph.node):
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes = list(copy.graph.node)
    del copy.graph.node[:]
    writer = _Writer(copy, _constants(model))
    for number, node in enumerate(nodes):
        if not _is_known(node):
            copy.graph.node.append(node)
            continue
        writer.begin(node, number)
        _EXPANSIONS[node.op_type](writer)
    kept = [v for v in copy.graph.value_info if v.name not in writer.made]
    del copy.graph.value_info[:]
    copy.graph.value_info.extend(kept)
    return copy


def _is_known(node: onnx.NodeProto) -> bool:
    return node.domain in DOMAINS and node.op_type in _EXPANSIONS


def _constants(model: onnx.ModelProto) -> dict[str, Array]:
    from onnx import numpy_helper

    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


@dataclass
class _Writer:
    """Writes one operator after the other."""

    model: onnx.ModelProto
    constants: dict[str, Array]
    made: set[str] = field(default_factory=set)
    """Inner tensors: what an exporter noted of their types is dropped."""

    def begin(self, node: onnx.NodeProto, number: int) -> None:
        """Start with an operator."""
        from onnx.helper import get_attribute_value

        self.node = node
        self.label = node.name or f"{node.op_type}_{number}"
        self.x = node.input[0]
        self._count = 0
        given = {a.name: get_attribute_value(a) for a in node.attribute}
        self.given: dict[str, Any] = {
            k: v.decode() if isinstance(v, bytes) else v for k, v in given.items()
        }

    def constant(self, i: int, what: str) -> Array:
        """An input that has to be known.

        Raises:
            UnsupportedOperator: it is computed, or left out.
        """
        name = self.node.input[i] if i < len(self.node.input) else ""
        if name not in self.constants:
            raise UnsupportedOperator(
                f"{self.node.op_type} takes its {what} from another operator",
                where=self.label,
                hint="export the model with constant quantisation parameters",
            )
        return self.constants[name]

    def width(self, i: int) -> int:
        """A bit width."""
        value = self.constant(i, "bit width")
        if value.size != 1 or float(value.reshape(())) != int(value.reshape(())):
            raise UnsupportedOperator("a bit width that is no single integer", where=self.label)
        return int(value.reshape(()))

    def op(self, op_type: str, x: str, *values: Array | float, **attributes: Any) -> str:
        """An operator on `x` and constants; gives the name of its output."""
        return self.join(op_type, x, *(self.hold(v) for v in values), **attributes)

    def join(self, op_type: str, *names: str, **attributes: Any) -> str:
        """An operator on tensors."""
        from onnx.helper import make_node

        output = f"{self.label}/{self._count}"
        self._count += 1
        self.made.add(output)
        node = make_node(op_type, names, [output], name=f"{output}/{op_type}", **attributes)
        self.model.graph.node.append(node)
        return output

    def hold(self, value: Array | float, dtype: str = "float32") -> str:
        """The name of a constant."""
        from onnx.numpy_helper import from_array

        name = f"{self.label}/c{self._count}"
        self._count += 1
        self.model.graph.initializer.append(from_array(np.asarray(value).astype(dtype), name))
        return name

    def end(self, name: str) -> None:
        """Let the last operator make the node's own output."""
        last = self.model.graph.node[-1]
        assert last.output[0] == name
        last.output[0] = self.node.output[0]
        last.name = self.label

    def rounding(self, default: str) -> str:
        """The standard operator of the rounding mode.

        Raises:
            UnsupportedOperator: there is none.
        """
        mode = str(self.given.get("rounding_mode") or default).upper()
        if mode not in _ROUNDINGS:
            raise UnsupportedOperator(
                f"rounding mode {mode}", where=self.label, hint=f"use {', '.join(_ROUNDINGS)}"
            )
        return _ROUNDINGS[mode]

    def limits(self, bits: int, narrow: int) -> tuple[float, float]:
        """Smallest and largest integer of a type."""
        narrow = self.given.get("narrow", narrow)
        if self.given.get("signed", 1):
            return -(2.0 ** (bits - 1)) + narrow, 2.0 ** (bits - 1) - 1
        return 0.0, 2.0**bits - 1 - narrow


def _quant(w: _Writer) -> None:
    """(round(clip(x / scale + zero point)) - zero point) * scale; one signed bit is a sign."""
    scale, zero, bits = w.constant(1, "scale"), w.constant(2, "zero point"), w.width(3)
    if not zero.any() and w.rounding("ROUND") == "Round" and bits > 1 and _as_qdq(w, scale, bits):
        return
    y = w.op("Div", w.x, scale)
    if zero.any():
        y = w.op("Add", y, zero)
    if bits == 1 and w.given.get("signed", 1):
        y = _sign(w, y)
    else:
        y = w.op("Clip", y, *w.limits(bits, 1))
        y = w.join(w.rounding("ROUND"), y)
    if zero.any():
        y = w.op("Sub", y, zero)
    w.end(w.op("Mul", y, scale))


def _as_qdq(w: _Writer, scale: Array, bits: int) -> bool:
    """QuantizeLinear and DequantizeLinear, which keep integers exact; False where they cannot.

    Without a zero point, clipping before rounding and saturating after it are the same.
    """
    lo, hi = w.limits(bits, 1)
    axes = [a for a, n in enumerate(scale.shape) if n > 1]
    if len(axes) > 1:
        return False
    known = w.constants.get(w.x)
    signed = w.given.get("signed", 1)
    if known is not None and bits <= _WIDEST_CONSTANT:
        stored = np.clip(np.rint(known.astype(np.float32) / scale.astype(np.float32)), lo, hi)
        dtype = ("int8" if signed else "uint8") if bits <= _BYTE else "int32"
        q = w.hold(stored, dtype)
        rank = known.ndim
    elif bits <= _BYTE:
        found = _rank(w.model, w.x) if axes else 0
        if found is None:
            return False
        rank = found
    else:
        return False
    axis = {"axis": axes[0] + rank - scale.ndim} if axes else {}
    step = w.hold(scale.reshape(-1) if axes else scale.reshape(()))
    if known is None:
        dtype = "int8" if signed else "uint8"
        zero = w.hold(np.zeros(scale.size if axes else ()), dtype)
        q = w.join("QuantizeLinear", w.x, step, zero, **axis)
        if hi - lo < 2**_BYTE - 1:
            q = w.join("Clip", q, w.hold(lo, dtype), w.hold(hi, dtype))
    w.end(w.join("DequantizeLinear", q, step, **axis))
    return True


_BYTE = 8
_WIDEST_CONSTANT = 32


def _bipolar(w: _Writer) -> None:
    """The sign of x / scale, 1 for 0, times scale."""
    scale = w.constant(1, "scale")
    w.end(w.op("Mul", _sign(w, w.op("Div", w.x, scale)), scale))


def _sign(w: _Writer, y: str) -> str:
    y = w.join("Cast", w.op("GreaterOrEqual", y, 0.0), to=1)
    return w.op("Sub", w.op("Mul", y, 2.0), 1.0)


def _trunc(w: _Writer) -> None:
    """Integers of fewer bits; the older form keeps the scale, the newer one says another."""
    scale, zero = w.constant(1, "scale"), w.constant(2, "zero point")
    is_old = len(w.node.input) <= _OLD_TRUNC_INPUTS
    if is_old:
        factor: Array = np.array(2.0 ** (w.width(3) - w.width(4)))
        out_scale, out_zero = scale, zero
    else:
        out_scale = w.constant(4, "output scale")
        factor = np.asarray(2.0 ** np.round(np.log2(out_scale / scale)))
        out_zero = zero / factor
    y = w.op("Div", w.x, scale)
    if zero.any():
        y = w.op("Add", y, zero)
    y = w.op("Div", w.join("Round", y), factor)
    if not is_old:
        y = w.op("Clip", y, *w.limits(w.width(6), 0))
    y = w.join(w.rounding("FLOOR"), y)
    if zero.any():
        y = w.op("Sub", y, out_zero)
    w.end(w.op("Mul", y, out_scale))


_OLD_TRUNC_INPUTS = 5


def _multi_threshold(w: _Writer) -> None:
    """How many thresholds x has reached, times a scale, plus a bias."""
    thresholds = w.constant(1, "thresholds")
    if thresholds.ndim != 2 or not thresholds.size:
        raise UnsupportedOperator(
            f"thresholds of shape {thresholds.shape}, expected (channels, levels)", where=w.label
        )
    rank = _rank(w.model, w.x)
    last = w.given.get("data_layout", "NCHW") == "NHWC" or rank not in (2, 4)
    trailing = 0 if last or rank is None else rank - 2
    total = ""
    for level in np.sort(thresholds, axis=1).T:
        spread = level.reshape(-1, *(1,) * trailing) if len(level) > 1 else level.reshape(())
        reached = w.join("Cast", w.op("GreaterOrEqual", w.x, spread), to=1)
        total = w.join("Add", total, reached) if total else reached
    scale, bias = w.given.get("out_scale", 1.0), w.given.get("out_bias", 0.0)
    if scale != 1.0:
        total = w.op("Mul", total, scale)
    if bias != 0.0:
        total = w.op("Add", total, bias)
    w.end(total)


def _rank(model: onnx.ModelProto, name: str) -> int | None:
    """Axes of a tensor that the nodes written so far compute, where that can be told."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model).graph
    found = next((i for i in (*inferred.input, *inferred.value_info) if i.name == name), None)
    if found is None or not found.type.tensor_type.HasField("shape"):
        return None
    return len(found.type.tensor_type.shape.dim)


_Expansion: TypeAlias = Callable[[_Writer], None]

_EXPANSIONS: dict[str, _Expansion] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
    "Trunc": _trunc,
    "MultiThreshold": _multi_threshold,
}
