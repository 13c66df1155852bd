"""From the layers of a `.net` file to an integer event graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snnc.converter.hdf5 import Tree
from snnc.converter.netx.ends import DataInput, data_input, simulation_frames
from snnc.converter.netx.layers import Layer, layers
from snnc.converter.netx.neurons import SPIKE_EXP, STATE_EXP, Resets, input_model, model
from snnc.converter.netx.options import NetOptions, stated
from snnc.converter.netx.synapses import Synapses, conv_synapses, dense_synapses, recurrent_synapses
from snnc.converter.sources.graphs import GraphSource, Primitive
from snnc.converter.sources.model import SourceOptions
from snnc.ir.arrays import IntArray, Shape, size_of
from snnc.ir.errors import CannotLoad, DamagedFile, ShapeMismatch, UnsupportedOperator
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Delta, LoihiReadout, NeuronModel, Sigma, SigmaDelta
from snnc.ir.nodes import Node, Output, Population

OUTPUT = "output"


def is_net(tree: Tree) -> bool:
    """Is an HDF5 file one of lava-dl's?"""
    return "layer" in tree


def read_net(
    tree: Tree, path: Path, options: SourceOptions, provenance: Mapping[str, Any]
) -> GraphSource:
    """Read a `.net` file.

    Args:
        tree: its groups and arrays.
        path: for names and messages.
        options: timing, resets, readout, and the grid of an input without neurons.
        provenance: what is known of the file.

    Raises:
        CannotLoad: it holds no network.
        DamagedFile: a layer lacks what it needs.
        UnsupportedOperator: a layer, neuron or value without event form.
        ShapeMismatch: layers that do not fit each other.
        WrongUsage: an option that `.net` files have no use for.
    """
    said = stated(options, str(path))
    notes: list[str] = []
    found = layers(tree, str(path), notes)
    reader = _Reader(found, said, options, notes, str(path))
    graph = reader.read(path.stem, simulation_frames(tree, options, notes))
    for layer in found:
        _tell_unused(layer, notes)
    return GraphSource(
        name=path.stem,
        graph=graph,
        primitives=tuple(_primitive(layer) for layer in found),
        notes=(*said.notes(), *dict.fromkeys(notes)),
        provenance={**provenance, "loader": "netx", **said.to_json()},
    )


def _primitive(layer: Layer) -> Primitive:
    if layer.type == "flatten":
        return Primitive(
            type="flatten", where=layer.where, fate="folded", why="neurons meet by index"
        )
    why = "where data enter" if layer.type == "input" else "synapses and neurons"
    return Primitive(type=layer.type, where=layer.where, fate="event", why=why)


def _tell_unused(layer: Layer, notes: list[str]) -> None:
    names = layer.unused()
    if names:
        notes.append(f"{layer.where}: netx does not read {', '.join(f'`{n}`' for n in names)}")


@dataclass(frozen=True)
class _Before:
    """What the next layer reads.

    Attributes:
        name: of the node.
        shape: as the next layer sees it.
        depth: frames that the node runs behind the data.
        flat: may a dense layer read it?
    """

    name: str
    shape: Shape
    depth: int
    flat: bool


