"""Sums of two counts whose steps have no common grid: both operands stay apart.

k = rule(w_a * k_a + w_b * k_b + bias) depends on two integers. Where no integers stand in the
ratio w_a : w_b within the weights' width so that all operand pairs come out right, the
population becomes a `RescaledSum`: operand a arrives with weight 2^shift, operand b with weight
1, and the rule is evaluated for every pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snnc.converter.integer.grid import detect_grids
from snnc.ir.arrays import FloatArray, IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import FloatFire, RescaledSum
from snnc.ir.neurons.rescaled import LARGEST_TABLE
from snnc.ir.nodes import HostOp, Input, Population

_Range = tuple[int, int]


@dataclass(frozen=True, eq=False)
class TwoOperands:
    """How a population keeps its operands apart.

    Attributes:
        model: with the table of all pairs.
        projections: its two projections with their integer weights.
    """

    model: RescaledSum
    projections: tuple[Projection, ...]


def two_operand_sums(graph: Graph, bits: int, max_exponent: int) -> dict[str, TwoOperands]:
    """The populations of a float graph that need both operands, by name.

    Args:
        graph: the float form.
        bits: two's complement width of weights.
        max_exponent: largest power of two on weights.
    """
    found = {}
    for node in graph.populations:
        operands = _operands(graph, node)
        if operands is None or _one_integer_does(node, operands, bits):
            continue
        kept = _kept_apart(node, operands, bits, max_exponent)
        if kept is not None:
            found[node.name] = kept
    return found


@dataclass(frozen=True)
class _Operand:
    """One summand: weight times a count within a range."""

    projection: Projection
    weight: float
    lo: int
    hi: int

    @property
    def real(self) -> FloatArray:
        """Real value of every count."""
        return np.arange(self.lo, self.hi + 1, dtype=np.float64) * self.weight


def _operands(graph: Graph, node: Population) -> tuple[_Operand, _Operand] | None:
    """Both summands, where a population adds two counts by weights that all neurons share."""
    incoming = graph.incoming(node.name)
    if not isinstance(node.model, FloatFire) or len(incoming) != 2:
        return None
    if (node.bias != node.bias.flat[0]).any() or not _is_uniform(node.model):
        return None
    found = []
    for p in incoming:
        step, counts = _source_step(graph, p.source), _count_range(graph, p.source)
        if not isinstance(p.map, Identity) or step is None or counts is None:
            return None
        weight = np.asarray(p.map.weight)
        if (weight != weight.flat[0]).any() or not weight.flat[0]:
            return None
        lo, hi = counts
        # a neuron that nothing arrives at adds 0
        found.append(_Operand(p, float(weight.flat[0]) * step, min(lo, 0), max(hi, 0)))
    return found[0], found[1]


def _is_uniform(model: FloatFire) -> bool:
    return all((a == a.flat[0]).all() for op in model.rule.ops for a in op.args)


def _source_step(graph: Graph, name: str) -> float | None:
    """Real value of count 1, where a node has one for all channels."""
    node = graph.nodes[name]
    step = np.asarray(getattr(node, "step", 1.0))
    return float(step.flat[0]) if (step == step.flat[0]).all() else None


def _count_range(graph: Graph, name: str) -> _Range | None:
    """Smallest and largest count that leaves a node; None where it emits values."""
    node = graph.nodes[name]
    if isinstance(node, Input | HostOp):
        return (node.lo, node.hi) if graph.emits(name) == "count" else None
    if not isinstance(node, Population) or graph.emits(name) != "count":
        return None
    if node.model.combine == "max":
        return _count_range(graph, graph.incoming(name)[0].source)
    return node.model.count_range(node.shape, node.channel_axis)


def _all_counts(node: Population, operands: tuple[_Operand, _Operand]) -> IntArray:
    """The rule for every pair of counts, shape (A, B)."""
    a, b = operands
    if len(a.real) * len(b.real) > LARGEST_TABLE:
        return np.zeros((0, 0), dtype=np.int64)
    sums = a.real[:, None] + b.real[None, :]
    return _counts(node, sums + node.bias.flat[0] if node.bias.any() else sums)


def _counts(node: Population, real: FloatArray) -> IntArray:
    """The rule, of one channel for all."""
    assert isinstance(node.model, FloatFire)
    ops = tuple(replace(op, args=tuple(a.flat[0] for a in op.args)) for op in node.model.rule.ops)
    counts = replace(node.model.rule, ops=ops)(real.reshape(1, -1))
    return counts.reshape(real.shape).astype(np.int64)


def _one_integer_does(node: Population, operands: tuple[_Operand, _Operand], bits: int) -> bool:
    """Is the rule of the weights' common grid right for all pairs?"""
    a, b = operands
    grid = detect_grids(np.array([[a.weight, b.weight]]), bits)
    if not grid.found[0]:
        return False
    step = float(grid.step[0])
    lines = [np.arange(o.lo, o.hi + 1) * round(o.weight / step) for o in operands]
    i = (lines[0][:, None] + lines[1][None, :]).astype(np.float64)
    bias = float(node.bias.flat[0]) / step
    if abs(bias - round(bias)) > np.finfo(np.float32).eps * max(abs(bias), 1):
        return False
    expected = _all_counts(node, operands)
    return not expected.size or bool((_counts(node, (i + round(bias)) * step) == expected).all())


def _kept_apart(
    node: Population, operands: tuple[_Operand, _Operand], bits: int, max_exponent: int
) -> TwoOperands | None:
    """The table; None where it is too large or no weight is 2^shift."""
    a, b = sorted(operands, key=lambda o: o.lo - o.hi)
    shift = (b.hi - b.lo).bit_length()
    exponent = min(shift, max_exponent)
    if shift - exponent >= bits - 1 or (len(a.real) << shift) > LARGEST_TABLE:
        return None
    counts = _all_counts(node, (a, b))
    padded = np.pad(counts, [(0, 0), (0, 2**shift - counts.shape[1])], mode="edge")
    model = RescaledSum(first=(a.lo << shift) + b.lo, shift=shift, counts=padded)
    weights = ((a, 2 ** (shift - exponent), exponent), (b, 1, 0))
    return TwoOperands(model, tuple(_weighted(*each) for each in weights))


def _weighted(operand: _Operand, weight: int, exponent: int) -> Projection:
    p = operand.projection
    return replace(p, map=p.map.with_weight(np.array(weight)), exponent=exponent, magnitude=None)
