"""Signed counts that travel as a pair: positive ones in one node, negative ones in another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from snnc.ir.arrays import IntArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import Input, InputPart

PAIRS = "signed_pairs"
"""Under this key a graph's metadata say which two nodes stand for a population, by its name."""


def pairs(graph: Graph) -> dict[str, tuple[str, str]]:
    """Names of the positive and the negative node, by the user's population."""
    return {name: (pair[0], pair[1]) for name, pair in graph.metadata.get(PAIRS, {}).items()}


def with_wholes(graph: Graph, counts: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Counts by node, and by every population that two of them stand for."""
    found = dict(counts)
    for name, (positive, negative) in pairs(graph).items():
        if name not in found and positive in counts and negative in counts:
            found[name] = counts[positive] - counts[negative]
    return found


def whole_inputs(graph: Graph) -> list[Input]:
    """The inputs that data is for: an input in parts counts once, under its own name."""
    found: dict[str, Input] = {}
    for node in graph.inputs:
        if not isinstance(node, InputPart):
            found[node.name] = node
            continue
        known = {f.name: getattr(node, f.name) for f in fields(Input)}
        whole = found.get(node.whole, Input(**{**known, "name": node.whole, "lo": 0, "hi": 0}))
        positive = node.sign > 0
        found[node.whole] = replace(whole, hi=node.hi) if positive else replace(whole, lo=-node.hi)
    return list(found.values())


def input_parts(graph: Graph) -> list[InputPart]:
    """The inputs that are parts of one."""
    return [node for node in graph.inputs if isinstance(node, InputPart)]


def with_parts(parts: Iterable[InputPart], feeds: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Counts by whole input, and by some of its parts."""
    return {**feeds, **{node.name: node.part_of(feeds[node.whole]) for node in parts}}
