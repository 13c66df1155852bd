"""From an event graph to the flat tables that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snnc.backends.event.connections import LOWERED, lower_listed, takes_whole
from snnc.backends.event.costs import SHIPPED, Costs
from snnc.backends.event.gather import GATHER_LANES
from snnc.backends.event.layout import Layout, input_layout, output_layout
from snnc.backends.event.neurons import lower_model
from snnc.backends.event.pools import ListTable, Pool
from snnc.backends.event.tables import (
    ANY,
    GATHER,
    LANES,
    NODE,
    PLANE,
    PRODUCT,
    PROJECTION,
    SCATTER,
    SOURCE,
    Program,
)
from snnc.backends.event.values import pass_whole
from snnc.ir.arrays import Array, IntArray, size_of
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, Node, Population, Product
from snnc.ir.ranges import NodeRange
from snnc.ir.schedule import Schedule

Method = Literal["any", "scatter", "gather", "plane"]
"""How events are delivered: the cheaper way at each delivery, or always one way."""
METHODS = {"any": ANY, "scatter": SCATTER, "gather": GATHER, "plane": PLANE}

INT16_MAX = 2**15 - 1
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Compiled:
    """A graph as tables.

    Attributes:
        names: emitting nodes in topological order; a node's index is its row in the tables.
        projections: event projections by row; products' counters follow in `counter_names`.
        counter_names: of each row of counters.
        dense_macs: multiply-accumulates of the non-spiking network in a frame, of each row.
        foreign: rows of nodes whose neuron model has no compiled kernel.
        layouts: of each node.
        n_state: membranes that live across frames.
        n_before: counts that are kept because events are changes.
        n_held: likewise, inputs of maxima.
        n_scratch: working memory of the kernels.
        n_runs: likewise, runs of events that one output pixel takes.
        n_spread: likewise, neurons of a list that is spread out.
        n_plane: likewise, sums of a plane.
        n_values: neurons whose values are passed on whole.
    """

    graph: Graph
    schedule: Schedule
    program: Program
    names: tuple[str, ...]
    projections: tuple[Projection, ...]
    counter_names: tuple[str, ...]
    dense_macs: tuple[int, ...]
    foreign: tuple[int, ...]
    layouts: tuple[Layout, ...]
    n_state: int
    n_before: int
    n_held: int
    n_scratch: int
    n_runs: int
    n_spread: int
    n_plane: int
    n_values: int


class Compiler:
    """Builds the tables of one graph.

    Args:
        ranges: bounds of every node, which decide between 32 and 64 bits.
        method: one of `METHODS`.
        costs: by which the cheaper way is chosen.
    """

    def __init__(
        self,
        graph: Graph,
        settings: RunSettings,
        schedule: Schedule,
        ranges: Mapping[str, NodeRange],
        method: Method = "any",
        costs: Costs = SHIPPED,
    ) -> None:
        self.costs = costs
        self.method = method
        self.graph = graph
        self.settings = settings
        self.changes = settings.sends_changes
        self.schedule = schedule
        self.ranges = ranges
        emitting = [n for n in graph.nodes.values() if n.name in schedule.start]
        self.names = tuple(n.name for n in emitting)
        self.row = {name: i for i, name in enumerate(self.names)}
        self.projections = [
            p for name in self.names for p in graph.incoming(name) if graph.is_event(p)
        ]
        self.first = {p.target: at for at, p in reversed(list(enumerate(self.projections)))}
        self.layouts = {name: choose_layout(graph, name) for name in self.names}
        self.nodes = np.zeros(len(self.names), dtype=NODE)
        self.synapses = np.zeros(len(self.projections), dtype=PROJECTION)
        self.pools = _make_pools()
        self.lists = ListTable()
        self.foreign: list[int] = []
        self.products: list[str] = []
        self.dense_macs: list[int] = []
        self.route_size = 0

    def build(self) -> Compiled:
        """All tables."""
        for name in self.names:
            self._add_node(self.graph.nodes[name])
        for at, projection in enumerate(self.projections):
            self._add_projection(at, projection)
        # changes are few, and a list of them is short
        n_values = 0 if self.changes else pass_whole(self.nodes, self.synapses)
        self.dense_macs += [self._product(name).pairs() for name in self.products]
        return Compiled(
            graph=self.graph,
            schedule=self.schedule,
            program=self._program(),
            names=self.names,
            projections=tuple(self.projections),
            counter_names=(*(p.name for p in self.projections), *self.products),
            dense_macs=tuple(self.dense_macs),
            foreign=tuple(self.foreign),
            layouts=tuple(self.layouts.values()),
            n_state=self.pools["state"].size,
            n_before=self.pools["before"].size,
            n_held=self.pools["held"].size,
            n_scratch=self._scratch(),
            n_runs=int(self.synapses["runs"].max(initial=1)),
            n_spread=int(self.synapses["spread"].max(initial=1)),
            n_plane=int(self.synapses["plane_length"].max(initial=1)),
            n_values=n_values,
        )

    def is_wide(self, node: Node) -> bool:
        """Does a node's membrane need 64 bits, or one of its weights more than 16?"""
        if isinstance(node, Population) and node.model.combine == "max":
            return True
        r = self.ranges[node.name]
        bounds = (r.membrane_lo, r.membrane_hi, int(r.i_lo.min()), int(r.i_hi.max()))
        weights = [
            int(np.abs(p.map.weight).max(initial=0)) << p.exponent
            for p in self.graph.incoming(node.name)
        ]
        return max(map(abs, bounds)) >= INT32_MAX or max(weights, default=0) > INT16_MAX

    def _add_node(self, node: Node) -> None:
        row = self.nodes[self.row[node.name]]
        row["number"] = self.row[node.name]
        layout = self.layouts[node.name]
        incoming = [p for p in self.graph.incoming(node.name) if self.graph.is_event(p)]
        row["size"], row["pixels"], row["channels"] = node.size, layout.pixels, layout.channels
        row["order"] = -1 if layout.is_c_order else self.pools["order"].add(layout.order())
        row["counted"] = self.graph.emits(node.name) == "count"
        row["list"] = self.lists.add(node.size, layout.pixels)
        row["first"] = self.first.get(node.name, 0)
        row["last"] = row["first"] + len(incoming)
        row["start"] = self.schedule.start[node.name]
        row["seen"] = row["values"] = -1
        row["listed"] = 1
        row["before"] = self.pools["before"].reserve(node.size if self.changes else 0)
        if isinstance(node, Input | HostOp):
            row["kind"] = SOURCE
        elif isinstance(node, Population):
            self._add_population(row, node, layout)
        elif isinstance(node, Product):
            self._add_product(row, node)
        else:
            raise NotExecutable(
                f"the event engine does not know {node.kind} nodes", where=node.name
            )

    def _add_population(self, row: Any, node: Population, layout: Layout) -> None:
        row["wide"] = self.is_wide(node)
        row["acc_size"] = node.size
        row["acc"] = self._bias(row).add(node.bias_map().reshape(-1)[layout.order()])
        if node.model.combine == "max":
            row["seen"] = self.pools["inputs"].add(self._n_inputs(node)[layout.order()])
        if not lower_model(node, row, self.pools, layout):
            self.foreign.append(self.row[node.name])

    def _add_product(self, row: Any, node: Product) -> None:
        a_size, b_size = size_of(node.a_shape), size_of(node.b_shape)
        row["kind"] = PRODUCT
        row["wide"] = self.is_wide(node)
        row["acc_size"] = a_size + b_size
        row["acc"] = self._bias(row).reserve(a_size + b_size)
        row["other"] = row["acc"] + a_size
        if node.op == "multiply":
            row["batch"], row["m"], row["k"], row["n"] = node.size, 1, 1, 1
        else:
            m, k, n = *node.a_shape[-2:], node.b_shape[-1]
            row["batch"], row["m"], row["k"], row["n"] = size_of(node.a_shape[:-2]), m, k, n
        row["counter"] = len(self.projections) + len(self.products)
        self.products.append(node.name)

    def _product(self, name: str) -> Product:
        node = self.graph.nodes[name]
        assert isinstance(node, Product)
        return node

    def _bias(self, row: Any) -> Pool:
        return self.pools["bias64" if row["wide"] else "bias32"]

    def _n_inputs(self, node: Population) -> IntArray:
        """Existing inputs of each neuron of a maximum, C order."""
        p = self.graph.incoming(node.name)[0]
        exists = np.ones(p.map.in_size, dtype=np.int64)
        if p.gather is not None:
            exists = (p.gather >= 0).astype(np.int64)
        return p.map.apply(exists.reshape(1, *p.map.in_shape)).reshape(-1)

    def _add_projection(self, at: int, p: Projection) -> None:
        row = self.synapses[at]
        source, target = self.row[p.source], self.row[p.target]
        row["source"], row["target"] = source, target
        row["maximum"] = self.nodes[target]["seen"] >= 0
        row["acc"] = self.nodes[target]["other" if p.port == "b" else "acc"]
        row["wide"] = self.nodes[target]["wide"]
        row["gap"] = 1 + self.schedule.delay[p.name]
        row["route"], row["list"] = -1, self.nodes[source]["list"]
        lay_in = self.layouts[p.source]
        if p.frames:
            self._add_past(row, p, self.nodes[source])
        wanted = self._routed_layout(p, lay_in)
        if wanted is not None:
            lay_in = self._add_route(row, p, wanted)
        by_position = wanted is not None
        row["held"] = row["gather"] = row["plane"] = row["values"] = -1
        if self.changes and row["maximum"]:
            size, pixels = self.lists.room(row["list"])
            row["held"], row["kept"] = (
                self.pools["held"].reserve(size),
                self.lists.add(size, pixels),
            )
        self._add_fan_out(row, p, lay_in, by_position)
        target_layout = self._port_layout(p)
        lower = LOWERED.get(type(p.map), lower_listed) if self._fits(p) else lower_listed
        lower(row, p, self.pools, _Ends(lay_in, target_layout, self.costs, by_position))

    def _add_past(self, row: Any, p: Projection, source: Any) -> None:
        """Lists for the frames on their way, and one that is delivered."""
        source["delayed"], row["frames"] = 1, p.frames
        lists = [self.lists.add(source["size"], source["pixels"]) for _ in range(p.frames + 2)]
        row["past"], row["list"] = lists[0], lists[-1]

    def _fits(self, p: Projection) -> bool:
        """Does the kernel of this map write in the order in which the target lies?"""
        written = output_layout(p.map)
        return written is None or written.same_order(self._port_layout(p))

    def _port_layout(self, p: Projection) -> Layout:
        node = self.graph.nodes[p.target]
        if isinstance(node, Product):
            return Layout(1, size_of(node.port_shape(p.port)))
        return self.layouts[p.target]

    def _routed_layout(self, p: Projection, source: Layout) -> Layout | None:
        """The order into which events are brought first; None: they can stay as they lie."""
        if not self._fits(p):
            return None
        wanted = input_layout(p.map)
        if wanted is None:
            return (
                None
                if takes_whole(p, source.pixels * source.channels)
                else Layout(1, p.map.in_size)
            )
        if p.gather is None and wanted.same_order(source):
            same = (wanted.pixels, wanted.channels) == (source.pixels, source.channels)
            return None if same else wanted
        return wanted

    def _add_route(self, row: Any, p: Projection, wanted: Layout) -> Layout:
        source = self.graph.nodes[p.source]
        position = p.position(source.size)[self.layouts[p.source].order()]
        routed = np.where(position >= 0, wanted.position()[position], -1)
        row["route"] = self.pools["targets"].add(routed)
        row["route_size"], row["route_pixels"] = p.map.in_size, wanted.pixels
        row["list"] = self.lists.add(p.map.in_size, wanted.pixels)
        self.route_size = max(self.route_size, p.map.in_size)
        return wanted

    def _add_fan_out(self, row: Any, p: Projection, lay_in: Layout, by_position: bool) -> None:
        if by_position:
            fan, effective = p.map.fan_out().reshape(-1), p.map.effective_fan_out()
            if p.gather is not None:
                fan = np.where(p.gather >= 0, fan, 0)
        else:
            size = self.graph.nodes[p.source].size
            fan, effective = p.fan_out(size), p.effective_fan_out(size)
            fan = np.where(p.position(size) >= 0, fan, -1)
        # a maximum multiplies nothing
        self.dense_macs.append(0 if row["maximum"] else int(np.maximum(fan, 0).sum()))
        same = bool((fan == fan.flat[0]).all() and (effective == effective.flat[0]).all())
        row["same_fan"] = fan.flat[0] if same else -1
        row["same_effective"] = effective.flat[0]
        order = lay_in.order()
        row["fan_out"] = self.pools["fan_out"].add(fan.reshape(-1)[order])
        self.pools["effective"].add(effective.reshape(-1)[order])

    def _scratch(self) -> int:
        widest = max((int(n["n"]) for n in self.nodes if n["kind"] == PRODUCT), default=0)
        changed = max(int(n["size"]) for n in self.nodes) if self.changes else 0
        return max(self.route_size, widest, changed, LANES)

    def _program(self) -> Program:
        for name in ("bias32", "bias64"):
            # gathering adds 0 to what lies behind a pixel; latches read whole blocks
            self.pools[name].reserve(max(GATHER_LANES, LANES))
        arrays: dict[str, Array] = {
            name: pool.array() for name, pool in self.pools.items() if name in Program._fields
        }
        return Program(
            nodes=self.nodes,
            projections=self.synapses,
            rooms=self.lists.array(),
            unit_spikes=int(self.settings.unit_spikes),
            method=METHODS[self.method],
            rehearsed=0,
            changes=int(self.changes),
            rest32=arrays["bias32"],
            rest64=arrays["bias64"],
            **arrays,
        )


