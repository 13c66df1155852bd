"""The event graph: nodes joined by projections, a directed multigraph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self, TypeAlias, TypeVar

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, readonly
from snnc.ir.errors import GraphError
from snnc.ir.maps import LinearMap
from snnc.ir.neurons import Emission
from snnc.ir.nodes import HostOp, Input, Node, Output, Pattern, Population, Product
from snnc.ir.order import find_cycle, topological

Form: TypeAlias = Literal["float", "integer"]

_Named = TypeVar("_Named", Node, "Projection")
_Ends: TypeAlias = "dict[str, dict[str, list[Projection]]]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """Synapses from one node to a port of another (or the same kind of).

    contribution = map(source[gather]) * 2^exponent

    Attributes:
        name: unique in its graph.
        source, target: node names.
        map: the linear map; connects by flat C-order index, so only sizes have to meet.
        port: of the target.
        gather: int64, shape (map.in_size,): map input position j takes source neuron
            gather[j], -1 takes nothing. No source neuron stands twice. None: as they come.
        exponent: power of two on the integer weights, >= 0.
        delay: ticks beyond the one that every event takes, >= 0.
        frames: how many frames ago the source emitted what arrives, >= 0; nothing arrives in a
            sample's first `frames` frames. A cycle of projections needs one with frames > 0.
        magnitude: float form: |W_n| … |W_1| of a folded chain, shape of the weight, where it
            differs from |weight|; for the verification bound.
    """

    name: str
    source: str
    target: str
    map: LinearMap
    port: str = "in"
    gather: IntArray | None = None
    exponent: int = 0
    delay: int = 0
    frames: int = 0
    magnitude: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.gather is not None:
            object.__setattr__(self, "gather", readonly(self.gather, np.int64))
        if self.magnitude is not None:
            object.__setattr__(self, "magnitude", readonly(self.magnitude, np.float64))

    def apply(self, x: Array) -> Array:
        """Contribution of source values x, shape (N, …), as (N, *map.out_shape)."""
        x = self.arrange(x.reshape(len(x), -1))
        return self.map.apply(x.reshape(len(x), *self.map.in_shape)) * 2**self.exponent

    def arrange(self, x: Array) -> Array:
        """Source values (N, source size) in the order of the map's inputs (N, map.in_size)."""
        if self.gather is None:
            return x
        taken = x[:, np.maximum(self.gather, 0)]
        return np.where(self.gather >= 0, taken, 0).astype(x.dtype, copy=False)

    def position(self, source_size: int) -> IntArray:
        """Map input position of each source neuron, -1 where it reaches nothing."""
        if self.gather is None:
            return np.arange(source_size, dtype=np.int64)
        inverse = np.full(source_size, -1, dtype=np.int64)
        used = np.flatnonzero(self.gather >= 0)
        inverse[self.gather[used]] = used
        return inverse

    def fan_out(self, source_size: int) -> IntArray:
        """Synapses that each source neuron's event reaches, shape (source_size,)."""
        return self._by_source(self.map.fan_out(), source_size)

    def effective_fan_out(self, source_size: int) -> IntArray:
        """As `fan_out`, without the zero weights."""
        return self._by_source(self.map.effective_fan_out(), source_size)

    def _by_source(self, by_position: IntArray, source_size: int) -> IntArray:
        position = self.position(source_size)
        return np.where(position >= 0, by_position.reshape(-1)[position], 0)


