"""From a plan to the integer graph: weights, biases and staircases, sources before targets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snnc.converter.integer.facts import MembraneRounding, WeightRounding
from snnc.converter.integer.plan import Options, Plan
from snnc.converter.integer.rows import quantise_rows, scale_rows
from snnc.converter.integer.sites import first_target, row_targets, target_site
from snnc.converter.integer.staircase import Reach, directions, make_staircase
from snnc.ir.arrays import Array, BoolArray, FloatArray, IntArray, along
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import LinearMap, Sparse
from snnc.ir.neurons import FloatFire, IntegerSite, NeuronModel
from snnc.ir.nodes import HostOp, Node, Population, Product
from snnc.ir.ranges import Arriving, NodeRange, arriving_range, node_range, population_range

_EXACT = 2.0**-19


@dataclass(frozen=True, eq=False)
class Assembly:
    """An integer graph, or why the plan has to change before there can be one.

    Attributes:
        graph: the integer graph.
        ranges: worst-case bounds of every node.
        membrane_steps: by population: signed real value of integer 1 of its membrane, (C,).
        weights, membranes: rounding facts.
        turn: populations that need a -1 identity: sign of each channel of what goes before it.
        narrow: sites that must do without magnitude 2^(bits-1).
    """

    graph: Graph
    ranges: dict[str, NodeRange]
    membrane_steps: dict[str, FloatArray]
    weights: list[WeightRounding]
    membranes: list[MembraneRounding]
    turn: dict[str, IntArray]
    narrow: frozenset[str]


def assemble(graph: Graph, plan: Plan, options: Options, settings: RunSettings) -> Assembly:
    """The integer form of a float graph by a plan."""
    assembler = _Assembler(graph, plan, options, settings)
    for node in graph.nodes.values():
        assembler.add(node)
    return assembler.finish()


@dataclass
class _Assembler:
    """What has been assembled so far."""

    graph: Graph
    plan: Plan
    options: Options
    settings: RunSettings
    nodes: list[Node] = field(default_factory=list)
    projections: dict[str, Projection] = field(default_factory=dict)
    known: dict[str, NodeRange] = field(default_factory=dict)
    steps: dict[str, FloatArray] = field(default_factory=dict)
    weights: list[WeightRounding] = field(default_factory=list)
    membranes: list[MembraneRounding] = field(default_factory=list)
    turn: dict[str, IntArray] = field(default_factory=dict)
    narrow: set[str] = field(default_factory=set)

    def add(self, node: Node) -> None:
        """Add a node and its incoming projections; its sources are there already."""
        if isinstance(node, Population):
            self._add_population(node)
        elif isinstance(node, Product):
            self._add_product(node)
        else:
            for p in self.graph.incoming(node.name):
                self._keep(replace(p, map=_unit(p), magnitude=None))
            self._add_end(node)

    def finish(self) -> Assembly:
        """What came out."""
        graph = self.graph.replace(
            nodes=self.nodes,
            projections=[self.projections[name] for name in self.graph.projections],
            form="integer",
        )
        return Assembly(
            graph,
            self.known,
            self.steps,
            self.weights,
            self.membranes,
            self.turn,
            frozenset(self.narrow),
        )

    def _add_end(self, node: Node) -> None:
        is_source = node in self.graph.sources
        if isinstance(node, HostOp) and node.name in self.plan.step:
            node = _host_values(node, self.plan.step[node.name])
        self.nodes.append(node)
        if is_source:
            self.known[node.name] = self._range(self.graph, node)

    def _add_product(self, node: Product) -> None:
        for p in self.graph.incoming(node.name):
            site = f"{node.name}#{p.port}"
            quantised = self._quantise(p, np.ones(1, dtype=np.int64))
            if _reaches(quantised, self.options.bits):
                self.narrow.add(site)
            self._keep(quantised)
        self.nodes.append(replace(node, step=self.plan.source_step(node.name)))
        view = self.graph.replace(projections=[*self._with(node.name)])
        self.known[node.name] = self._range(view, node)

    def _range(self, graph: Graph, node: Node) -> NodeRange:
        return node_range(graph, node, self.known, self.settings, self.n_frames)

    @property
    def n_frames(self) -> int:
        """Frames of a sample: state is bounded for that many."""
        return int(self.graph.metadata.get("n_frames", 1))

    def _with(self, name: str) -> list[Projection]:
        """The float graph's projections, those into one node as integers."""
        return [
            self.projections[p.name] if p.target == name else p
            for p in self.graph.projections.values()
        ]

    def _add_population(self, node: Population) -> None:
        if node.model.combine == "max":
            (p,) = self.graph.incoming(node.name)
            self._keep(replace(p, map=_unit(p), magnitude=None))
            built = _integer(node, node.model, np.zeros((), dtype=np.int64))
            built = replace(built, step=_collapsed(self.plan.channel_step(node)))
            self._finish_population(built, self._arriving(node, [self.projections[p.name]]))
            return
        if node.name in self.options.two_operands:
            self._add_two_operands(node)
            return
        step = self.plan.step[node.name]
        sign = np.ones(node.n_channels, dtype=np.int64)
        incoming = [self._quantise(p, sign) for p in self.graph.incoming(node.name)]
        bias = _integer_bias(node, step)
        into = self._arriving(node, incoming)
        if isinstance(node.model, FloatFire):
            sign = directions(node.model, _reach(node, into, bias, step))
            if (sign < 0).any():
                incoming = [_turned(self.graph, p, sign) for p in incoming]
                bias, into = _turned_bias(node, bias, sign), _turned_bounds(into, sign)
        self._note_extremes(node, incoming, sign)
        model = self._integer_model(node, into, bias, step * sign)
        for p in incoming:
            self._keep(p)
        self.steps[node.name] = step * sign
        built = _integer(node, model, bias)
        if node.model.emits == "value":
            built = replace(built, step=_collapsed(self.plan.channel_step(node)))
        self._finish_population(built, into)
        self._note_membrane(node, built, step * sign)

    def _add_two_operands(self, node: Population) -> None:
        """A sum whose operands stay apart: nothing is rounded."""
        kept = self.options.two_operands[node.name]
        for p in kept.projections:
            self._keep(p)
        built = _integer(node, kept.model, np.zeros((), dtype=np.int64))
        self._finish_population(built, self._arriving(node, list(kept.projections)))

    def _integer_model(
        self, node: Population, into: Arriving, bias: IntArray, step: FloatArray
    ) -> NeuronModel:
        reach = _reach(node, into, bias, step)
        if isinstance(node.model, FloatFire):
            return make_staircase(node.model, reach, where=node.module_path or node.name)
        site = IntegerSite(
            step=step,
            i_lo=reach.lo,
            i_hi=reach.hi,
            shape=node.shape,
            axis=node.channel_axis,
            n_frames=self.n_frames,
            limits=self.options.limits,
        )
        return node.model.integer_form(site)

    def _finish_population(self, node: Population, into: Arriving) -> None:
        self.nodes.append(node)
        self.known[node.name] = population_range(node, into, self.n_frames)

    def _arriving(self, node: Population, incoming: list[Projection]) -> Arriving:
        return arriving_range(self.graph, incoming, self.known, self.settings, node.n_channels)

    def _quantise(self, p: Projection, sign: IntArray) -> Projection:
        """A projection with integer weights; notes what rounding cost."""
        wire, exponent = self.plan.wires[p.name], self.plan.exponent[p.name]
        site = target_site(self.graph, p)
        assert site is not None
        p = wire.projection
        channel = first_target(*row_targets(self.graph, p), p.map.n_channels)
        unit = self.plan.step[site][channel] * 2.0**exponent
        integers, largest, squares = quantise_rows(wire.rows, unit, sign[channel])
        self._note_weights(p, wire.rows.chunks(), largest, squares, exponent)
        weight = wire.rows.to_weight(integers)
        return replace(p, map=p.map.with_weight(weight), exponent=exponent, magnitude=None)

    def _note_extremes(self, node: Population, incoming: list[Projection], sign: IntArray) -> None:
        """Channels that hold +2^(bits-1) have to be turned; with both signs they cannot be."""
        most = 2 ** (self.options.bits - 1)
        high = np.zeros(node.n_channels, dtype=bool)
        low = np.zeros(node.n_channels, dtype=bool)
        for p in incoming:
            rows, channels = row_targets(self.graph, p)
            for held, value in ((high, most), (low, -most)):
                held[channels[_rows_with(p.map, value)[rows]]] = True
        if (high & low).any():
            self.narrow.add(node.name)
        elif high.any():
            # what goes before the identity holds what is stored now, but for the turned channels
            self.turn[node.name] = np.where(high, -sign, sign)

    def _note_weights(
        self, p: Projection, chunks: Any, largest: FloatArray, squares: FloatArray, exponent: int
    ) -> None:
        top, total = np.zeros(len(largest)), 0.0
        for part, weights in chunks:
            top[part] = np.abs(weights).max(axis=1, initial=0.0)
            total += float((weights * weights).sum())
        relative = largest / np.where(top > 0, top, 1.0)
        self.weights.append(
            WeightRounding(
                projection=p.name,
                target=p.target,
                module_path=self.graph.nodes[p.target].module_path,
                n_weights=p.map.weight.size,
                rms_error=float(np.sqrt(squares.sum() / total)) if total else 0.0,
                max_error=float(relative.max(initial=0.0)),
                exact_share=float((relative <= _EXACT).mean()) if len(relative) else 1.0,
                exponent=exponent,
            )
        )

    def _note_membrane(self, node: Population, built: Population, step: FloatArray) -> None:
        spread = along(step, len(node.shape), node.channel_axis)
        bias_error = np.abs(node.bias_map() / spread - built.bias_map()).max()
        self.membranes.append(
            MembraneRounding(
                population=node.name,
                module_path=node.module_path,
                bias_error=float(bias_error),
                threshold_error=_threshold_error(node, built, step),
                leak_error=_leak_error(node.model, built.model),
                coarser=self.plan.coarser[node.name],
            )
        )

    def _keep(self, p: Projection) -> None:
        self.projections[p.name] = p


