"""Places for the nodes of an event graph: layers from top to bottom, few crossings.

The usual three steps of layered drawing (Sugiyama, Tagawa and Toda, IEEE Trans. SMC 11(2), 1981):
layers by longest path, order within layers by barycentres, then places near the neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.ir.arrays import FloatArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population

MAX_BENDS = 20_000
"""Places for edges that pass layers by; above it such edges are drawn straight."""
_SWEEPS = 6
_BEND_WIDTH = 0.3
"""Of an edge that passes a layer by, in widths of a node."""


@dataclass
class _Layers:
    """Nodes and bends by layer, from left to right; ids are consecutive."""

    rows: list[list[int]]
    above: list[list[int]]
    below: list[list[int]]
    width: list[float]
    bends: dict[tuple[int, int], list[int]] = field(default_factory=dict)


def drawing(graph: Graph) -> dict[str, Any]:
    """Nodes with places (`x` in widths, `y` in layers) and edges with the bends on their way."""
    names = list(graph.nodes)
    index = {name: i for i, name in enumerate(names)}
    links = [(index[p.source], index[p.target], p.frames) for p in graph.projections.values()]
    layers = _layers(len(names), [(a, b) for a, b, frames in links if not frames and a != b])
    for sweep in range(_SWEEPS):
        _order(layers, downward=sweep % 2 == 0)
    x = _places(layers)
    y = {i: row for row, members in enumerate(layers.rows) for i in members}
    nodes = [
        {
            "name": name,
            "kind": node.model.kind if isinstance(node, Population) else node.kind,
            "shape": list(node.shape),
            "module_path": node.module_path,
            "x": round(float(x[i]), 3),
            "y": y[i],
        }
        for i, (name, node) in enumerate(graph.nodes.items())
    ]
    edges = [
        {
            "name": p.name,
            "source": index[p.source],
            "target": index[p.target],
            "frames": p.frames,
            "bends": [
                [round(float(x[i]), 3), y[i]]
                for i in layers.bends.get((index[p.source], index[p.target]), [])
            ],
        }
        for p in graph.projections.values()
    ]
    return {"nodes": nodes, "edges": edges}


def _layers(n_nodes: int, links: Sequence[tuple[int, int]]) -> _Layers:
    links = sorted({(a, b) for a, b in links if a < b})  # ids are in topological order
    row = [0] * n_nodes
    for before, after in links:
        row[after] = max(row[after], row[before] + 1)
    found = _Layers(
        rows=[[] for _ in range(max(row, default=-1) + 1)],
        above=[[] for _ in row],
        below=[[] for _ in row],
        width=[1.0] * n_nodes,
    )
    for node, at in enumerate(row):
        found.rows[at].append(node)
    straight = sum(row[b] - row[a] - 1 for a, b in links) > MAX_BENDS
    for a, b in links:
        last = a
        for at in [] if straight else range(row[a] + 1, row[b]):
            bend = len(found.width)
            found.width.append(_BEND_WIDTH)
            found.above.append([])
            found.below.append([])
            found.rows[at].append(bend)
            found.bends.setdefault((a, b), []).append(bend)
            _join(found, last, bend)
            last = bend
        _join(found, last, b)
    return found


def _join(layers: _Layers, upper: int, lower: int) -> None:
    layers.below[upper].append(lower)
    layers.above[lower].append(upper)


def _order(layers: _Layers, *, downward: bool) -> None:
    """Sort each layer by the mean place of the neighbours that were placed before."""
    place = [0.0] * len(layers.width)
    near = layers.above if downward else layers.below
    for row in layers.rows if downward else reversed(layers.rows):
        for at, node in enumerate(row):
            place[node] = at - (len(row) - 1) / 2
        mean = {n: np.mean([place[m] for m in near[n]]) if near[n] else place[n] for n in row}
        row.sort(key=mean.__getitem__)
        for at, node in enumerate(row):
            place[node] = at - (len(row) - 1) / 2


def _places(layers: _Layers) -> FloatArray:
    """Centres: each row keeps its order and its gaps, and moves towards its neighbours."""
    x = np.zeros(len(layers.width))
    for row in layers.rows:
        at = 0.0
        for node in row:
            at += layers.width[node] / 2
            x[node] = at
            at += layers.width[node] / 2
        for node in row:
            x[node] -= at / 2
    for sweep in range(2 * _SWEEPS):
        for row in layers.rows if sweep % 2 == 0 else reversed(layers.rows):
            wanted = []
            for node in row:
                near = layers.above[node] + layers.below[node]
                wanted.append(float(np.median(x[near])) if near else float(x[node]))
            _fit(row, wanted, layers.width, x)
    return x


def _fit(
    row: Sequence[int], wanted: Sequence[float], width: Sequence[float], x: FloatArray
) -> None:
    """Nearest to what is wanted without overlap: pool neighbours that collide (isotonic)."""
    offset, at = [], 0.0
    for left, node in enumerate(row):
        at += (width[row[left - 1]] / 2 if left else 0.0) + width[node] / 2
        offset.append(at)
    blocks: list[list[float]] = []  # sum, members
    for goal, shift in zip(wanted, offset, strict=True):
        blocks.append([goal - shift, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, members = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += members
    i = 0
    for total, members in blocks:
        for _ in range(int(members)):
            x[row[i]] = total / members + offset[i]
            i += 1
