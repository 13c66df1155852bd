"""Multiply three operands in the order that takes fewer multiplications."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from snnc.ir.arrays import Shape
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.nodes import Product
from snnc.ir.passes.base import PASSES, Pass


@dataclass(frozen=True, kw_only=True)
class Triple:
    """Two matrix products in a row, the inner one read by the outer alone.

    Attributes:
        inner, outer: the products.
        between: the projection from the inner to the outer.
        order: `left` is (A B) C, `right` is A (B C).
    """

    inner: Product
    outer: Product
    between: Projection
    order: Literal["left", "right"]

    @property
    def shapes(self) -> tuple[Shape, Shape, Shape]:
        """Shapes of A, B and C."""
        if self.order == "left":
            return self.inner.a_shape, self.inner.b_shape, self.outer.b_shape
        return self.outer.a_shape, self.inner.a_shape, self.inner.b_shape

    @property
    def pairs(self) -> int:
        """Multiplications in this order."""
        return self.inner.pairs() + self.outer.pairs()

    @property
    def other_pairs(self) -> int:
        """Multiplications in the other order."""
        return sum(product.pairs() for product in self.turned())

    def turned(self) -> tuple[Product, Product]:
        """Inner and outer product of the other order, under the same names."""
        a, b, c = self.shapes
        # what the inner product holds now is no value of the source
        inner = replace(self.inner, source_tensor=None)
        if self.order == "left":
            held = (*b[:-1], c[-1])
            inner = replace(inner, a_shape=b, b_shape=c, shape=held)
            return inner, replace(self.outer, a_shape=a, b_shape=held)
        held = (*a[:-1], b[-1])
        inner = replace(inner, a_shape=a, b_shape=b, shape=held)
        return inner, replace(self.outer, a_shape=held, b_shape=c)


@PASSES.register
@dataclass(frozen=True)
class AssociateProducts(Pass):
    """Turn (A B) C into A (B C), or back, where that takes fewer multiplications.

    Nothing is rounded between two products of integers, so that both orders give the same.
    """

    kind: ClassVar[str] = "associate-products"

    def rewrite(self, graph: Graph) -> Graph:
        while dearer := [t for t in triples(graph) if t.other_pairs < t.pairs]:
            graph = _turn(graph, _disjoint(dearer))
        return graph


def triples(graph: Graph) -> Iterator[Triple]:
    """All pairs of products whose order could be the other."""
    for outer in graph.nodes.values():
        if not isinstance(outer, Product) or outer.op != "matmul":
            continue
        for port in outer.ports:
            arriving = [p for p in graph.incoming(outer.name) if p.port == port]
            inner = graph.nodes[arriving[0].source]
            if (
                len(arriving) == 1
                and isinstance(inner, Product)
                and inner.op == "matmul"
                and len(graph.outgoing(inner.name)) == 1
                and _passes_all(arriving[0], inner, outer.port_shape(port))
            ):
                order: Literal["left", "right"] = "left" if port == "a" else "right"
                yield Triple(inner=inner, outer=outer, between=arriving[0], order=order)


def _passes_all(p: Projection, inner: Product, shape: Shape) -> bool:
    """Does the projection hand on the inner product just as it is?"""
    in_order = p.gather is None or np.array_equal(p.gather, np.arange(inner.size))
    plain = isinstance(p.map, Identity) and bool((p.map.weight == 1).all()) and not p.exponent
    return plain and in_order and inner.shape == shape and not p.delay and not p.frames


def _disjoint(found: list[Triple]) -> list[Triple]:
    """Triples that share no product: they can be turned side by side."""
    taken: set[str] = set()
    chosen = []
    for triple in found:
        names = {triple.inner.name, triple.outer.name}
        if not names & taken:
            taken |= names
            chosen.append(triple)
    return chosen


def _turn(graph: Graph, turned: list[Triple]) -> Graph:
    """The graph with all of these in their other order."""
    nodes: dict[str, Product] = {}
    between: dict[str, Projection] = {}
    to: dict[tuple[str, str], tuple[str, str]] = {}
    for triple in turned:
        inner, outer = triple.turned()
        nodes |= {inner.name: inner, outer.name: outer}
        port = "b" if triple.order == "left" else "a"
        map_ = Identity(shape=inner.shape)
        name = triple.between.name
        between[name] = replace(triple.between, port=port, map=map_, gather=None)
        to |= _moves(triple)
    projections = list(between.values())
    for p in graph.projections.values():
        if p.name not in between:
            target, port = to.get((p.target, p.port), (p.target, p.port))
            projections.append(replace(p, target=target, port=port))
    return graph.replace(
        nodes=[nodes.get(node.name, node) for node in graph.nodes.values()],
        projections=projections,
    )


def _moves(triple: Triple) -> dict[tuple[str, str], tuple[str, str]]:
    """Where what arrives at a port goes: (product, port) to (product, port)."""
    inner, outer = triple.inner.name, triple.outer.name
    # (A B) C: B becomes the inner's a, C the inner's b, A stays alone; the mirror image for A (B C)
    if triple.order == "left":
        return {
            (inner, "a"): (outer, "a"),
            (inner, "b"): (inner, "a"),
            (outer, "b"): (inner, "b"),
        }
    return {
        (inner, "b"): (outer, "b"),
        (inner, "a"): (inner, "b"),
        (outer, "a"): (inner, "a"),
    }
