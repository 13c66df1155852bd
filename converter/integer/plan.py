"""The plan of an integer form: a step for every channel, an exponent for every projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snnc.converter.integer.grid import Grids, detect_grids
from snnc.converter.integer.operands import TwoOperands
from snnc.converter.integer.rows import Rows, effective_rows
from snnc.converter.integer.sites import (
    first_target,
    is_channelwise,
    neuron_channels,
    row_targets,
    target_site,
)
from snnc.converter.integer.solve import ANY_EXPONENT, Constants, Items, Solution, solve
from snnc.converter.integer.streams import Streams
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.errors import GraphError, UnsupportedOperator
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import SIM, Limits
from snnc.ir.nodes import HostOp, Input, Population, Product

_VALUE_BITS = 16
"""Real values of the host keep at least this many bits, where the target has room."""
_FINE_BITS = 24
"""Where membranes have room to spare: as exact as the host's own float32."""
_ROOMY = 48
_UNBOUNDED = 2.0**24
"""A limit as wide as this says nothing about how fine a value is."""
_MOST_CONSTANTS = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the integer form is made with.

    Attributes:
        bits: two's complement width of weights.
        limits: of the target.
        max_exponent: largest power of two on weights.
        narrow: sites where no channel may use magnitude 2^(bits-1).
        coarser: by site: log2 of how much coarser than planned each channel's step is.
        two_operands: populations that keep their two operands apart.
    """

    bits: int
    limits: Limits = SIM
    max_exponent: int = ANY_EXPONENT
    narrow: frozenset[str] = frozenset()
    coarser: Mapping[str, IntArray] = field(default_factory=dict)
    two_operands: Mapping[str, TwoOperands] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Wire:
    """A projection into a site with its effective weights."""

    projection: Projection
    rows: Rows


class Plan:
    """Steps and exponents of a float graph.

    Attributes:
        step: by site: real value of integer 1 for each channel, positive.
        exponent: by projection.
        coarser: by site: log2 of how much coarser than found its coarsest channel's step is.
        wires: by projection: projections into sites with their effective weights.
    """

    def __init__(self, graph: Graph, options: Options) -> None:
        self._graph, self._options = graph, options
        self._streams = Streams(graph)
        self.step: dict[str, FloatArray] = {}
        self.exponent: dict[str, int] = {}
        self.coarser: dict[str, int] = {}
        self.wires: dict[str, Wire] = {}
        self._into: dict[str, list[tuple[int, Projection]]] = {}
        for number, p in enumerate(graph.projections.values()):
            if site := target_site(graph, p):
                self._into.setdefault(site, []).append((number, p))
        for group in self._streams.order:
            self._solve_group(group)

    def source_step(self, name: str) -> FloatArray:
        """Step of what a node emits, by neuron: shape () or (size,)."""
        node = self._graph.nodes[name]
        if isinstance(node, Input):
            return np.array(node.step)
        if isinstance(node, Product):
            return np.array(self.step[f"{name}#a"][0] * self.step[f"{name}#b"][0])
        if isinstance(node, HostOp | Population):
            step = self.channel_step(node)
            if (step == step.flat[0]).all():
                return np.array(step.flat[0])
            return step[neuron_channels(node.shape, node.channel_axis)]
        raise GraphError("emits nothing", where=name)

    def channel_step(self, node: HostOp | Population) -> FloatArray:
        """Step of what a node emits, by channel: shape () or (C,)."""
        if node.name in self.step and (isinstance(node, HostOp) or _passes_on(node)):
            step = self.step[node.name]
            return step * 2.0**-node.model.emission_bits if isinstance(node, Population) else step
        if isinstance(node, Population) and node.model.combine == "max":
            return self._max_step(node)
        return node.step

    def _max_step(self, node: Population) -> FloatArray:
        """A maximum has the step of what it compares; only one per channel makes sense."""
        (p,) = self._graph.incoming(node.name)
        source = self.source_step(p.source)
        if source.ndim == 0:
            return source
        at_input = p.arrange(source[None])[0]
        rows = neuron_channels(p.map.in_shape, p.map.channel_axis)
        low = np.full(p.map.n_channels, np.inf)
        np.minimum.at(low, rows[at_input > 0], at_input[at_input > 0])
        if ((at_input > 0) & (at_input != low[rows])).any() or p.map.n_channels != node.n_channels:
            raise UnsupportedOperator(
                "a maximum compares integers with different steps",
                where=node.module_path or node.name,
                hint="use one scale for all channels that the maximum is taken over",
            )
        return np.where(np.isfinite(low), low, 1.0)

    def _solve_group(self, group: list[str]) -> None:
        reaching = self._reaching(group)
        wires = [
            Wire(*effective_rows(p, self.source_step(p.source)))
            for p in reaching
            if p.name not in self._streams.tied
        ]
        by_site = {site: self._site_roots(site) for site in group}
        roots = np.unique(np.concatenate([root for root, _ in by_site.values()]))
        local = {site: (np.searchsorted(roots, root), r) for site, (root, r) in by_site.items()}
        items = self._items(wires, local)
        constants = self._constants(group, local)
        options = self._options
        solution = solve(
            items, constants, len(roots), len(wires), options.bits, options.max_exponent
        )
        step = self._widened(solution, items, group, local)
        step = self._fill(step, group, local, constants)
        coarser = self._coarsening(group, local, len(roots))
        finer = 0 if coarser.any() else self._refinement(step, group, local)
        step = step * np.exp2(-float(finer))
        step = step * np.exp2(coarser.astype(np.float64))
        for site, (root, ratio) in local.items():
            self.step[site] = step[root] * ratio
            self.coarser[site] = int(coarser[root].max())
        # a coarser step first takes the place of a power of two
        most = np.iinfo(np.int64).max
        spared = np.full(len(wires), most)
        np.minimum.at(spared, items.projection, coarser[items.root])
        exponents = np.maximum(solution.exponent - np.where(spared == most, 0, spared), 0) + finer
        for wire, exponent in zip(wires, exponents, strict=True):
            self._keep(wire, int(exponent))
        for p in reaching:
            if p.name in self._streams.tied:
                self._keep(Wire(*effective_rows(p, self.source_step(p.source))), 0)

    def _reaching(self, group: list[str]) -> list[Projection]:
        """Projections into some sites, in the graph's order."""
        numbered = [each for site in group for each in self._into.get(site, ())]
        return [p for _, p in sorted(numbered, key=lambda each: each[0])]

    def _widened(
        self,
        solution: Solution,
        items: Items,
        group: list[str],
        local: Mapping[str, tuple[IntArray, FloatArray]],
    ) -> FloatArray:
        """Steps of traces made finer by powers of two, as far as their weights leave room.

        A trace with few different weights would else lie on a grid far coarser than its
        neighbours', and layers behind it would spend their weights' bits on the difference.
        """
        fading = np.zeros(len(solution.step), dtype=bool)
        for site in group:
            node = self._graph.nodes.get(site)
            if isinstance(node, Population) and node.model.emission_bits:
                fading[local[site][0]] = True
        most = 2 ** (self._options.bits - 1) - 1
        power = np.exp2(solution.exponent[items.projection].astype(np.float64))
        room = np.full(len(solution.step), np.inf)
        largest = items.top / np.where(solution.step > 0, solution.step, 1.0)[items.root] / power
        np.minimum.at(room, items.root, most / np.maximum(largest, 0.5))
        room = np.where(fading & np.isfinite(room) & (room >= 1), room, 1.0)
        return np.asarray(solution.step / np.exp2(np.floor(np.log2(room))))

    def _keep(self, wire: Wire, exponent: int) -> None:
        self.wires[wire.projection.name] = wire
        self.exponent[wire.projection.name] = exponent

    def _site_roots(self, site: str) -> tuple[IntArray, FloatArray]:
        return self._streams.roots(self._streams.elements(site, np.arange(self._n_channels(site))))

    def _n_channels(self, site: str) -> int:
        node = self._graph.nodes.get(site)
        return node.shape[node.channel_axis] if isinstance(node, Population | HostOp) else 1

    def _items(self, wires: list[Wire], local: Mapping[str, tuple[IntArray, FloatArray]]) -> Items:
        """Rows that are not zero, in the units of their channels' roots."""
        columns: list[tuple[Array, ...]] = []
        for i, wire in enumerate(wires):
            p = wire.projection
            site = target_site(self._graph, p)
            assert site is not None
            channel = first_target(*row_targets(self._graph, p), p.map.n_channels)
            root, ratio = local[site][0][channel], local[site][1][channel]
            top, grids = _measure(wire.rows, self._options.bits, site in self._options.narrow)
            live = top > 0
            size = int(live.sum())
            columns.append(
                (
                    root[live],
                    np.full(size, i),
                    (top / ratio)[live],
                    (grids.step / ratio)[live],
                    grids.largest[live],
                    np.full(size, is_channelwise(p.map)),
                )
            )
        if not columns:
            none = np.zeros(0, dtype=np.int64)
            return Items(none, none, np.zeros(0), np.zeros(0), none, none > 0)
        root, number, top, grid, largest, channelwise = (
            np.concatenate(column) for column in zip(*columns, strict=True)
        )
        return Items(root, number, top, grid, largest, channelwise)

    def _constants(
        self, group: list[str], local: Mapping[str, tuple[IntArray, FloatArray]]
    ) -> Constants:
        """Biases and reset thresholds that are not zero."""
        roots, values, resets = [], [], []
        for site in group:
            node = self._graph.nodes.get(site)
            if not isinstance(node, Population):
                continue
            root, ratio = local[site]
            for constant, reset in _node_constants(node):
                channel, value = constant
                live = value != 0
                roots.append(root[channel[live]])
                values.append((np.abs(value) / ratio[channel])[live])
                resets.append(np.full(int(live.sum()), reset))
        if not roots:
            return Constants(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool))
        return Constants(np.concatenate(roots), np.concatenate(values), np.concatenate(resets))

    def _fill(
        self,
        step: FloatArray,
        group: list[str],
        local: Mapping[str, tuple[IntArray, FloatArray]],
        constants: Constants,
    ) -> FloatArray:
        """Steps of channels that no weight reaches: from host values, constants, neighbours."""
        step = step.copy()
        for site in group:
            node = self._graph.nodes.get(site)
            if isinstance(node, HostOp):
                root, ratio = local[site]
                bound = max(abs(node.lo), abs(node.hi)) * np.broadcast_to(node.step, root.shape)
                if not bound.all():
                    raise GraphError("values from the host have no bounds", where=node.name)
                wanted = np.zeros(len(step))
                np.maximum.at(wanted, root, self._value_step(bound) / ratio)
                step = np.where(step > 0, step, wanted)
        constant_only = np.zeros(len(step))
        np.maximum.at(constant_only, constants.root, constants.value)
        empty = step == 0
        for each in np.flatnonzero(empty & (constant_only > 0)):
            row = constants.value[constants.root == each][None]
            grid = detect_grids(row, _VALUE_BITS)
            finest = constant_only[each] / (2 ** (_VALUE_BITS - 1) - 1)
            step[each] = grid.step[0] if grid.found[0] else finest
        usual = float(np.median(step[step > 0])) if (step > 0).any() else 1.0
        return np.where(step > 0, step, usual)

    @property
    def _is_roomy(self) -> bool:
        """Can the target's membranes hold values of many bits?"""
        width = self._options.limits.membrane_bits
        return width is None or width >= _ROOMY

    def _value_step(self, bound: FloatArray) -> FloatArray:
        """Step of real values from the host that nothing else decides."""
        bits = _FINE_BITS if self._is_roomy else _VALUE_BITS
        if self._is_roomy:
            bound = np.where(bound >= _UNBOUNDED, 2.0**3, bound)
        return np.asarray(bound / (2 ** (bits - 1) - 1))

    def _refinement(
        self,
        step: FloatArray,
        group: list[str],
        local: Mapping[str, tuple[IntArray, FloatArray]],
    ) -> int:
        """log2 of how much finer a group's steps have to be for the host's values in it.

        Weights alone decide on steps as coarse as they are themselves: a residual stream of
        spikes would round a value of the host to whole spikes.
        """
        finer = 0
        if not self._is_roomy:
            return finer
        for site in group:
            node = self._graph.nodes.get(site)
            if not isinstance(node, HostOp):
                continue
            root, ratio = local[site]
            bound = max(abs(node.lo), abs(node.hi)) * np.broadcast_to(node.step, root.shape)
            coarse = step[root] * ratio
            if (coarse > bound / 2 ** (_VALUE_BITS - 1)).any():
                needed = np.log2(coarse / self._value_step(bound)).max()
                finer = max(finer, int(np.ceil(needed - 1e-9)))
        return finer

    def _coarsening(
        self, group: list[str], local: Mapping[str, tuple[IntArray, FloatArray]], n_roots: int
    ) -> IntArray:
        """log2 of how much coarser than found each root's step has to be."""
        log2 = np.zeros(n_roots, dtype=np.int64)
        for site in group:
            if site in self._options.coarser:
                np.maximum.at(log2, local[site][0], self._options.coarser[site])
        return log2


