"""The float graph in float64: pre-activations, and how far rounding can have moved the source's.

The source computes in float32, in an order of its own. Around the exact pre-activation its
value lies within gamma * (sum of |W_n| … |W_1| |x| + sum of |o_j|), gamma = (fan-in + 8) * 2^-24.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from snnc.ir.arrays import Array, FloatArray, along
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product

Reals = Mapping[str, FloatArray]
"""Real values by node, float64, shape (B, *shape)."""

UNIT_ROUNDOFF = 2.0**-24
SPARE_OPERATIONS = 8
"""Roundings beyond the sum itself: scale, offset, batch norm, the rule's own steps."""


class FloatForm:
    """Evaluates a float graph node by node.

    Args:
        graph: the float form.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._absolute: dict[str, Projection] = {}
        self._gamma: dict[str, float] = {}

    @cached_property
    def checked(self) -> list[Population | Product]:
        """Nodes that compute something, in topological order."""
        return [n for n in self.graph.nodes.values() if isinstance(n, Population | Product)]

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """By node: every node upstream of it."""
        found: dict[str, frozenset[str]] = {}
        for name in self.graph.nodes:
            sources = [p.source for p in self.graph.incoming(name)]
            found[name] = frozenset(sources).union(*(found[s] for s in sources))
        return found

    def step_of(self, name: str) -> FloatArray:
        """Real value of integer 1, broadcastable against (B, *shape).

        A maximum has the step of what it reads.
        """
        node = self.graph.nodes[name]
        if isinstance(node, Population) and node.model.combine == "max":
            return np.asarray(self.step_of(self.graph.incoming(name)[0].source))
        if isinstance(node, Population | HostOp):
            return node.step_map()
        if isinstance(node, Product):
            return along(node.step, len(node.shape), 0)
        if isinstance(node, Input):
            return np.asarray(node.step)
        assert isinstance(node, Output)
        return self.step_of(self.graph.incoming(name)[0].source)

    def is_count(self, node: Node) -> bool:
        """Does a node give integer activations (and not real values)?"""
        return not isinstance(node, Product | Output) and self.graph.emits(node.name) == "count"

    def value(self, node: Population | Product, reals: Reals) -> FloatArray:
        """Exact pre-activation of a population or value of a product, shape (B, *shape)."""
        if isinstance(node, Product):
            a, b = (self._port(node, port, reals, absolute=False) for port in node.ports)
            return node.multiply(a, b)
        incoming = self.graph.incoming(node.name)
        if node.model.combine == "max":
            return _maximum(incoming[0], reals[incoming[0].source], node)
        total = np.broadcast_to(node.bias_map(), (_batch(reals), *node.shape)).astype(np.float64)
        for p in incoming:
            total += p.apply(reals[p.source]).reshape(total.shape)
        return total

    def bound(self, node: Population | Product, reals: Reals) -> FloatArray:
        """How far the source's float32 value can lie from `value`, shape (B, *shape)."""
        if isinstance(node, Product):
            return self._product_bound(node, reals)
        if node.model.combine == "max":
            return np.abs(self.value(node, reals)) * (SPARE_OPERATIONS * UNIT_ROUNDOFF)
        return self.gamma(node) * self._magnitude(node, reals)

    def carried(self, node: Node, errors: Reals, reals: Reals) -> FloatArray | float:
        """What errors of its sources can move in a node's pre-activation; 0.0 without any.

        Args:
            node: that reads them.
            errors: absolute, by source.
            reals: values of all sources: a product multiplies the one's error with the other.
        """
        if isinstance(node, Product):
            return self._carried_product(node, errors, reals)
        total: FloatArray | float = 0.0
        for p in self.graph.incoming(node.name):
            if p.source in errors and isinstance(node, Population):
                part = self._abs(p).apply(errors[p.source])
                total = total + part.reshape(len(part), *node.shape)
        return total

    def _carried_product(self, node: Product, errors: Reals, reals: Reals) -> FloatArray | float:
        if not any(p.source in errors for p in self.graph.incoming(node.name)):
            return 0.0
        known = {name: errors.get(name, np.zeros_like(x)) for name, x in reals.items()}
        a, b = (self._port(node, port, reals, absolute=True) for port in node.ports)
        ea, eb = (self._port(node, port, known, absolute=True) for port in node.ports)
        return node.multiply(ea, b) + node.multiply(a, eb) + node.multiply(ea, eb)

    def gamma(self, node: Population) -> float:
        """(fan-in + 8) * 2^-24, the fan-in summed over folded stages."""
        if node.name not in self._gamma:
            direct = sum(_fan_in(p) for p in self.graph.incoming(node.name))
            fan_in = max(direct, node.stage_fan_in)
            self._gamma[node.name] = (fan_in + SPARE_OPERATIONS) * UNIT_ROUNDOFF
        return self._gamma[node.name]

    def _magnitude(self, node: Population, reals: Reals) -> FloatArray:
        offset = node.offset_magnitude
        parts = np.abs(node.bias) if offset is None else offset
        start = np.broadcast_to(along(parts, len(node.shape), node.channel_axis), node.shape)
        total = np.broadcast_to(start, (_batch(reals), *node.shape)).astype(np.float64)
        for p in self.graph.incoming(node.name):
            total += self._abs(p).apply(np.abs(reals[p.source])).reshape(total.shape)
        return total

    def _product_bound(self, node: Product, reals: Reals) -> FloatArray:
        sizes, errors = [], []
        for port in node.ports:
            size = np.abs(self._port(node, port, reals, absolute=True))
            fan_in = sum(_fan_in(p) for p in self._incoming(node, port))
            sizes.append(size)
            errors.append((fan_in + SPARE_OPERATIONS) * UNIT_ROUNDOFF * size)
        (a, b), (ea, eb) = sizes, errors
        terms = node.a_shape[-1] if node.op == "matmul" else 1
        own = (terms + SPARE_OPERATIONS) * UNIT_ROUNDOFF * node.multiply(a, b)
        return own + node.multiply(ea, b) + node.multiply(a, eb) + node.multiply(ea, eb)

    def _port(self, node: Product, port: str, reals: Reals, *, absolute: bool) -> FloatArray:
        total = np.zeros((_batch(reals), *node.port_shape(port)))
        for p in self._incoming(node, port):
            x = reals[p.source]
            part = self._abs(p).apply(np.abs(x)) if absolute else p.apply(x)
            total += part.reshape(total.shape)
        return total

    def _incoming(self, node: Product, port: str) -> list[Projection]:
        return [p for p in self.graph.incoming(node.name) if p.port == port]

    def _abs(self, p: Projection) -> Projection:
        """The projection with its absolute weights, those of a folded chain where it is one."""
        if p.name not in self._absolute:
            weight = np.abs(p.map.weight) if p.magnitude is None else p.magnitude
            self._absolute[p.name] = replace(p, map=p.map.with_weight(weight), magnitude=None)
        return self._absolute[p.name]


