"""A NIR graph as it stands in the file, nested graphs unfolded, its edges checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from snnc.converter.hdf5 import Tree
from snnc.ir.arrays import Array
from snnc.ir.errors import CannotLoad, DamagedFile, UnsupportedOperator
from snnc.ir.registry import did_you_mean

Edge: TypeAlias = tuple[str, str]

INPUT, OUTPUT, GRAPH = "Input", "Output", "NIRGraph"
PASS = "Through"


@dataclass(frozen=True, kw_only=True, eq=False)
class NirNode:
    """One primitive.

    Attributes:
        name: in the file; those of nested graphs are joined with dots.
        type: NIR's word for it.
        fields: its parameters.
    """

    name: str
    type: str
    fields: Mapping[str, Any]

    def array(self, name: str) -> Array:
        """A parameter as float64.

        Raises:
            DamagedFile: it is missing or no finite number.
        """
        value = self.fields.get(name)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            raise DamagedFile(f"a {self.type} needs the number(s) `{name}`", where=self.name)
        found = value.astype(np.float64)
        if not np.isfinite(found).all():
            raise DamagedFile(f"`{name}` holds NaN or infinite values", where=self.name)
        return found

    def integers(self, name: str) -> tuple[int, ...]:
        """A parameter of whole numbers, flat."""
        values = self.array(name).reshape(-1)
        if (values != np.rint(values)).any():
            raise DamagedFile(f"`{name}` holds fractions", where=self.name)
        return tuple(int(v) for v in values)


@dataclass(frozen=True, kw_only=True, eq=False)
class NirGraph:
    """Primitives and edges.

    Attributes:
        nodes: by name, in the file's order.
        edges: sorted: the file's order means nothing.
        version: of NIR that wrote the file, None if it does not say.
        metadata: of the whole graph.
    """

    nodes: Mapping[str, NirNode]
    edges: tuple[Edge, ...]
    version: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def before(self, name: str) -> list[str]:
        """Nodes with an edge to this one."""
        return [a for a, b in self.edges if b == name]

    def of_type(self, type_: str) -> list[NirNode]:
        """Nodes of one type."""
        return [n for n in self.nodes.values() if n.type == type_]


def parse(tree: Tree, where: str) -> NirGraph:
    """The graph that a file holds.

    Raises:
        CannotLoad: it holds no NIR graph.
        DamagedFile: a node without type, an edge without end.
    """
    root = tree.get("node")
    if not isinstance(root, dict) or not isinstance(root.get("type"), str):
        raise CannotLoad(
            "this HDF5 file holds no NIR graph",
            where=where,
            hint="NIR files have a group `node` with a `type`, lava-dl's .net files `layer`",
        )
    if root["type"] != GRAPH:
        root = _alone(root)
    nodes: dict[str, NirNode] = {}
    edges = _unfold(root, "", nodes)
    if len(set(edges)) != len(edges):
        a, b = next(e for e in edges if edges.count(e) > 1)
        raise DamagedFile(f"the edge {a} -> {b} stands there twice", where=where)
    if not any(n.type == INPUT for n in nodes.values()):
        raise CannotLoad("the NIR graph has no Input", where=where)
    if not any(n.type == OUTPUT for n in nodes.values()):
        raise CannotLoad("the NIR graph has no Output", where=where)
    version, metadata = tree.get("version"), root.get("metadata")
    return NirGraph(
        nodes=nodes,
        edges=tuple(sorted(edges)),
        version=version if isinstance(version, str) else None,
        metadata=metadata if isinstance(metadata, dict) else {},
    )


def _alone(node: Tree) -> Tree:
    raise CannotLoad(
        f"the file holds a single {node['type']}, not a NIRGraph",
        hint="put it between an Input and an Output",
    )


def _unfold(graph: Tree, prefix: str, nodes: dict[str, NirNode]) -> list[Edge]:
    """Add the nodes of a graph and of those in it; returns all edges."""
    members, place = graph.get("nodes"), prefix.rstrip(".") or "the graph"
    if not isinstance(members, dict):
        raise DamagedFile("a NIRGraph has no nodes", where=place)
    inner: list[Edge] = []
    for name, member in members.items():
        type_ = member.get("type") if isinstance(member, dict) else None
        if not isinstance(type_, str):
            raise DamagedFile("a node has no type", where=f"{prefix}{name}")
        if type_ == GRAPH:
            inner += _unfold(member, f"{prefix}{name}.", nodes)
            continue
        fields = {key: value for key, value in member.items() if key != "type"}
        # an inner graph's ends pass values on
        shown = PASS if prefix and type_ in (INPUT, OUTPUT) else type_
        full = f"{prefix}{name}"
        nodes[full] = NirNode(name=full, type=shown, fields=fields | {"end": type_})
    return inner + [
        (_end(members, a, OUTPUT, prefix), _end(members, b, INPUT, prefix))
        for a, b in _pairs(graph.get("edges"), place)
    ]


def _pairs(edges: Any, where: str) -> Iterator[Edge]:
    if isinstance(edges, np.ndarray) and not edges.size:
        return
    if not isinstance(edges, np.ndarray) or edges.ndim != 2 or edges.shape[1] != 2:
        raise DamagedFile("edges are pairs of names", where=where)
    for a, b in edges:
        if not isinstance(a, str) or not isinstance(b, str):
            raise DamagedFile("edges are pairs of names", where=where)
        yield a, b


def _end(members: Tree, name: str, side: str, prefix: str) -> str:
    """The node that an edge means: for a nested graph its only input or output."""
    member = members.get(name)
    if member is None:
        raise DamagedFile(
            f"an edge names `{name}`, which is no node{did_you_mean(name, list(members))}",
            where=prefix.rstrip(".") or None,
        )
    if not isinstance(member, dict) or member.get("type") != GRAPH:
        return f"{prefix}{name}"
    inside = member.get("nodes")
    ends = [
        key
        for key, inner in (inside.items() if isinstance(inside, dict) else ())
        if isinstance(inner, dict) and inner.get("type") == side
    ]
    if len(ends) != 1:
        raise UnsupportedOperator(
            f"a nested graph has {len(ends)} nodes of type {side}, an edge to it means one",
            where=f"{prefix}{name}",
        )
    return f"{prefix}{name}.{ends[0]}"


def closing_edges(graph: NirGraph, cut: frozenset[str]) -> list[Edge]:
    """Edges that close a loop, met depth first from the inputs, names in order.

    Args:
        cut: nodes that hold values back by themselves (delays).
    """
    after: dict[str, list[str]] = defaultdict(list)
    for a, b in graph.edges:
        if a not in cut:
            after[a].append(b)
    closing: list[Edge] = []
    done: set[str] = set()
    starts = [n.name for n in graph.of_type(INPUT)] + sorted(graph.nodes)
    for start in starts:
        if start in done:
            continue
        path: dict[str, Iterator[str]] = {start: iter(after[start])}
        while path:
            at = next(reversed(path))
            to = next(path[at], None)
            if to is None:
                done.add(at)
                del path[at]
            elif to in path:
                closing.append((at, to))
            elif to not in done:
                path[to] = iter(after[to])
    return closing
