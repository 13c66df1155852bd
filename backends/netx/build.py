"""From the integer form of an event graph to the layers of a `.net` file.

The format is a chain: data, perhaps neurons that take them, then layers of synapses and neurons,
each reading the one before. Layout [D: lava-dl 0.6.0, netx/hdf5.py].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from snnc.backends.netx.neurons import bias_of, is_input, neuron_of
from snnc.backends.netx.synapses import layer_fields, recurrent_fields
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Input, Node, Output, Population

Layer: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class NetFile:
    """What will be written.

    Attributes:
        layers: arrays, `type` and `neuron` of each layer, in order.
        frames: of a sample, None where the model does not say.
        n_edges: layers that read another one.
        notes: what the file does not hold, one sentence each.
    """

    layers: tuple[Layer, ...]
    frames: int | None
    n_edges: int
    notes: tuple[str, ...]


def build(graph: Graph, *, timing: str | None = None) -> NetFile:
    """The layers of a model.

    Args:
        graph: integer form.
        timing: `lava` where each layer takes a frame, as in netx, instead of being aligned.

    Raises:
        UnsupportedByTarget: something in the graph has no `.net` form.
    """
    return _Builder(graph, 1 if timing == "lava" else 0).run()


@dataclass
class _Builder:
    """Layers in the making."""

    graph: Graph
    later: int
    layers: list[Layer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self) -> NetFile:
        """All layers, first to last."""
        entering, chain, reading = self._chain()
        first = chain[0] if chain else None
        if first is not None and is_input(first, self._into(first)):
            self._add_input(entering, first)
            chain = chain[1:]
        elif first is None or self._is_folded(first) or len(entering.shape) > 1:
            self.layers.append({"type": "input", "shape": _shape(entering)})
        self._tell_grid(entering, first)
        before: Node = entering
        for node in chain:
            self._add(node, before)
            before = node
        if reading.reduction != "none":
            self.notes.append(
                f"outputs are those of every frame (--reduce {reading.reduction} reads them so)"
            )
        if self.later:
            self.notes.append("each layer takes a frame (--net-timing lava reads it so)")
        return NetFile(
            layers=tuple(self.layers),
            frames=self.graph.metadata.get("n_frames"),
            n_edges=sum("weight" in layer and layer["type"] != "input" for layer in self.layers),
            notes=tuple(self.notes),
        )

    def _chain(self) -> tuple[Input, list[Population], Output]:
        """Data, populations one behind the other, and what is read."""
        for node in self.graph.nodes.values():
            if type(node) not in (Input, Population, Output):
                raise _refused(f"a .net file has no {node.kind}", node)
        if len(self.graph.inputs) != 1 or len(self.graph.outputs) != 1:
            raise UnsupportedByTarget("a .net file has one input and one output")
        (entering,), (reading,) = self.graph.inputs, self.graph.outputs
        before: Node = entering
        for node in self.graph.populations:
            sources = {p.source for p in self._into(node)}
            if sources != {before.name}:
                raise _refused(
                    f"it reads {' and '.join(sorted(sources))}; layers of a .net file read the "
                    "one before them",
                    node,
                )
            before = node
        if {p.source for p in self.graph.incoming(reading.name)} != {before.name}:
            raise _refused("a .net file gives what its last layer gives", reading)
        return entering, self.graph.populations, reading

    def _into(self, node: Population) -> list[Projection]:
        """Projections from other nodes."""
        return [p for p in self.graph.incoming(node.name) if p.source != node.name]

    def _is_folded(self, first: Population) -> bool:
        """Does the first layer have a number that leaves room for an input layer?"""
        return not first.name.endswith("0")

    def _add_input(self, entering: Input, node: Population) -> None:
        weight = round(1 / entering.step)
        if weight < 1 or 1 / weight != entering.step:
            raise _refused(f"data of step {entering.step} are no whole number a unit", entering)
        layer: Layer = {"type": "input", "shape": _shape(node), "weight": weight}
        bias = bias_of(node)
        if bias.any():
            if bias.ndim:
                raise _refused("a bias of single input neurons", node)
            layer["bias"] = int(bias)
        self.layers.append({**layer, "neuron": neuron_of(node, self.notes)})

    def _tell_grid(self, entering: Input, first: Population | None) -> None:
        takes = first is not None and is_input(first, self._into(first))
        most = round(1 / entering.step) if takes else 1
        if (entering.lo, entering.hi) != ((-most if takes else 0), most):
            self.notes.append(
                f"data are counts from {entering.lo} to {entering.hi}: --input-range says so again"
            )

    def _add(self, node: Population, before: Node) -> None:
        incoming = self._into(node)
        fields = layer_fields(node, before, incoming, self.later)
        if fields["type"] != "conv" and len(before.shape) > 1:
            self.layers.append({"type": "flatten", "shape": np.array([before.size])})
        loops = [p for p in self.graph.incoming(node.name) if p.source == node.name]
        if loops:
            fields |= recurrent_fields(node, loops, fields)
        bias = bias_of(node)
        if bias.any():
            fields["bias"] = _bias(bias, node)
        neuron = neuron_of(node, self.notes)
        if neuron is not None:
            fields["neuron"] = neuron
        self.layers.append(fields)


def _bias(bias: Any, node: Population) -> Any:
    """For all or each channel; neuron by neuron in Lava's order."""
    if bias.ndim == 3:
        return bias.transpose(2, 1, 0)
    return np.broadcast_to(bias, node.shape[:1]) if len(node.shape) == 3 else bias


def _shape(node: Node) -> Any:
    return np.array(node.shape)


def _refused(what: str, node: Node) -> UnsupportedByTarget:
    return UnsupportedByTarget(what, where=node.module_path or node.name)
