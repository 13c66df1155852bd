"""From the events that a run recorded to counts, counters and traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.base import Counters, NodeCounters, Trace
from snnc.backends.lava.plan import Plan
from snnc.ir.arrays import IntArray
from snnc.ir.graph import Projection
from snnc.ir.nodes import Node, Population, Product


@dataclass(frozen=True)
class Recorded:
    """What left every node.

    Attributes:
        counts: by node, shape (N, T, *shape).
        events: by node, rows (tick, neuron, payload), ticks counted over all samples.
        n_samples, n_frames: N and T.
    """

    counts: Mapping[str, IntArray]
    events: Mapping[str, IntArray]
    n_samples: int
    n_frames: int


def projection_counters(plan: Plan, recorded: Recorded) -> dict[str, Counters]:
    """Synaptic operations of every projection and product."""
    graph, frames = plan.graph, recorded.n_samples * recorded.n_frames
    counters: dict[str, Counters] = {}
    for p in graph.projections.values():
        if not graph.is_event(p):
            continue
        if _takes_max(plan, p):
            counters[p.name] = Counters()
            continue
        dense = int(p.fan_out(graph.nodes[p.source].size).sum()) * frames
        counters[p.name] = _operations(plan, recorded, p) + Counters(dense_macs=dense)
    for product in graph.products:
        counters[product.name] = _product_operations(plan, recorded, product)
    return counters


def node_counters(plan: Plan, recorded: Recorded) -> dict[str, NodeCounters]:
    """Events of every node, and the work of its neurons."""
    graph, n_ticks = plan.graph, plan.schedule.n_ticks(recorded.n_frames)
    found: dict[str, NodeCounters] = {}
    for name, events in recorded.events.items():
        node = graph.nodes[name]
        size = node.size if isinstance(node, Population | Product) else 0
        reached = [
            int(p.fan_out(graph.nodes[p.source].size)[recorded.events[p.source][:, 1]].sum())
            for p in graph.incoming(name)
            if _takes_max(plan, p)
        ]
        # what an accumulator passes on is an event, but no spikes
        fires = graph.emits(name) == "count"
        spikes = int(np.abs(events[:, 2]).sum()) if fires else 0
        found[name] = NodeCounters(
            events=len(events),
            spikes=spikes,
            neuron_updates=size * n_ticks * recorded.n_samples,
            neuron_latches=size * recorded.n_frames * recorded.n_samples,
            max_pool_inputs=sum(reached),
        )
    return found


def trace_of(plan: Plan, recorded: Recorded) -> Trace:
    """Every event of one sample, in the order that traces have."""
    names = tuple(recorded.events)
    rows = [
        np.column_stack([events[:, 0], np.full(len(events), i), events[:, 1:]])
        for i, events in enumerate(recorded.events.values())
    ]
    table = np.concatenate([np.empty((0, 4), dtype=np.int64), *rows])
    tick, population, neuron, payload = table[np.lexsort(table.T[2::-1])].T
    return Trace(
        tick=tick,
        population=population,
        neuron=neuron,
        payload=payload,
        names=names,
        n_ticks=plan.schedule.n_ticks(recorded.n_frames),
    )


def silent_events(plan: Plan, node: Node, counts: IntArray) -> IntArray:
    """Events of a source that reaches nothing, so that Lava never saw it.

    Args:
        counts: shape (N, T, *shape).
    """
    schedule = plan.schedule
    if plan.settings.sends_changes:
        counts = np.diff(counts, axis=1, prepend=0)
    flat = counts.reshape(-1, node.size)
    if plan.code_of(node.name) != "burst":
        frame, neuron = np.nonzero(flat)
        return np.column_stack([frame * schedule.period, neuron, flat[frame, neuron]])
    slots = np.arange(schedule.window)[:, None]
    frame, slot, neuron = np.nonzero(np.abs(flat)[:, None] > slots)
    sign = np.sign(flat[frame, neuron])
    return np.column_stack([frame * schedule.period + slot, neuron, sign])


def _operations(plan: Plan, recorded: Recorded, p: Projection) -> Counters:
    size = plan.graph.nodes[p.source].size
    events = recorded.events[p.source]
    if p.frames:  # what would arrive after its sample's end never does
        frame = (events[:, 0] - plan.schedule.start[p.source]) // plan.schedule.period
        events = events[frame % recorded.n_frames + p.frames < recorded.n_frames]
    events = events[p.position(size)[events[:, 1]] >= 0]
    tick, neuron, spikes = events[:, 0], events[:, 1], np.abs(events[:, 2])
    fan_out = p.fan_out(size)[neuron]
    effective = p.effective_fan_out(size)[neuron]
    # an operand that is in {-1, 0, 1} throughout its tick needs no multiplication
    graded_ticks = np.unique(tick[spikes > 1])
    is_mac = np.isin(tick, graded_ticks)
    return Counters(
        synaptic_events=int(fan_out.sum()),
        unit_spike_operations=int((fan_out * spikes).sum()),
        effective_acs=int(effective[~is_mac].sum()),
        effective_macs=int(effective[is_mac].sum()),
    )


def _product_operations(plan: Plan, recorded: Recorded, product: Product) -> Counters:
    a, b = (_operand(plan, recorded, product, port) for port in product.ports)
    axes = tuple(range(1, 1 + len(product.shape)))
    pairs = product.multiply((a != 0).astype(np.int64), (b != 0).astype(np.int64)).sum(axis=axes)
    is_ac = (_largest(a) <= 1) | (_largest(b) <= 1)
    return Counters(
        synaptic_events=int(pairs.sum()),
        unit_spike_operations=int(product.multiply(np.abs(a), np.abs(b)).sum()),
        effective_acs=int(pairs[is_ac].sum()),
        effective_macs=int(pairs[~is_ac].sum()),
        dense_macs=product.pairs() * len(a),
    )


def _operand(plan: Plan, recorded: Recorded, product: Product, port: str) -> IntArray:
    shape = product.port_shape(port)
    operand = np.zeros((recorded.n_samples * recorded.n_frames, *shape), dtype=np.int64)
    for p in plan.graph.incoming(product.name):
        if p.port == port:
            counts = later(recorded.counts[p.source], p.frames)
            operand += p.apply(counts.reshape(len(operand), -1)).reshape(operand.shape)
    return operand


def later(counts: IntArray, frames: int) -> IntArray:
    """Counts (N, T, …) as they arrive so many frames later: nothing in the first frames."""
    if not frames:
        return counts
    shifted = np.zeros_like(counts)
    shifted[:, frames:] = counts[:, :-frames]
    return shifted


def _largest(x: IntArray) -> IntArray:
    return np.abs(x).reshape(len(x), -1).max(axis=1)


def _takes_max(plan: Plan, p: Projection) -> bool:
    target = plan.graph.nodes[p.target]
    return isinstance(target, Population) and target.model.combine == "max"