def _integer(node: Population, model: NeuronModel, bias: IntArray) -> Population:
    return replace(node, model=model, bias=bias, offset_magnitude=None, stage_fan_in=0)


def _threshold_error(node: Population, built: Population, step: FloatArray) -> float:
    """Largest relative error of what resets subtract."""
    wanted, got = node.model.reset_thresholds(), built.model.reset_thresholds()
    if wanted is None or got is None:
        return 0.0
    ndim, axis = len(node.shape), node.channel_axis
    real = along(got, ndim, axis) * along(step, ndim, axis)
    return float(np.abs(real / along(wanted, ndim, axis) - 1).max())


def _leak_error(model: NeuronModel, built: NeuronModel) -> float:
    """Largest error of a leak, as a share of what it takes."""
    errors = [
        float((np.abs(got - wanted) / np.where(wanted < 1, 1 - wanted, 1)).max())
        for wanted, got in zip(model.kept_shares(), built.kept_shares(), strict=True)
    ]
    return max(errors, default=0.0)


def _reach(node: Population, into: Arriving, bias: IntArray, step: FloatArray) -> Reach:
    bounds = population_range(_integer(node, node.model, bias), into)
    return Reach(step, bounds.i_lo, bounds.i_hi)


def _turned(graph: Graph, p: Projection, sign: IntArray) -> Projection:
    """A projection with the rows of some channels of its target negated."""
    channel = first_target(*row_targets(graph, p), p.map.n_channels)
    return replace(p, map=scale_rows(p.map, sign[channel]))


