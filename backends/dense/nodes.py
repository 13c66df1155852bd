"""Nodes as ONNX operators, one function for each kind of node and neuron model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from snnc.backends.dense.builder import DType, dtype_for
from snnc.backends.dense.compiler import Compiler, Foreign
from snnc.backends.dense.counting import Operand
from snnc.backends.dense.execute import feed_input
from snnc.backends.dense.fire import add_bias, biased, lower_fire
from snnc.backends.dense.quantised import LARGEST_BYTE, byte_pool
from snnc.backends.dense.stateful import firing, loihi, trace
from snnc.backends.dense.summing import pooled, summed
from snnc.ir.neurons import (
    Accumulator,
    FixedCurrentLIF,
    FixedIntegrateFire,
    FixedTrace,
    IntegerFire,
    LoihiLIF,
    LoihiReadout,
    Max,
    NeuronModel,
    RescaledSum,
)
from snnc.ir.nodes import HostOp, Input, Population, Product

MOST_LEVELS = 4096
"""Staircases with more (16-bit activations) run their own kernel: no line is looked for."""

ModelLowering: TypeAlias = Callable[[Compiler, Population, Any, DType], str]
"""Compiler, population, its model and the type that holds its membrane to its counts."""


def lower_source(c: Compiler, node: Input | HostOp) -> None:
    """A graph input for an input or a host operator."""
    largest = max(abs(node.lo), abs(node.hi))
    if c.quantised and node.lo >= 0 and node.hi <= LARGEST_BYTE:
        tensor = c.builder.input(feed_input(node.name), "u1", node.shape)
        c.bytes[node.name] = tensor, 0
    else:
        tensor = c.builder.input(feed_input(node.name), dtype_for(largest), node.shape)
    c.wire(node.name, node.name, tensor, node.shape)


def lower_population(c: Compiler, node: Population) -> None:
    """A population; a model that has no lowering runs its own kernel outside of ONNX Runtime."""
    lower = MODELS.get(type(node.model), _foreign)
    if isinstance(node.model, IntegerFire) and node.model.thresholds.shape[1] > MOST_LEVELS:
        lower = _foreign
    r = c.ranges[node.name]
    dtype = dtype_for(max(-r.membrane_lo, r.membrane_hi))
    c.wire(node.name, node.name, lower(c, node, node.model, dtype), node.shape)


def lower_product(c: Compiler, node: Product) -> tuple[Operand, Operand]:
    """A product; returns its two operands, (rows, *port shape)."""
    r = c.ranges[node.name]
    dtype = dtype_for(max(-r.membrane_lo, r.membrane_hi))
    a, b = (_operand(c, node, port, dtype) for port in node.ports)
    kind = "MatMul" if node.op == "matmul" else "Mul"
    product = c.builder.op(kind, [a.tensor, b.tensor], dtype)
    c.wire(node.name, node.name, product, node.shape)
    return a, b


def _operand(c: Compiler, node: Product, port: str, dtype: DType) -> Operand:
    arriving = [p for p in c.graph.incoming(node.name) if p.port == port]
    into, shape = c.arriving(arriving), node.port_shape(port)
    largest = max(int(into.partial_hi[0]), -int(into.partial_lo[0]))
    return Operand(summed(c, arriving, shape, dtype), shape, largest)


def _accumulator(c: Compiler, node: Population, model: NeuronModel, dtype: DType) -> str:
    incoming = c.graph.incoming(node.name)
    if dtype == "f4":
        return biased(c, node, incoming, None, np.zeros(node.n_channels))
    return add_bias(c.builder, summed(c, incoming, node.shape, dtype), node, node.bias)


def _max(c: Compiler, node: Population, model: NeuronModel, dtype: DType) -> str:
    p = c.graph.incoming(node.name)[0]
    return byte_pool(c, node, p) or pooled(c, p, node.shape)


def _rescaled(c: Compiler, node: Population, model: RescaledSum, dtype: DType) -> str:
    """The table's entry that the membrane names."""
    b, r = c.builder, c.ranges[node.name]
    # the part of the table within reach: the membrane's type holds its ends
    ends = np.array([0, model.counts.size - 1]) + model.first
    low, high = np.clip(ends, r.membrane_lo, r.membrane_hi).tolist()
    named = np.clip(np.arange(low, high + 1) - model.first, 0, model.counts.size - 1)
    membrane = _accumulator(c, node, model, dtype)
    near = b.op("Max", [membrane, b.constant(low, dtype)], dtype)
    near = b.op("Min", [near, b.constant(high, dtype)], dtype)
    at = b.cast(b.op("Sub", [near, b.constant(low, dtype)], dtype), "i8")
    return b.op("Gather", [b.constant(model.counts.reshape(-1)[named], "f4"), at], "f4")


def _foreign(c: Compiler, node: Population, model: NeuronModel, dtype: DType) -> str:
    combine = _max if model.combine == "max" else _accumulator
    membrane = combine(c, node, model, dtype)
    r = c.ranges[node.name]
    largest = max(-int(r.out_lo.min()), int(r.out_hi.max()))
    count = c.builder.input(f"count:{node.name}", dtype_for(largest), node.shape)
    c.foreign.append(Foreign(node, membrane, count))
    return count


MODELS: dict[type[NeuronModel], ModelLowering] = {
    IntegerFire: lower_fire,
    Accumulator: _accumulator,
    Max: _max,
    RescaledSum: _rescaled,
    FixedIntegrateFire: firing,
    FixedCurrentLIF: firing,
    FixedTrace: trace,
    LoihiLIF: loihi,
    LoihiReadout: loihi,
}
