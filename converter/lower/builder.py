"""Collect nodes and projections of the float graph under unique, readable names."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

import numpy as np

from snnc.converter.lower.layout import in_order, repeats
from snnc.converter.lower.spread import Spread, matching_axis
from snnc.converter.lower.values import Affine, Synapses, Term, Wire
from snnc.ir.arrays import FloatArray, Shape, size_of
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity, LinearMap, Sparse
from snnc.ir.neurons import NeuronModel
from snnc.ir.nodes import Node, Population, Product

_MAX_AXES = 3

_AnyNode = TypeVar("_AnyNode", bound=Node)


class GraphBuilder:
    """A float graph in the making."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.projections: dict[str, Projection] = {}
        self.count_range: dict[str, tuple[int, int]] = {}
        self._taken: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        """A node name: `name`, or `name#2`, `name#3` … where it is taken."""
        return _unique(self._taken, name)

    def add(self, node: _AnyNode, count_range: tuple[int, int] | None = None) -> _AnyNode:
        """Add a node whose name came from `unique`.

        Args:
            node: the node.
            count_range: smallest and largest count, where it emits counts.
        """
        self.nodes[node.name] = node
        if isinstance(node, Product):
            self._labels[node.name] += 1  # counters name products and projections alike
        if count_range is not None:
            self.count_range[node.name] = count_range
        return node

    def connect(
        self,
        source: str,
        target: str,
        map_: LinearMap,
        *,
        name: str | None = None,
        port: str = "in",
        **more: Any,
    ) -> None:
        """Add a projection.

        Args:
            source, target: node names.
            map_: the linear map.
            name: the user's name of the layer; default `source -> target`.
            port: of the target.
            more: other fields of `Projection`.
        """
        label = _unique(self._labels, name or f"{source} -> {target}")
        self.projections[label] = Projection(
            name=label, source=source, target=target, map=map_, port=port, **more
        )

    def population(
        self,
        value: Affine,
        model: NeuronModel,
        *,
        name: str,
        place: tuple[Shape, int] | None = None,
        step: FloatArray | None = None,
        tensor: str | None = None,
        count_range: tuple[int, int] | None = None,
    ) -> Population:
        """Add a population that integrates `value`, with its incoming projections.

        Args:
            value: what arrives.
            model: its neurons.
            name: the user's name.
            place: shape and channel axis, where `place_of(value)` is not meant.
            step: real value of count 1.
            tensor: the source's tensor that holds its real value.
            count_range: smallest and largest count, where it emits counts.
        """
        shape, axis = place or self.place_of(value)
        node = Population(
            name=self.unique(name),
            shape=shape,
            module_path=name,
            source_tensor=tensor,
            model=model,
            step=np.array(1.0) if step is None else step,
            bias=_stored(value.offset, shape, axis),
            offset_magnitude=_stored(value.magnitude, shape, axis),
            channel_axis=axis,
            stage_fan_in=value.fan_in,
        )
        self.add(node, count_range)
        for term in value.terms:
            self.project(term, node.name, shape, axis)
        return node

    def project(self, term: Term, target: str, shape: Shape, axis: int, port: str = "in") -> None:
        """Add the projection of one term into a port of `shape` with channel axis `axis`."""
        if isinstance(term, Synapses):
            self.connect(
                term.source,
                target,
                term.map,
                name=term.name,
                port=port,
                gather=term.gather,
                magnitude=term.magnitude,
            )
            return
        size = self.nodes[term.source].size
        gather = in_order(term.gather, size)
        if repeats(gather):
            self.connect(term.source, target, listed(term, size, shape, axis), port=port)
            return
        self.connect(term.source, target, _wire_map(term, shape, axis), port=port, gather=gather)

    def place_of(self, value: Affine) -> tuple[Shape, int]:
        """Shape and channel axis of a population that integrates `value`."""
        if value.synapses:
            map_ = value.synapses[0].map
            return map_.out_shape, map_.channel_axis % len(map_.out_shape)
        shape = neuron_shape(value.shape)
        for wire in value.wires:
            node = self.nodes[wire.source]
            axis = getattr(node, "channel_axis", None)
            if wire.gather is None and axis is not None:
                same = matching_axis(node.shape, axis, shape)
                if same is not None:
                    return shape, same
        return shape, 0

    def finish(self, name: str, metadata: dict[str, Any]) -> Graph:
        """The validated float graph.

        Raises:
            GraphError: it is not well-formed.
        """
        graph = Graph(
            self.nodes.values(),
            self.projections.values(),
            form="float",
            name=name,
            metadata=metadata,
        )
        return graph.validate()


def _unique(taken: Counter[str], name: str) -> str:
    taken[name] += 1
    return name if taken[name] == 1 else _unique(taken, f"{name}#{taken[name]}")


def neuron_shape(shape: Shape) -> Shape:
    """A tensor's shape without its batch axis and without leading axes that say nothing."""
    if len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    while len(shape) > _MAX_AXES and shape[0] == 1:
        shape = shape[1:]
    return shape or (1,)


def _stored(spread: Spread, shape: Shape, axis: int) -> FloatArray:
    """As (), (C,) or the whole map."""
    values = spread.by_channel(shape, axis)
    return spread.reshape(shape).full().copy() if values is None else values


def listed(wire: Wire, n_source: int, shape: Shape, axis: int) -> Sparse:
    """A wire synapse by synapse, straight from the source's neurons: these may have several."""
    gather = np.arange(n_source) if wire.gather is None else wire.gather
    targets = np.argsort(gather, kind="stable")
    targets = targets[int((gather < 0).sum()) :]
    indptr = np.zeros(n_source + 1, dtype=np.int64)
    np.cumsum(np.bincount(gather[targets], minlength=n_source), out=indptr[1:])
    return Sparse(
        in_shape=(n_source,),
        out_shape=shape,
        indptr=indptr,
        targets=targets,
        weight=wire.scale.reshape(shape).full().reshape(-1)[targets],
        channel_axis=axis,
    )


def _wire_map(wire: Wire, shape: Shape, axis: int) -> LinearMap:
    for channel_axis in (axis, *range(len(shape))):
        weight = wire.scale.by_channel(shape, channel_axis)
        if weight is not None:
            return Identity(shape=shape, weight=weight, channel_axis=channel_axis)
    index = np.arange(size_of(shape) + 1)
    weight = wire.scale.reshape(shape).full().reshape(-1)
    return Sparse(
        in_shape=shape,
        out_shape=shape,
        indptr=index,
        targets=index[:-1],
        weight=weight,
        channel_axis=axis,
    )