class Graph:
    """An immutable directed multigraph of nodes and projections.

    Args:
        nodes: in any order; the graph keeps them in topological order, ties as given. Projections
            that bring what an earlier frame emitted do not count for the order.
        projections: in any order.
        form: `float` (projections act on real values) or `integer`.
        name: of the model.
        metadata: JSON values that travel with the graph.

    Raises:
        GraphError: a duplicate name, an unknown end or a cycle within one frame.
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        projections: Iterable[Projection],
        *,
        form: Form = "integer",
        name: str = "model",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.form: Form = form
        self.name = name
        self.metadata: Mapping[str, Any] = MappingProxyType(dict(metadata or {}))
        given = _by_name(nodes, "node")
        self.projections: Mapping[str, Projection] = MappingProxyType(
            _by_name(projections, "projection")
        )
        self._incoming, self._outgoing = self._connect(given)
        self.nodes: Mapping[str, Node] = MappingProxyType(
            {name: given[name] for name in self._topological(given)}
        )

    def _connect(self, nodes: Mapping[str, Node]) -> tuple[_Ends, _Ends]:
        """Projections by target and source, then by source and target, then as given."""
        incoming: _Ends = {name: {} for name in nodes}
        outgoing: _Ends = {name: {} for name in nodes}
        for p in self.projections.values():
            for end in (p.source, p.target):
                if end not in nodes:
                    raise GraphError(f"there is no node `{end}`", where=f"projection {p.name}")
            incoming[p.target].setdefault(p.source, []).append(p)
            outgoing[p.source].setdefault(p.target, []).append(p)
        return incoming, outgoing

    def _topological(self, nodes: Mapping[str, Node]) -> list[str]:
        """Node names so that projections within one frame point forward."""
        within = [(p.source, p.target) for p in self.projections.values() if not p.frames]
        order = topological(nodes, within)
        if left := nodes.keys() - set(order):
            before: dict[str, list[str]] = {}
            for source, target in within:
                if source in left and target in left:
                    before.setdefault(target, []).append(source)
            raise GraphError(
                f"projections form a cycle within one frame: {' -> '.join(find_cycle(before))}",
                hint="a recurrent projection brings what an earlier frame emitted: frames=1",
            )
        return order

    def incoming(self, name: str) -> list[Projection]:
        """Projections into a node, in the order of their names' first appearance."""
        return [p for parallel in self._incoming[name].values() for p in parallel]

    def outgoing(self, name: str) -> list[Projection]:
        """Projections out of a node."""
        return [p for parallel in self._outgoing[name].values() for p in parallel]

    @property
    def inputs(self) -> list[Input]:
        """Where data enters."""
        entering = [n for n in self.nodes.values() if isinstance(n, Input)]
        return [n for n in entering if not isinstance(n, Pattern)]

    @property
    def patterns(self) -> list[Pattern]:
        """Sources that need no data."""
        return [n for n in self.nodes.values() if isinstance(n, Pattern)]

    @property
    def populations(self) -> list[Population]:
        """Neurons, in topological order."""
        return [n for n in self.nodes.values() if isinstance(n, Population)]

    @property
    def products(self) -> list[Product]:
        """Products, in topological order."""
        return [n for n in self.nodes.values() if isinstance(n, Product)]

    @property
    def host_ops(self) -> list[HostOp]:
        """Host operators, in topological order."""
        return [n for n in self.nodes.values() if isinstance(n, HostOp)]

    @property
    def outputs(self) -> list[Output]:
        """Where results are read."""
        return [n for n in self.nodes.values() if isinstance(n, Output)]

    @property
    def sources(self) -> list[Input | HostOp]:
        """Nodes that every engine is fed with: inputs on a grid and what the host hands over."""
        return [
            n
            for n in self.nodes.values()
            if (isinstance(n, HostOp) and n.result != "real") or (isinstance(n, Input) and n.grid)
        ]

    def is_event(self, p: Projection) -> bool:
        """Does a projection carry events (and not a reading or what the host computes)?"""
        return not isinstance(self.nodes[p.target], Output | HostOp)

    def emits(self, name: str) -> Emission:
        """`count`: coded by the event code; `value`: one graded event a frame in every code.

        A maximum emits what its source emits.
        """
        node = self.nodes[name]
        if isinstance(node, Population):
            if node.model.combine == "max":
                return self.emits(self.incoming(name)[0].source)
            return node.model.emits
        if isinstance(node, Input | HostOp | Product):
            return node.emits
        raise GraphError("an output emits nothing", where=name)

    def replace(
        self,
        *,
        nodes: Iterable[Node] | None = None,
        projections: Iterable[Projection] | None = None,
        form: Form | None = None,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """A new graph with some parts replaced; the rest is shared."""
        return type(self)(
            self.nodes.values() if nodes is None else nodes,
            self.projections.values() if projections is None else projections,
            form=form or self.form,
            name=name or self.name,
            metadata=self.metadata if metadata is None else metadata,
        )

    def validate(self) -> Self:
        """Raise `GraphError` unless the graph is well-formed; returns itself."""
        from snnc.ir.validate import validate_graph

        validate_graph(self)
        return self

    def content_hash(self) -> str:
        """sha256 over structure and arrays: equal content, equal hash."""
        from snnc.ir.serial import content_hash

        return content_hash(self)

    def __repr__(self) -> str:
        return (
            f"<Graph {self.name!r}, {self.form} form: {len(self.nodes)} nodes, "
            f"{len(self.projections)} projections>"
        )


def structurally_equal(a: Graph, b: Graph) -> bool:
    """Do two graphs have the same nodes, projections and arrays, whatever their identity?"""
    return a.content_hash() == b.content_hash()


def _by_name(items: Iterable[_Named], what: str) -> dict[str, _Named]:
    named: dict[str, _Named] = {}
    for item in items:
        if item.name in named:
            raise GraphError(f"two {what}s have this name", where=item.name)
        named[item.name] = item
    return named
