"""An independent check of a lowering: every node fed with the source's own tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from snnc.converter.lower import Lowered
from snnc.converter.sources.onnxrun import FrameRunner
from snnc.ir.arrays import Array, along
from snnc.ir.graph import Graph
from snnc.ir.neurons import FloatFire, FloatFiring, Max
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product
from snnc.runtime.verify.inner import InnerValues


@dataclass(frozen=True)
class Comparison:
    """One node: what the float graph gives and what the source has, as real values."""

    graph: Array
    source: Array
    step: float

    @property
    def n_different(self) -> int:
        """Elements that are not the source's but for float32 rounding."""
        close = np.isclose(self.graph, self.source, rtol=1e-4, atol=1e-4 * self.scale)
        return int((~close).sum())

    @property
    def scale(self) -> float:
        """Size of the values, for the tolerance."""
        return self.step if self.step else float(np.abs(self.source).max(initial=1.0))


def force(lowered: Lowered, inputs: dict[str, Array]) -> dict[str, Comparison]:
    """Feed every node the source's values; compare where the source has a tensor.

    Nodes without a tensor take what the graph itself computes for them.
    """
    graph = lowered.graph
    model = onnx.load_from_string(lowered.onnx["source"])
    wanted = [n.source_tensor for n in graph.nodes.values() if n.source_tensor]
    produced = {out for node in model.graph.node for out in node.output}
    inner = InnerValues(model)
    runner = FrameRunner(model, inner.tensors_for(wanted) & produced)
    tensors = inner.complete(runner.run([inputs])[0] | inputs, wanted)
    reals: dict[str, Array] = {}
    compared = {}
    for name, node in graph.nodes.items():
        source = None
        if node.source_tensor in tensors:
            source = np.asarray(tensors[node.source_tensor], dtype=np.float64).reshape(-1)
        own = source if isinstance(node, Input | HostOp) else evaluate(graph, node, reals)
        if source is not None and not isinstance(node, Input):
            assert own is not None
            step = (
                float(np.min(node.step)) if isinstance(node, Population) and _fires(node) else 0.0
            )
            compared[name] = Comparison(own.reshape(-1), source, step)
        value = own if source is None else source
        if value is not None:
            reals[name] = value
    return compared


def _fires(node: Population) -> bool:
    return isinstance(node.model, FloatFire | FloatFiring)


def evaluate(graph: Graph, node: Node, reals: dict[str, Array]) -> Array | None:
    """Real values of a node from real values of its sources, flat."""
    if isinstance(node, Input):
        return None
    incoming = graph.incoming(node.name)
    if isinstance(node, Output):
        (p,) = incoming
        return p.apply(reals[p.source][None])[0]
    if isinstance(node, Product):
        a, b = np.zeros((1, *node.a_shape)), np.zeros((1, *node.b_shape))
        for p in incoming:
            port = a if p.port == "a" else b
            port += p.apply(reals[p.source][None]).reshape(port.shape)
        return node.multiply(a, b)[0].reshape(-1)
    assert isinstance(node, Population)
    if isinstance(node.model, Max):
        return _maximum(graph, node, reals)
    total = np.array(node.bias_map(), dtype=np.float64)[None]
    for p in incoming:
        total = total + p.apply(reals[p.source][None]).reshape(total.shape)
    if not isinstance(node.model, FloatFire | FloatFiring):
        return total.reshape(-1)
    k, _ = node.model.latch(total, node.model.initial_state(total.shape), node.channel_axis)
    assert k.min() >= node.model.lo
    assert k.max() <= node.model.hi
    return np.asarray((k * along(node.step, len(node.shape), node.channel_axis)).reshape(-1))


def _maximum(graph: Graph, node: Population, reals: dict[str, Array]) -> Array:
    (p,) = graph.incoming(node.name)
    indptr, targets, _ = p.map.to_csr()
    values = p.arrange(reals[p.source][None])[0]
    out = np.full(node.size, -np.inf)
    np.maximum.at(out, targets, np.repeat(values, np.diff(indptr)))
    return out
