"""Quantised ONNX in exact arithmetic: what QuantizeLinear and its kin mean, not their emulation.

ONNX Runtime computes DequantizeLinear → Conv → QuantizeLinear in float32, where sums of integers
round. Here everything between DequantizeLinear and QuantizeLinear is float64, in which sums of
products of small integers and one scale are exact up to 2^-52; QuantizeLinear itself divides and
rounds in its own float32, as it is defined.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from snnc.ir.arrays import Array


def is_quantised(model: onnx.ModelProto) -> bool:
    """Does a model quantise activations?"""
    return any(node.op_type == "QuantizeLinear" for node in model.graph.node)


class ExactRunner:
    """Runs a normalised QDQ model in exact arithmetic and gives any of its tensors.

    Args:
        model: the model.
        tensors: names to give beside the outputs.
    """

    def __init__(self, model: onnx.ModelProto, tensors: Collection[str]) -> None:
        self._outputs = [o.name for o in model.graph.output]
        self._fetch = sorted({*self._outputs, *tensors})
        exact = _in_double(model, self._fetch)
        self._evaluator = ReferenceEvaluator(exact, new_ops=[_Conv])

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Values of outputs and chosen tensors for one sample with its batch axis of 1."""
        values = self._evaluator.run(self._fetch, dict(inputs))
        return dict(zip(self._fetch, values, strict=True))

    def outputs_of(self, values: Mapping[str, Array]) -> list[Array]:
        """The model's outputs, in order, among the values of a run."""
        return [values[name] for name in self._outputs]


def _in_double(model: onnx.ModelProto, fetch: Collection[str]) -> onnx.ModelProto:
    """The model with float64 between its quantised values."""
    exact = onnx.ModelProto()
    exact.CopyFrom(model)
    graph = exact.graph
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    ranks = {
        v.name: len(v.type.tensor_type.shape.dim)
        for v in (*graph.value_info, *graph.input, *graph.output)
    }
    ranks |= {name: value.ndim for name, value in constants.items()}
    for field in ("node", "initializer", "value_info", "output"):
        graph.ClearField(field)
    doubled = {i.name: f"{i.name}/double" for i in graph.input if _is_float(i)}
    for name, double in doubled.items():
        graph.node.append(helper.make_node("Cast", [name], [double], to=TensorProto.DOUBLE))
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            graph.node.extend(_dequantised(node, constants, ranks, graph))
        elif node.op_type == "QuantizeLinear":
            graph.node.extend(_quantised(node, doubled))
        else:
            plain = graph.node.add()
            plain.CopyFrom(node)
            for i, name in enumerate(node.input):
                plain.input[i] = doubled.get(name, name)
    kept = {n.input[1] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    for name, value in constants.items():
        wide = value.dtype == np.float32 and name not in kept
        value = value.astype(np.float64) if wide else value
        graph.initializer.append(numpy_helper.from_array(value, name))
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in fetch)
    return exact


def _is_float(value: onnx.ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type == TensorProto.FLOAT)


def _quantised(node: onnx.NodeProto, doubled: Mapping[str, str]) -> list[onnx.NodeProto]:
    """QuantizeLinear as it is, on its operand as float32; a graph input is that already."""
    if node.input[0] in doubled:
        return [node]
    narrow = f"{node.output[0]}/float"
    cast = helper.make_node("Cast", [node.input[0]], [narrow], to=TensorProto.FLOAT)
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[0] = narrow
    return [cast, copy]


def _dequantised(
    node: onnx.NodeProto,
    constants: Mapping[str, Array],
    ranks: Mapping[str, int],
    graph: onnx.GraphProto,
) -> list[onnx.NodeProto]:
    """(q - zero_point) * scale in float64."""
    out = node.output[0]
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    scale = constants[node.input[1]].astype(np.float64)
    given = len(node.input) > 2 and node.input[2]
    zero = constants[node.input[2]].astype(np.float64) if given else np.zeros(())
    rank = ranks[node.input[0]]
    names = []
    for value, suffix in ((zero, "zero"), (scale, "scale")):
        if value.size > 1:
            value = value.reshape((-1,) + (1,) * (rank - 1 - axis % rank))
        else:
            value = value.reshape(())
        names.append(f"{out}/{suffix}")
        graph.initializer.append(numpy_helper.from_array(value, names[-1]))
    return [
        helper.make_node("Cast", [node.input[0]], [f"{out}/wide"], to=TensorProto.DOUBLE),
        helper.make_node("Sub", [f"{out}/wide", names[0]], [f"{out}/centred"]),
        helper.make_node("Mul", [f"{out}/centred", names[1]], [out]),
    ]


class _Conv(OpRun):
    """Convolution over sliding windows; the reference's own loops over groups."""

    op_domain = ""
    op_schema = onnx.defs.get_schema("Conv")

    def __init__(self, onnx_node: onnx.NodeProto, run_params: dict[str, Any]) -> None:
        super().__init__(onnx_node, run_params, schema=self.op_schema)

    def _run(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        auto_pad: str | None = None,
        dilations: list[int] | None = None,
        group: int | None = None,
        kernel_shape: list[int] | None = None,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
    ) -> tuple[Array]:
        n = w.ndim - 2
        strides, dilations = strides or [1] * n, dilations or [1] * n
        extent = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
        padding = _padding(auto_pad or "NOTSET", pads or [0] * 2 * n, x.shape[2:], extent, strides)
        x = np.pad(x, [(0, 0), (0, 0), *padding])
        windows = sliding_window_view(x, extent, axis=tuple(range(2, 2 + n)))
        steps = tuple(slice(None, None, s) for s in strides)
        taps = tuple(slice(None, None, d) for d in dilations)
        windows = windows[(slice(None), slice(None), *steps, *taps)]
        groups = group or 1
        parts = [
            np.tensordot(v, k, axes=([1, *range(2 + n, 2 + 2 * n)], list(range(1, 2 + n))))
            for v, k in zip(np.split(windows, groups, 1), np.split(w, groups), strict=True)
        ]
        y = np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)
        return (y if b is None else y + b.reshape(-1, *[1] * n),)


def _padding(
    mode: str, pads: list[int], shape: tuple[int, ...], extent: list[int], strides: list[int]
) -> list[tuple[int, int]]:
    n = len(shape)
    if mode == "NOTSET":
        return [(pads[i], pads[i + n]) for i in range(n)]
    if mode == "VALID":
        return [(0, 0)] * n
    found = []
    for size, e, s in zip(shape, extent, strides, strict=True):
        total = max(0, (-(-size // s) - 1) * s + e - size)
        small, large = total // 2, total - total // 2
        found.append((small, large) if mode == "SAME_UPPER" else (large, small))
    return found
