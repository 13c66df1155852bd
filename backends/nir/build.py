"""From the integer form of an event graph to NIR nodes and edges.

Weights and biases are the integers that engines run, so that a membrane counts in the same units;
what NIR cannot say is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.backends.nir.linear import Entry, entry, is_direct
from snnc.backends.nir.neurons import Fields, Neurons, neurons
from snnc.ir.arrays import Array, FloatArray, Shape
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Input, Output, Pattern, Population

DT = 1e-4
"""Seconds of a frame where the model does not say: what snnTorch reads files with."""


@dataclass(kw_only=True, eq=False)
class NirFile:
    """What will be written.

    Attributes:
        nodes: fields by name.
        edges: pairs of names.
        metadata: of the graph: what NIR has no word for.
        notes: what the file does not hold exactly, one sentence each.
    """

    nodes: dict[str, Fields] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def build(
    integer: Graph, real: Graph, steps: Mapping[str, FloatArray], *, dt: float | None = None
) -> NirFile:
    """The NIR graph of a model.

    Args:
        integer: integer form.
        real: float form, whose neurons with state are written.
        steps: by population: signed real value of integer 1 of its membrane.
        dt: seconds of a frame.

    Raises:
        UnsupportedByTarget: something in the graph has no NIR form.
    """
    return _Builder(integer, real, steps, DT if dt is None else dt).run()


class _Builder:
    """A NIR graph in the making."""

    def __init__(
        self, integer: Graph, real: Graph, steps: Mapping[str, FloatArray], dt: float
    ) -> None:
        self.graph, self.real, self.steps, self.dt = integer, real, steps, dt
        self.file = NirFile()
        self._shape = _shapes(integer)
        self._gives: dict[str, list[str]] = {}
        self._resets: dict[str, str] = {}

    def run(self) -> NirFile:
        """All nodes, then all edges."""
        for node in self.graph.nodes.values():
            if isinstance(node, Input):
                self._add_input(node)
            elif isinstance(node, Population):
                self._add_population(node)
            elif isinstance(node, Output):
                shape = np.array(self._shape[node.name])
                self._gives[node.name] = [self._add(node.name, {"type": "Output", "shape": shape})]
            else:
                raise UnsupportedByTarget(
                    f"NIR has no {node.kind}", where=node.module_path or node.name
                )
        for node in self.graph.nodes.values():
            self._lead_to(node.name)
        self._describe()
        return self.file

    def _add_input(self, node: Input) -> None:
        if isinstance(node, Pattern):
            raise UnsupportedByTarget("NIR has no source that needs no data", where=node.name)
        if not node.grid:
            raise UnsupportedByTarget(
                "an analog input, read by the host alone, has no NIR form", where=node.name
            )
        shape = np.array(node.shape)
        self._gives[node.name] = [self._add(node.name, {"type": "Input", "shape": shape})]

    def _add_population(self, node: Population) -> None:
        real = self.real.nodes.get(node.name, node)
        assert isinstance(real, Population)
        step = self.steps.get(node.name, np.ones(1))
        found: Neurons = neurons(node, real, step, self._shape[node.name], self.dt)
        if found.reset is not None:
            self._resets[found.reset] = node.name
        if found.note is not None:
            self.file.notes.append(found.note)
        names = [node.name] if len(found.nodes) == 1 else []
        names = names or [f"{node.name}.{i + 1}" for i in range(len(found.nodes))]
        self._gives[node.name] = [
            self._add(name, fields) for name, fields in zip(names, found.nodes, strict=True)
        ]

    def _lead_to(self, name: str) -> None:
        """Edges into a node, through linear nodes that hold weights and bias."""
        node = self.graph.nodes[name]
        incoming = self.graph.incoming(name)
        bias: Array = node.bias_map() if isinstance(node, Population) else np.zeros(1)
        bias = bias.astype(np.float64)
        for p in incoming:
            ends = self._shape[p.source], self._shape[name]
            found = entry(p, ends, bias)
            if found.takes_bias:
                bias = np.zeros(1)
            self._connect(p, found)
        if bias.any():
            raise UnsupportedByTarget(
                "NIR has no bias by position, and no bias without weights",
                where=node.module_path or name,
            )

    def _connect(self, p: Projection, found: Entry) -> None:
        """From a projection's source through its nodes to its target."""
        steps = [self._add(f"{p.name}{suffix}", fields) for suffix, fields in found.nodes]
        delay = self._delay(p)
        if delay is not None:
            steps.insert(0, delay)
        at = self._gives[p.source]
        for step in steps:
            self.file.edges += [(one, step) for one in at]
            at = [step]
        self.file.edges += [(one, to) for one in at for to in self._gives[p.target]]

    def _delay(self, p: Projection) -> str | None:
        order = list(self.graph.nodes)
        closes = order.index(p.source) >= order.index(p.target)
        if not p.frames or (closes and p.frames == 1):  # readers close loops by one frame
            return None
        delay = np.full(self._shape[p.source], p.frames * self.dt)
        return self._add(f"{p.name}.delay", {"type": "Delay", "delay": delay})

    def _add(self, name: str, fields: Fields) -> str:
        name = name.replace("/", "_") or "_"
        while name in self.file.nodes:
            name += "'"
        self.file.nodes[name] = fields
        return name

    def _describe(self) -> None:
        """What NIR has no word for goes into the graph's metadata."""
        if len(self._resets) > 1:
            names = " and ".join(self._resets.values())
            raise UnsupportedByTarget(f"{names} reset differently: a NIR file has one reset")
        self.file.metadata["snnc_dt"] = self.dt
        for reset in self._resets:
            self.file.metadata["snnc_reset"] = reset
        grids = {(node.lo, node.hi) for node in self.graph.inputs}
        if len(grids) == 1:
            self.file.metadata["snnc_lo"], self.file.metadata["snnc_hi"] = grids.pop()


def _shapes(graph: Graph) -> dict[str, Shape]:
    """NIR cannot fold a vector into a map: what takes one that way is a vector itself."""
    shapes = {name: node.shape for name, node in graph.nodes.items()}
    changed = True
    while changed:
        changed = False
        for p in graph.projections.values():
            target = graph.nodes[p.target]
            flat = (target.size,)
            if shapes[p.target] != flat and not is_direct(p, shapes[p.source], shapes[p.target]):
                shapes[p.target], changed = flat, True
    return shapes
