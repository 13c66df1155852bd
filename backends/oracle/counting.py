"""Counters, taken from the very events of a simulation."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from snnc.backends.base import Counters, NodeCounters
from snnc.backends.oracle.cells import Cell, ProductCell
from snnc.backends.oracle.machine import Machine
from snnc.ir.arrays import IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product


class EventCounter:
    """Observer that counts what every projection and node does."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.by_projection: dict[str, Counters] = defaultdict(Counters)
        self.by_node: dict[str, NodeCounters] = defaultdict(NodeCounters)

    def on_tick(self, tick: int, name: str, cell: Cell) -> None:
        """Only events are counted."""

    def on_events(self, tick: int, name: str, payload: IntArray) -> None:
        fires = self.graph.emits(name) == "count"
        self.by_node[name] += NodeCounters(
            events=int(np.count_nonzero(payload)),
            spikes=int(np.abs(payload).sum()) if fires else 0,
        )

    def on_synapses(self, projection: Projection, payload: IntArray) -> None:
        if takes_max(self.graph, projection):
            reached = int(((payload != 0) @ projection.fan_out(payload.shape[1])).sum())
            self.by_node[projection.target] += NodeCounters(max_pool_inputs=reached)
        else:
            self.by_projection[projection.name] += projection_counters(projection, payload)

    def finish(self, machine: Machine) -> tuple[dict[str, Counters], dict[str, NodeCounters]]:
        """All counters of a run, those included that no event touches."""
        graph, n_frames = self.graph, machine.n_samples * machine.n_frames
        projections = {
            p.name: self.by_projection[p.name]
            + Counters(dense_macs=dense_macs(graph, p) * n_frames)
            for p in graph.projections.values()
            if graph.is_event(p)
        }
        products = {
            name: product_counters(cell)
            for name, cell in machine.cells.items()
            if isinstance(cell, ProductCell)
        }
        nodes = {}
        for name in machine.cells:
            node = graph.nodes[name]
            size = node.size if isinstance(node, Population | Product) else 0
            nodes[name] = self.by_node[name] + NodeCounters(
                neuron_updates=size * machine.n_ticks * machine.n_samples,
                neuron_latches=size * n_frames,
            )
        return projections | products, nodes


def projection_counters(p: Projection, payload: IntArray) -> Counters:
    """Operations of the events of one tick, payload (N, source size)."""
    fan_out, effective = p.fan_out(payload.shape[1]), p.effective_fan_out(payload.shape[1])
    fired = payload != 0
    is_ac = np.abs(p.arrange(payload)).max(axis=1, initial=0) <= 1
    operations = fired @ effective
    return Counters(
        synaptic_events=int((fired @ fan_out).sum()),
        unit_spike_operations=int((np.abs(payload) @ fan_out).sum()),
        effective_acs=int(operations[is_ac].sum()),
        effective_macs=int(operations[~is_ac].sum()),
    )


def dense_macs(graph: Graph, p: Projection) -> int:
    """Multiply-accumulates that a projection costs the non-spiking network in one frame."""
    if takes_max(graph, p):
        return 0
    return int(p.fan_out(graph.nodes[p.source].size).sum())


def product_counters(cell: ProductCell) -> Counters:
    """Operations of a product over all samples and frames.

    A pair is an accumulation where one of the two operands is in {-1, 0, 1} throughout.
    """
    total = Counters()
    for a, b in cell.latched:
        node, axes = cell.node, tuple(range(1, 1 + len(cell.node.shape)))
        pairs = node.multiply((a != 0).astype(np.int64), (b != 0).astype(np.int64)).sum(axis=axes)
        is_ac = (largest(a) <= 1) | (largest(b) <= 1)
        total += Counters(
            synaptic_events=int(pairs.sum()),
            unit_spike_operations=int(node.multiply(np.abs(a), np.abs(b)).sum()),
            effective_acs=int(pairs[is_ac].sum()),
            effective_macs=int(pairs[~is_ac].sum()),
            dense_macs=node.pairs() * len(a),
        )
    return total


def largest(x: IntArray) -> IntArray:
    """Largest |value| of each sample."""
    return np.abs(x).reshape(len(x), math.prod(x.shape[1:])).max(axis=1)


def takes_max(graph: Graph, p: Projection) -> bool:
    """Does a projection lead to neurons that take a maximum?"""
    target = graph.nodes[p.target]
    return isinstance(target, Population) and target.model.combine == "max"
