"""Nodes cut into boxes at random, and what their neurons reach, synapse by synapse."""

from __future__ import annotations

import itertools

import numpy as np

from snnc.backends.mapping.traffic import Cut
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Node, Population, Product


def random_cuts(graph: Graph, rng: np.random.Generator) -> dict[str, Cut]:
    """Populations and products, each cut along every axis into at most three ranges."""
    cuts: dict[str, Cut] = {}
    first = 0
    for node in graph.nodes.values():
        if isinstance(node, Population | Product):
            cuts[node.name] = cut(node, first, rng)
            first += len(cuts[node.name].boxes)
    return cuts


def cut(node: Node, first: int, rng: np.random.Generator) -> Cut:
    """One node; its first core is `first`."""
    ranges = []
    for n in node.shape:
        inner = np.unique(rng.integers(0, n, 2)).tolist()
        ranges.append(list(itertools.pairwise(sorted({0, *inner, n}))))
    boxes = tuple(itertools.product(*ranges))
    owner = np.zeros(node.shape, dtype=np.int64)
    for index, box in enumerate(boxes):
        owner[tuple(slice(lo, hi) for lo, hi in box)] = first + index
    return Cut(first=first, boxes=boxes, owner=owner.reshape(-1))


def reached(graph: Graph, p: Projection) -> list[set[int]]:
    """By source neuron: the target node's neurons that its events matter to."""
    source, target = graph.nodes[p.source], graph.nodes[p.target]
    begins, targets, _ = p.map.to_csr()
    found: list[set[int]] = []
    for position in p.position(source.size).tolist():
        ends = set() if position < 0 else set(targets[begins[position] : begins[position + 1]])
        if isinstance(target, Product):
            ends = set().union(*(_entries(target, p.port, int(end)) for end in ends))
        found.append({int(end) for end in ends})
    return found


def _entries(node: Product, port: str, operand: int) -> set[int]:
    """A product's entries that change with one entry of an operand."""
    a, b = np.ones((1, *node.a_shape)), np.ones((1, *node.b_shape))
    chosen = a if port == "a" else b
    chosen[...] = 0
    chosen.reshape(-1)[operand] = 1
    return set(np.flatnonzero(node.multiply(a, b)))