def _turned_bounds(into: Arriving, sign: IntArray) -> Arriving:
    """Bounds of what arrives at channels that are turned."""
    pairs = ("lo", "hi"), ("partial_lo", "partial_hi"), ("tick_lo", "tick_hi")
    turned: dict[str, IntArray] = {}
    for low, high in pairs:
        lo, hi = getattr(into, low), getattr(into, high)
        turned[low], turned[high] = np.where(sign < 0, -hi, lo), np.where(sign < 0, -lo, hi)
    return Arriving(**turned)


def _rows_with(map_: LinearMap, value: int) -> BoolArray:
    """Rows that hold a weight."""
    if isinstance(map_, Sparse):
        found = np.zeros(map_.n_channels, dtype=bool)
        found[map_.weight_channels()[map_.weight == value]] = True
        return found
    return np.broadcast_to((map_.rows() == value).any(axis=1), (map_.n_channels,))


def _unit(p: Projection) -> Any:
    """A map that only says what is read or compared: weights stay 1."""
    return p.map.with_weight(np.asarray(p.map.weight).astype(np.int64))


def _reaches(p: Projection, bits: int) -> bool:
    return bool((p.map.weight == 2 ** (bits - 1)).any())


def _host_values(node: HostOp, step: FloatArray) -> HostOp:
    """A host operator whose values are rounded to the receiver's step."""
    lo, hi = node.lo * node.step, node.hi * node.step
    return replace(
        node,
        step=_collapsed(step),
        lo=int(np.floor(np.min(lo / step))),
        hi=int(np.ceil(np.max(hi / step))),
    )


def _integer_bias(node: Population, step: FloatArray) -> IntArray:
    if node.bias.shape == node.shape and len(node.shape) > 1:
        real = node.bias / along(step, len(node.shape), node.channel_axis)
    else:
        real = np.broadcast_to(node.bias, step.shape) / step
    return _collapsed(np.rint(real).astype(np.int64))


def _turned_bias(node: Population, bias: IntArray, sign: IntArray) -> IntArray:
    if bias.shape == node.shape:
        return _collapsed(bias * along(sign, len(node.shape), node.channel_axis))
    return _collapsed(bias * sign)


def _collapsed(values: Array) -> Array:
    """One value where all are equal."""
    return values.reshape(-1)[0].reshape(()) if (values == values.flat[0]).all() else values