@dataclass(frozen=True)
class _Ends:
    """Layouts at both ends of a projection.

    Attributes:
        by_position: `source` orders the map's input positions, not the source's neurons.
    """

    source: Layout
    target: Layout
    costs: Costs
    by_position: bool


def choose_layout(graph: Graph, name: str) -> Layout:
    """How a node's neurons lie: as the heaviest kernel into it writes, else as one reads."""
    node = graph.nodes[name]
    flat = Layout(1, node.size)
    if isinstance(node, Product):
        return flat
    incoming = sorted(graph.incoming(name), key=lambda p: -p.map.weight.size)
    written = [output_layout(p.map) for p in incoming]
    read = [input_layout(p.map) for p in graph.outgoing(name) if p.gather is None]
    wanted = [layout for layout in (*written, *read) if layout is not None]
    return wanted[0] if wanted else flat


def _make_pools() -> dict[str, Pool]:
    dtypes: dict[str, Any] = {
        "order": np.int32,
        "geometry": np.int64,
        "targets": np.int32,
        "indptr": np.int64,
        "fan_out": np.int32,
        "effective": np.int32,
        "weights8": np.int8,
        "weights16": np.int16,
        "weights64": np.int64,
        "bias32": np.int32,
        "bias64": np.int64,
        "theta32": np.int32,
        "theta64": np.int64,
        "inputs": np.int32,
        "state": np.bool_,
        "before": np.bool_,
        "held": np.bool_,
    }
    return {name: Pool(dtype) for name, dtype in dtypes.items()}