class _Reader:
    """A graph in the making, layer by layer."""

    def __init__(
        self,
        found: list[Layer],
        said: NetOptions,
        options: SourceOptions,
        notes: list[str],
        where: str,
    ) -> None:
        self.layers, self.said, self.options, self.notes = found, said, options, notes
        self.where = where
        self.nodes: list[Node] = []
        self.projections: list[Projection] = []
        self.resets = Resets(interval=said.reset_interval or 0, offset=said.reset_offset or 0)
        self.unit = 1.0  # real value of count 1 of what the last layer gives

    def read(self, name: str, n_frames: int | None) -> Graph:
        """The integer graph."""
        before = self._begin()
        last = max((y for y in self.layers if y.type != "flatten"), key=lambda y: y.index)
        for layer in self.layers:
            if layer.type == "input" and layer.index:
                raise UnsupportedOperator("an input stands behind other layers", where=layer.where)
            if layer.type in ("conv", "dense", "dense_rec"):
                before = self._add(layer, before, last is layer)
            elif layer.type == "flatten":
                layer.used.add("shape")  # of what it gives
                before = _Before(before.name, (size_of(before.shape),), before.depth, True)
        if not any(isinstance(node, Population) for node in self.nodes):
            raise CannotLoad("the file holds no neurons", where=self.where)
        self.nodes.append(
            Output(name=OUTPUT, shape=before.shape, reduction=self.options.reduce or "none")
        )
        self._join(before.name, OUTPUT, Identity(shape=before.shape), name="read")
        metadata = {} if n_frames is None else {"n_frames": n_frames}
        return Graph(
            self.nodes, self.projections, form="integer", name=name, metadata=metadata
        ).validate()

    def _begin(self) -> _Before:
        """Where data enter, and the neurons of an input layer."""
        first = self.layers[0]
        entering: DataInput = data_input(first, self._first_inputs(), self.options)
        self.nodes.append(entering.node)
        neuron = first.neuron() if first.type == "input" else None
        shape, is_flat = entering.node.shape, len(entering.node.shape) == 1
        if neuron is None:
            return _Before(entering.node.name, shape, 0, is_flat)
        model_ = input_model(neuron, entering.bias, self.resets.fields(0), first.where)
        if isinstance(model_, Delta):
            self.unit = entering.node.step / 2**SPIKE_EXP
            if entering.bias:
                raise UnsupportedOperator(
                    "a bias of SDNN data has no place in Lava's Delta", where=first.where
                )
        self._populate(first, shape, model_)
        self._join(entering.node.name, first.name, Identity(shape=shape))
        return _Before(first.name, shape, 0, is_flat)

    def _first_inputs(self) -> int | None:
        """Inputs of a first dense layer, which says its own number of them."""
        first = self.layers[0]
        if first.type not in ("dense", "dense_rec"):
            return None
        n_out = size_of(first.shape())
        return first.numbers("weight").size // n_out

    def _add(self, layer: Layer, before: _Before, is_last: bool) -> _Before:
        if layer.type == "conv":
            shape, synapses = conv_synapses(layer, before.shape)
        else:
            if not before.flat:
                raise ShapeMismatch(
                    f"a dense layer reads {before.shape} without a `flatten` between them",
                    where=layer.where,
                )
            shape, synapses = dense_synapses(layer, size_of(before.shape))
        later = 1 if self.said.timing == "lava" else 0
        depth = before.depth + later
        readout = self.said.readout if is_last else "spikes"
        bias = _bias(layer, shape)
        found = model(layer.neuron(), bias, self.resets.fields(depth), readout, layer.where)
        if isinstance(found, LoihiReadout) and not is_last:
            raise UnsupportedOperator(
                "a layer without neurons is read, and stands before others", where=layer.where
            )
        self._scale(found)
        self._populate(layer, shape, found)
        for part in synapses:
            self._connect(before.name, layer, part, part.frames + later)
        if layer.type == "dense_rec":
            for part in recurrent_synapses(layer):
                self._connect(layer.name, layer, part, part.frames)
        return _Before(layer.name, shape, depth, len(shape) == 1)

    def _scale(self, found: NeuronModel) -> None:
        """Real value of 1 of what the layer gives: 1 for spikes."""
        if isinstance(found, LoihiReadout):
            self.unit = 2.0**-STATE_EXP  # in units of the weights
        elif isinstance(found, Sigma):
            self.unit /= 2**STATE_EXP
        elif not isinstance(found, SigmaDelta):
            self.unit = 1.0

    def _populate(self, layer: Layer, shape: Shape, found: NeuronModel) -> None:
        self.nodes.append(
            Population(
                name=layer.name,
                shape=shape,
                module_path=layer.where,
                model=found,
                step=np.array(self.unit),
            )
        )

    def _connect(self, source: str, layer: Layer, part: Synapses, frames: int) -> None:
        self._join(
            source,
            layer.name,
            part.map,
            name=f"{layer.name}.{part.label}",
            gather=part.gather,
            exponent=part.exponent,
            frames=frames,
        )

    def _join(self, source: str, target: str, map_: Any, name: str = "", **more: Any) -> None:
        label = name or f"{source} -> {target}"
        self.projections.append(
            Projection(name=label, source=source, target=target, map=map_, **more)
        )


def _bias(layer: Layer, shape: Shape) -> IntArray:
    """One value for all, each channel or each neuron [D: netx/blocks, AbstractBlock._neuron]."""
    if not layer.has("bias"):
        return np.array(0)
    bias = layer.numbers("bias")
    if bias.size == 1:
        return bias.reshape(())
    if bias.shape == shape[:1]:
        return bias
    if len(shape) == 3 and bias.shape == shape[::-1]:  # neuron by neuron, in Lava's order
        return np.ascontiguousarray(bias.transpose(2, 1, 0))
    raise DamagedFile(f"a bias of shape {bias.shape} for neurons of {shape}", where=layer.where)
