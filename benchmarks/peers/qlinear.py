"""The integer form of a network in ONNX's 8-bit operators, as somebody deploys it without snnc.

The same int8 weights, counts as uint8. A layer in front of an integer activation is one QLinearConv
whose output scale is the distance of two thresholds, and a Min; sums of branches are 8 bits with a
calibrated scale (QLinearAdd), which is where this form may differ from the integer one. The last
layer stays in int32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, SumPool
from snnc.ir.neurons import Accumulator, IntegerFire, Max
from snnc.ir.nodes import Output, Population

MICROSOFT = "com.microsoft"
CENTRE = 128
"""Zero point of signed streams."""
FAR = 2**40
"""A threshold beyond this is never reached, or always."""


def even(thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds of integers, (C, D), as k = round((i + b) / s), by channel.

    Returns:
        s and b, float64; exact wherever an integer b allows an s that meets every threshold, else
        the nearest by eye: the mean distance.
    """
    s, b = np.empty(len(thresholds)), np.empty(len(thresholds))
    for c, row in enumerate(thresholds):
        level = np.flatnonzero((row > -FAR) & (row < FAR)) + 1
        s[c], b[c] = 2.0**26, 2.0**26 * (row < 0).sum()  # always the same count
        if len(level) == 1:
            b[c] = (level[0] - 0.5) * s[c] - (row[level[0] - 1] - 0.5)
        elif len(level) > 1:
            s[c], b[c] = _line(level - 0.5, row[level - 1])
    return s, b


def _line(half: np.ndarray, first: np.ndarray) -> tuple[float, float]:
    """S and b so that (i + b) / s passes each of `half` from the integer `first` on."""
    s = (first[-1] - first[0]) / (half[-1] - half[0])
    b = float(np.mean(half * s - (first - 0.5)))
    for whole in sorted(range(round(b) - 3, round(b) + 4), key=lambda each: abs(each - b)):
        low, high = ((first - 1 + whole) / half).max(), ((first + whole) / half).min()
        if 0 < low < high:
            return (low + high) / 2, whole
    return s, b


