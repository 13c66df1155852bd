"""Weights wider than a target's synapses become several projections whose currents add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import IntArray, bits
from snnc.ir.errors import GraphError, WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import LinearMap, Sparse
from snnc.ir.nodes import Population, Product
from snnc.ir.passes.base import PASSES
from snnc.ir.passes.chip import ChipPass
from snnc.ir.passes.names import free_name

MOST_PARTS = 4
"""Projections that stand for one; with 8 bits and exponents up to 7 that is 16 bits and more."""


@PASSES.register
@dataclass(frozen=True)
class SplitWeights(ChipPass):
    """Write wide weights as narrow ones times powers of two: w = sum of part * 2^exponent.

    A power of two that all weights of a projection share goes into its exponent. What is still too
    wide becomes a low part and a high one, each a projection of its own: nothing is rounded, and
    every event reaches as many synapses more.

    Attributes:
        weight_bits: two's complement width of a stored weight.
        max_exponent: the largest power of two.
    """

    kind: ClassVar[str] = "split-weights"

    weight_bits: int
    max_exponent: int

    def rewrite(self, graph: Graph) -> Graph:
        if graph.form != "integer":
            raise GraphError("weights have a width in the integer form", where=graph.name)
        projections: dict[str, Projection] = {}
        for p in graph.projections.values():
            parts = [p] if self._fits(graph, p) else self._parts(graph, p)
            for n, part in enumerate(parts):
                wanted = f"{p.name} (high{n if n > 1 else ''})"
                name = free_name(wanted, graph.projections, projections) if n else p.name
                projections[name] = replace(part, name=name) if n else part
        kept = all(projections[name] is p for name, p in graph.projections.items())
        return graph if kept else graph.replace(projections=projections.values())

    def note(self, before: Graph, after: Graph) -> str:
        n = len(after.projections) - len(before.projections)
        if not n:
            return "powers of two of weights stand in the exponents of their projections: exact"
        names: list[str] = []
        for name in after.projections:  # the parts of one stand behind it
            if name in before.projections:
                whole = name
            elif whole not in names[-1:]:
                names.append(whole)
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return (
            f"weights of more than {self.weight_bits} bits travel as several projections "
            f"({shown}): exact, with {n} projection{'s' if n > 1 else ''} more"
        )

    def _fits(self, graph: Graph, p: Projection) -> bool:
        target = graph.nodes[p.target]
        sums = isinstance(target, Product) or (
            isinstance(target, Population) and target.model.combine == "sum"
        )
        narrow = _width(p.map.weight) <= self.weight_bits and p.exponent <= self.max_exponent
        return not sums or narrow

    def _parts(self, graph: Graph, p: Projection) -> list[Projection]:
        """A projection as one of shifted weights, or as several."""
        weight, exponent = self._shifted(p.map.weight, p.exponent)
        found: list[Projection] = []
        for part, power in self._digits(weight, exponent):
            if len(found) == MOST_PARTS:
                target = graph.nodes[p.target]
                raise WidthExceeded(
                    f"weights of {_width(weight)} bits need more than {MOST_PARTS} projections of "
                    f"{self.weight_bits} bits with exponents up to {self.max_exponent}",
                    where=target.module_path or target.name,
                    hint="use fewer --weight-bits",
                )
            found.append(replace(p, map=_with(p.map, part, first=not found), exponent=power))
        return found

    def _shifted(self, weight: IntArray, exponent: int) -> tuple[IntArray, int]:
        """Weights and exponent with a common power of two moved, the exponent within its limit."""
        if exponent > self.max_exponent:
            weight, exponent = weight << (exponent - self.max_exponent), self.max_exponent
        excess = _width(weight) - self.weight_bits
        fits = 0 < excess <= self.max_exponent - exponent
        if fits and not (weight & ((1 << excess) - 1)).any():
            return weight >> excess, exponent + excess
        return weight, exponent

    def _digits(self, weight: IntArray, exponent: int) -> Iterator[tuple[IntArray, int]]:
        """Parts of `weight_bits` each, with their exponents, the lowest first."""
        most = 2 ** (self.weight_bits - 1)
        while _width(weight) > self.weight_bits:
            shift = min(self.weight_bits, self.max_exponent - exponent)
            if shift > 0:
                half = 1 << (shift - 1)
                low = ((weight + half) & ((1 << shift) - 1)) - half
                yield low, exponent
                weight, exponent = (weight - low) >> shift, exponent + shift
            else:
                part = np.clip(weight, -most, most - 1)
                yield part, exponent
                weight = weight - part
        yield weight, exponent


def _with(map_: LinearMap, weight: IntArray, *, first: bool) -> LinearMap:
    """The map with a part of its weights; a listed synapse that has none in it is left out."""
    kept = weight != 0
    if first or not isinstance(map_, Sparse) or bool(kept.all()):
        return map_.with_weight(weight)
    before = np.concatenate([[0], np.cumsum(kept)])
    return replace(
        map_, weight=weight[kept], targets=map_.targets[kept], indptr=before[map_.indptr]
    )


def _width(weight: IntArray) -> int:
    return bits(int(weight.min(initial=0)), int(weight.max(initial=0)))
