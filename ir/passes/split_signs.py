"""Signed counts become a pair of populations, each of which fires unit spikes without sign."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, fields, replace
from typing import ClassVar, TypeAlias

import numpy as np

from snnc.ir.arrays import INT64_MAX, INT64_MIN, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator, IntegerFire, NeuronModel, RescaledSum
from snnc.ir.nodes import Input, InputPart, Node, Pattern, Population
from snnc.ir.passes.base import PASSES
from snnc.ir.passes.chip import ChipPass
from snnc.ir.passes.draft import Draft
from snnc.ir.passes.names import free_name, node_names
from snnc.ir.ranges import analyse
from snnc.ir.signs import PAIRS

Mirrored: TypeAlias = tuple[NeuronModel, bool]
"""A model that fires another's negative counts, and whether it takes its input negated."""

PARTS = ((1, "positive"), (-1, "negative"))


@PASSES.register
@dataclass(frozen=True)
class SplitSigns(ChipPass):
    """Replace what emits negative counts by two populations: k = k of one - k of the other.

    `X.positive` fires max(k, 0); `X.negative` fires max(-k, 0) on negated weights and bias. Both
    reach the readers of `X`, the negative one through negated weights. Inputs and patterns are
    split alike. Where an output or the host reads `X`, an accumulator of that name holds the
    difference. Where a name is taken, the new one has a number.

    What has state, is a maximum, or comes from the host stays as it is, and so does what a
    maximum reads.

    Attributes:
        settings: code and schedule of the runs.
    """

    kind: ClassVar[str] = "split-signs"

    settings: RunSettings

    def rewrite(self, graph: Graph) -> Graph:
        if graph.form != "integer":
            raise GraphError("counts are split in the integer form", where=graph.name)
        ranges = analyse(graph, self.settings, int(graph.metadata.get("n_frames", 1)))
        signed = [
            node
            for name, node in graph.nodes.items()
            if name in ranges and int(ranges[name].out_lo.min()) < 0 and _can_split(graph, node)
        ]
        if not signed:
            return graph
        draft, pairs = Draft(graph), dict(graph.metadata.get(PAIRS, {}))
        taken = node_names(graph)  # as it was: what has been split keeps its name for the user
        for node in signed:
            parts = dict(_parts(node, taken))
            _split(draft, node, parts)
            if isinstance(node, Population):
                pairs[node.name] = [part.name for part in parts.values()]
        return draft.finish({**graph.metadata, **({PAIRS: pairs} if pairs else {})})

    def note(self, before: Graph, after: Graph) -> str:
        names = [n for n, node in before.nodes.items() if after.nodes.get(n) is not node]
        return (
            f"signed counts travel as a pair of populations, one for each sign: {', '.join(names)}"
        )


def _can_split(graph: Graph, node: Node) -> bool:
    """Does it emit counts of its own, to readers that sum them?"""
    is_source = isinstance(node, Input) and node.grid
    fires = isinstance(node, Population) and isinstance(node.model, IntegerFire | RescaledSum)
    if not (is_source or fires) or graph.emits(node.name) != "count":
        return False
    readers = [graph.nodes[p.target] for p in graph.outgoing(node.name) if graph.is_event(p)]
    sums = [not isinstance(r, Population) or r.model.combine == "sum" for r in readers]
    return bool(readers) and all(sums)


def _split(graph: Draft, node: Node, parts: dict[int, Node]) -> None:
    """Put two nodes where one was."""
    touched = {p.name: p for p in (*graph.incoming(node.name), *graph.outgoing(node.name))}
    read = [p for p in graph.outgoing(node.name) if not graph.is_event(p)]
    graph.replace(node, parts.values())
    for p in touched.values():
        if p not in read:
            several = [t for q in _sources(p, node, parts) for t in _targets(q, node, parts)]
            graph.replace(p, [_named(graph, q) for q in several])
    if read:
        graph.add(_difference(node))
        for sign, part in parts.items():
            brought = Projection(
                name=f"{part.name} -> {node.name}",
                source=part.name,
                target=node.name,
                map=Identity(shape=node.shape, weight=np.int64(sign)),  # type: ignore[arg-type]
            )
            graph.add(_named(graph, brought))


def _named(graph: Draft, p: Projection) -> Projection:
    """A new projection under a name that is free."""
    return replace(p, name=free_name(p.name, graph.projections))


def _parts(node: Node, taken: Container[str]) -> Iterator[tuple[int, Node]]:
    """The nodes of both signs; a count's step and place are the whole's."""
    for sign, word in PARTS:
        name = free_name(f"{node.name}.{word}", taken)
        if isinstance(node, Pattern):
            yield sign, replace(node, name=name, counts=np.maximum(sign * node.counts, 0))
        elif isinstance(node, Input):
            known = {f.name: getattr(node, f.name) for f in fields(Input)}
            bounds = {"lo": 0, "hi": max(node.hi if sign > 0 else -node.lo, 0)}
            yield (
                sign,
                InputPart(**{**known, **bounds, "name": name}, whole=node.name, sign=sign),  # type: ignore[arg-type]
            )
        else:
            assert isinstance(node, Population)
            model, turned = _half(node.model, sign)
            bias = -node.bias if turned else node.bias
            yield sign, replace(node, name=name, model=model, bias=bias)


def _half(model: NeuronModel, sign: int) -> Mirrored:
    """A model that fires the counts of one sign."""
    if isinstance(model, RescaledSum):
        return replace(model, counts=np.maximum(sign * model.counts, 0)), False
    assert isinstance(model, IntegerFire)
    lo, hi, at = model.lo, model.hi, model.thresholds
    first = min(max(-lo, 0), at.shape[1])
    if sign > 0:
        return IntegerFire(lo=max(lo, 0), thresholds=at[:, first:]), False
    return IntegerFire(lo=max(-hi, 0), thresholds=_mirrored(at[:, :first])), True


def _mirrored(thresholds: IntArray) -> IntArray:
    """As i < θ is -i >= 1 - θ; a level that none reaches is one that all reach, and back."""
    inner = (thresholds != INT64_MAX) & (thresholds != INT64_MIN)
    turned = 1 - np.where(inner, thresholds, 0)
    turned = np.where(thresholds == INT64_MAX, INT64_MIN, turned)
    return np.where(thresholds == INT64_MIN, INT64_MAX, turned)[:, ::-1]


def _sources(p: Projection, node: Node, parts: dict[int, Node]) -> list[Projection]:
    """A projection, once for each part of its source."""
    if p.source != node.name:
        return [p]
    return [
        replace(
            p,
            name=f"{p.name}.{word}",
            source=parts[sign].name,
            map=p.map.with_weight(sign * p.map.weight),
        )
        for sign, word in PARTS
    ]


def _targets(p: Projection, node: Node, parts: dict[int, Node]) -> list[Projection]:
    """A projection, once for each part of its target."""
    if p.target != node.name or not isinstance(node, Population):
        return [p]
    found = []
    for sign, word in PARTS:
        turned = sign < 0 and _half(node.model, sign)[1]
        map_ = p.map.with_weight(-p.map.weight) if turned else p.map
        found.append(replace(p, name=f"{p.name} to {word}", target=parts[sign].name, map=map_))
    return found


def _difference(node: Node) -> Population:
    """What an output or the host reads: the counts with their sign."""
    return Population(
        name=node.name,
        shape=node.shape,
        module_path=node.module_path,
        source_tensor=node.source_tensor,
        model=Accumulator(),
        step=np.asarray(getattr(node, "step", 1.0)),
        channel_axis=getattr(node, "channel_axis", 0),
    )
