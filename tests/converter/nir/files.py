"""NIR files written with h5py alone, and a float graph run frame by frame."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnc.converter.sources import GraphSource, SourceOptions, open_source
from snnc.ir.arrays import Array
from snnc.ir.graph import Graph
from snnc.ir.nodes import Input, Output, Population

Nodes = Mapping[str, Mapping[str, Any]]
Edges = Sequence[tuple[str, str]]


def write(path: Path, nodes: Nodes, edges: Edges, **metadata: Any) -> Path:
    """A NIR file; a node is its fields with `type`, a nested graph has `nodes` and `edges`."""
    with h5py.File(path, "w") as file:
        file["version"] = "1.0.8"
        group = file.create_group("node")
        _write_graph(group, nodes, edges)
        for key, value in metadata.items():
            group[f"metadata/{key}"] = value
    return path


def _write_graph(group: Any, nodes: Nodes, edges: Edges) -> None:
    group["type"] = "NIRGraph"
    group.create_dataset(
        "edges", data=np.array(list(edges), dtype=object), dtype=h5py.string_dtype()
    )
    inside = group.create_group("nodes")
    for name, node in nodes.items():
        member = inside.create_group(name)
        if node["type"] == "NIRGraph":
            _write_graph(member, node["nodes"], node["edges"])
            continue
        for key, value in node.items():
            member[key] = value


def chain(
    shape: tuple[int, ...], *middle: Mapping[str, Any], out: Any = None
) -> tuple[Nodes, Edges]:
    """Input -> m0 -> m1 … -> Output."""
    nodes = {"in": {"type": "Input", "shape": np.array(shape)}}
    nodes |= {f"m{i}": dict(node) for i, node in enumerate(middle)}
    nodes["out"] = {"type": "Output", "shape": np.array(out or shape)}
    names = list(nodes)
    return nodes, list(itertools.pairwise(names))


def read(path: Path, **options: Any) -> GraphSource:
    """Read a file as a source."""
    source = open_source(path, SourceOptions(**options))
    assert isinstance(source, GraphSource)
    return source


def run_float(graph: Graph, x: Array) -> dict[str, Array]:
    """What every node of a float graph emits: x (N, T, *shape), results (N, T, *shape)."""
    order = [n for n in graph.nodes.values() if isinstance(n, Input | Population)]
    states = {
        n.name: n.model.initial_state((len(x), *n.shape))
        for n in order
        if isinstance(n, Population)
    }
    given: dict[str, list[Array]] = {n.name: [] for n in order}
    for t in range(x.shape[1]):
        for node in order:
            if isinstance(node, Input):
                given[node.name].append(x[:, t].astype(float))
                continue
            i = np.zeros((len(x), *node.shape)) + node.bias_map()
            for p in graph.incoming(node.name):
                if t >= p.frames:
                    i = i + p.apply(given[p.source][t - p.frames]).reshape(i.shape)
            state = states[node.name]
            k, states[node.name] = node.model.latch(i, state, node.channel_axis)
            given[node.name].append(k)
    outputs = {
        n.name: given[graph.incoming(n.name)[0].source]
        for n in graph.nodes.values()
        if isinstance(n, Output)
    }
    return {name: np.stack(v, axis=1) for name, v in (given | outputs).items()}