def downstream(form: FloatForm, name: str, different: Mapping[str, Array]) -> Array:
    """Which samples have a difference upstream of `name`, shape (B,)."""
    found = [rows for other, rows in different.items() if other in form.ancestors[name]]
    return np.any(found, axis=0) if found else np.zeros((), dtype=bool)


def _batch(reals: Reals) -> int:
    return len(next(iter(reals.values())))


def _fan_in(p: Projection) -> int:
    """Largest number of synapses into one neuron."""
    ones = p.map.with_weight(np.ones_like(p.map.weight))
    return int(ones.apply(np.ones((1, *p.map.in_shape))).max())


def _maximum(p: Projection, x: FloatArray, node: Population) -> FloatArray:
    """Maximum over each target's existing inputs, 0 for a target without any."""
    indptr, targets, _ = p.map.to_csr()
    position = np.repeat(np.arange(p.map.in_size), np.diff(indptr))
    if p.gather is not None:
        exists = p.gather[position] >= 0
        position, targets = position[exists], targets[exists]
    arranged = p.arrange(x.reshape(len(x), -1))
    order = np.argsort(targets, kind="stable")
    position, targets = position[order], targets[order]
    starts = np.flatnonzero(np.r_[True, targets[1:] != targets[:-1]])
    out = np.zeros((len(x), p.map.out_size))
    out[:, targets[starts]] = np.maximum.reduceat(arranged[:, position], starts, axis=1)
    return out.reshape(len(x), *node.shape)