class Writer:
    """Writes a graph node by node.

    Args:
        graph: integer form.
        seen: by population, its counts or values on calibration samples, shape (N, *shape).
    """

    def __init__(self, graph: Graph, seen: dict[str, np.ndarray]) -> None:
        self.graph, self.seen = graph, seen
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.counts: dict[str, str] = {}
        self.streams: dict[str, tuple[str, float]] = {}

    def const(self, values: Any, dtype: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name

    def shaped(self, name: str, shape: tuple[int, ...]) -> str:
        return self.op("Reshape", name, self.const([-1, *shape], np.int64))

    def layer(
        self, p: Projection, factor: np.ndarray, bias: np.ndarray, scale: float, zero: int
    ) -> str:
        """A convolution or a dense layer: uint8 of round(sum * factor / scale) + zero."""
        map_ = p.map
        assert isinstance(map_, Conv | Dense), f"{p.name}: a {map_.kind} in 8-bit operators"
        assert p.gather is None, p.name
        assert np.abs(map_.weight).max() <= 128, p.name
        weight, source = map_.weight, self.counts[p.source]
        extra: dict[str, Any] = {}
        if isinstance(map_, Dense):
            source = self.shaped(source, (weight.shape[1], 1, 1))
            weight = weight[:, :, None, None]
        else:
            before, after = zip(*map_.padding, strict=True)
            extra = {"strides": map_.stride, "dilations": map_.dilation, "group": map_.groups}
            extra["pads"] = [*before, *after]
        made = self.op(
            "QLinearConv",
            *(source, self.const(1.0, np.float32), self.const(0, np.uint8)),
            self.const(weight, np.int8),
            self.const(factor * 2.0**p.exponent, np.float32),
            self.const(np.zeros(len(weight)), np.int8),
            *(self.const(scale, np.float32), self.const(zero, np.uint8)),
            self.const(np.rint(bias / 2.0**p.exponent), np.int32),
            **extra,
        )
        return self.shaped(made, map_.out_shape) if isinstance(map_, Dense) else made

    def terms(
        self, node: Population, step: np.ndarray, bias: np.ndarray
    ) -> list[tuple[str, float]]:
        """What arrives, as streams of real values: uint8 name and scale; the bias in a layer.

        Args:
            node: where it arrives.
            step: real value of integer 1 there, by channel.
            bias: integers, by channel.
        """
        found = []
        spread = step.reshape(-1, *[1] * (len(node.shape) - 1))
        for p in self.graph.incoming(node.name):
            if isinstance(p.map, Identity):
                assert (p.map.weight == 1).all(), f"{p.name}: turned channels"
                found.append(self.streams[p.source])
                continue
            arrived = p.map.apply(self.seen[p.source]) * 2.0**p.exponent * spread
            arrived = arrived + bias.reshape(spread.shape) * spread
            scale = float(np.abs(arrived).max()) / (CENTRE - 1)
            found.append((self.layer(p, step, bias, scale, CENTRE), scale))
            bias = np.zeros(node.n_channels)
        return found

    def added(self, terms: list[tuple[str, float]], scale: float, zero: int) -> str:
        """The sum of two streams (or one) with another scale."""
        if len(terms) == 1:
            (name, known), = terms  # fmt: skip
            given = self.const(known, np.float32), self.const(CENTRE, np.uint8)
            real = self.op("DequantizeLinear", name, *given)
            out = self.const(scale, np.float32), self.const(zero, np.uint8)
            return self.op("QuantizeLinear", real, *out)
        assert len(terms) == 2, "two branches"
        inputs = [
            name
            for term, known in terms
            for name in (term, self.const(known, np.float32), self.const(CENTRE, np.uint8))
        ]
        out = self.const(scale, np.float32), self.const(zero, np.uint8)
        return self.op("QLinearAdd", *inputs, *out, domain=MICROSOFT)

    def fire(self, node: Population, model: IntegerFire) -> str:
        rows = np.broadcast_to(model.thresholds, (node.n_channels, model.thresholds.shape[-1]))
        s, b = even(rows)
        bias = np.broadcast_to(node.bias, (node.n_channels,)) + b
        incoming = self.graph.incoming(node.name)
        if len(incoming) == 1 and not isinstance(incoming[0].map, Identity):
            count = self.layer(incoming[0], 1 / s, bias, 1.0, 0)
        else:
            step = self.membrane_step(node, s)
            units = (s * step)[s < 2.0**26]  # of a count, in real values
            assert np.ptp(units) < 0.02 * units.mean(), f"{node.name}: counts differ by channel"
            count = self.added(self.terms(node, step, bias), float(np.median(units)), 0)
        return self.op("Min", count, self.const(rows.shape[1], np.uint8))

    def membrane_step(self, node: Population, s: np.ndarray) -> np.ndarray:
        """Real value of integer 1 of a membrane: that of a stream that arrives, or 1 / s."""
        for p in self.graph.incoming(node.name):
            if isinstance(p.map, Identity):
                source = self.graph.nodes[p.source]
                assert isinstance(source, Population)
                return np.broadcast_to(source.step, s.shape) / 2.0**p.exponent
        return 1 / s

    def pool(self, p: Projection, kind: str, **attributes: Any) -> str:
        map_ = p.map
        assert isinstance(map_, SumPool)
        before, after = zip(*map_.padding, strict=True)
        window = {"kernel_shape": map_.kernel, "strides": map_.stride, "pads": [*before, *after]}
        if kind == "MaxPool":
            return self.op(kind, self.counts[p.source], **window)
        one, zero = self.const(1.0, np.float32), self.const(0, np.uint8)
        mean = self.const(1 / np.prod(map_.kernel), np.float32)  # the quantised mean is the sum
        given = (self.counts[p.source], one, zero, mean, zero)
        return self.op("QLinearAveragePool", *given, domain=MICROSOFT, **window)

    def value(self, node: Population) -> None:
        """An accumulator: a sum of counts, the last layer, or a stream."""
        (first, *others) = self.graph.incoming(node.name)
        bias = np.broadcast_to(node.bias, (node.n_channels,)).astype(np.float64)
        if isinstance(first.map, SumPool) and not others and not bias.any():
            self.counts[node.name] = self.pool(first, "sum")
            return
        if node.name in {self.graph.incoming(n.name)[0].source for n in self.graph.outputs}:
            self.last(node, first, bias)
            return
        terms = self.terms(node, np.broadcast_to(node.step, (node.n_channels,)), bias)
        scale = float(np.abs(self.seen[node.name] * node.step_map()).max()) / (CENTRE - 1)
        stream = terms[0] if len(terms) == 1 else (self.added(terms, scale, CENTRE), scale)
        self.streams[node.name] = stream

    def last(self, node: Population, p: Projection, bias: np.ndarray) -> None:
        """A dense layer in int32."""
        assert isinstance(p.map, Dense)
        source = self.shaped(self.counts[p.source], (p.map.weight.shape[1],))
        total = self.op("MatMulInteger", source, self.const(p.map.weight.T, np.int8))
        if p.exponent:
            total = self.op("Mul", total, self.const(2**p.exponent, np.int32))
        self.counts[node.name] = self.op("Add", total, self.const(bias, np.int32))

    def write(self) -> ModelProto:
        """The whole network: counts of the first activation in, outputs as integers."""
        (output,) = self.graph.outputs
        for name, node in self.graph.nodes.items():
            if not isinstance(node, Population):
                if not isinstance(node, Output):
                    self.counts[name] = "counts"
            elif isinstance(node.model, IntegerFire):
                self.counts[name] = self.fire(node, node.model)
            elif isinstance(node.model, Max):
                self.counts[name] = self.pool(self.graph.incoming(name)[0], "MaxPool")
            else:
                assert isinstance(node.model, Accumulator), f"{name}: {node.model.kind}"
                self.value(node)
        result = self.counts[self.graph.incoming(output.name)[0].source]
        first = next(n for n in self.graph.sources if n.name in self.seen)
        graph = helper.make_graph(
            self.nodes,
            "qlinear",
            [helper.make_tensor_value_info("counts", TensorProto.UINT8, ["N", *first.shape])],
            [helper.make_tensor_value_info(result, TensorProto.INT32, ["N", *output.shape])],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)
