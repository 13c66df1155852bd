"""From a run's rows of integers to counters by name."""

from __future__ import annotations

from functools import partial

from snnc.backends.base import Counters, EngineResult, NodeCounters
from snnc.backends.event.compile import Compiled
from snnc.backends.event.memory import Buffers
from snnc.backends.lazily import Lazily
from snnc.ir.arrays import IntArray
from snnc.ir.nodes import Population, Product


class Results:
    """Makes the results of one graph's runs.

    It holds names and numbers, not the graph: a result that is kept keeps no weights.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._schedule = compiled.schedule
        self._projections = tuple(zip(compiled.counter_names, compiled.dense_macs, strict=True))
        self._nodes = tuple((name, *_clocked(compiled, name)) for name in compiled.names)

    def make(self, buffers: Buffers, counters: IntArray, node_counters: IntArray) -> EngineResult:
        """The result of a run.

        Args:
            counters, node_counters: what was counted, as in `State`; nobody changes them any more.
        """
        n_ticks = self._schedule.n_ticks(buffers.n_frames)
        n_frames = buffers.n_samples * buffers.n_frames
        return EngineResult(
            counts=buffers.counts(),
            counters=Lazily(partial(self._by_projection, counters, n_frames)),
            node_counters=Lazily(
                partial(self._by_node, node_counters, n_frames, n_ticks * buffers.n_samples)
            ),
            n_samples=buffers.n_samples,
            n_ticks=n_ticks,
        )

    def _by_projection(self, counters: IntArray, n_frames: int) -> dict[str, Counters]:
        # a graph without projections has one row that nobody counts in
        rows = counters.tolist()[: len(self._projections)]
        return {
            name: Counters(events, spikes, acs, macs, dense * n_frames)
            for (events, spikes, acs, macs), (name, dense) in zip(
                rows, self._projections, strict=True
            )
        }

    def _by_node(
        self, node_counters: IntArray, n_frames: int, n_ticks: int
    ) -> dict[str, NodeCounters]:
        return {
            name: NodeCounters(
                events=events,
                spikes=spikes if fires else 0,
                neuron_updates=neurons * n_ticks,
                neuron_latches=neurons * n_frames,
                max_pool_inputs=inputs,
            )
            for (events, spikes, inputs), (name, neurons, fires) in zip(
                node_counters.tolist(), self._nodes, strict=True
            )
        }


def _clocked(compiled: Compiled, name: str) -> tuple[int, bool]:
    """How many neurons a node has, 0 for a source; does it emit counts?"""
    node = compiled.graph.nodes[name]
    neurons = node.size if isinstance(node, Population | Product) else 0
    return neurons, compiled.graph.emits(name) == "count"