def _passes_on(node: Population) -> bool:
    """Does a population emit its membrane, so that its step is the membrane's?"""
    return node.model.emits == "value" or node.model.combine == "max"


def _measure(rows: Rows, bits: int, narrow: bool) -> tuple[FloatArray, Grids]:
    """Largest magnitude and grid of every row."""
    top, step = np.zeros(rows.n_rows), np.zeros(rows.n_rows)
    largest = np.zeros(rows.n_rows, dtype=np.int64)
    for part, weights in rows.chunks():
        top[part] = np.abs(weights).max(axis=1, initial=0.0)
        grids = detect_grids(weights, bits)
        step[part], largest[part] = grids.step, grids.largest
    if narrow:
        step[largest == 2 ** (bits - 1)] = 0.0
    return top, Grids(step, largest)


def _node_constants(
    node: Population,
) -> list[tuple[tuple[IntArray, FloatArray], bool]]:
    """(channel, value) pairs of a population: its bias, and its threshold if it resets by it."""
    found = [(_by_channel(node, node.bias), False)]
    thresholds = node.model.reset_thresholds()
    if thresholds is not None:
        found.append((_by_channel(node, thresholds), True))
    return found


def _by_channel(node: Population, values: FloatArray) -> tuple[IntArray, FloatArray]:
    if values.shape == node.shape and len(node.shape) > 1:
        channel = neuron_channels(node.shape, node.channel_axis)
        flat = values.reshape(-1)
        order = np.lexsort((flat, channel))
        channel, flat = channel[order], flat[order]
        new = np.ones(len(flat), dtype=bool)
        new[1:] = (np.diff(flat) != 0) | (np.diff(channel) != 0)
        # a map of that many different values is no sum of few parts: looking longer gains nothing
        return channel[new][:_MOST_CONSTANTS], flat[new][:_MOST_CONSTANTS]
    return np.arange(node.n_channels), np.broadcast_to(values, (node.n_channels,)).astype(float)
