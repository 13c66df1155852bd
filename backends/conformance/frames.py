"""An integer graph computed frame by frame: no ticks, no events, one line per equation.

The generator calibrates with it, and the tests hold the tick-by-tick oracle against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from snnc.ir.arrays import IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.neurons import Combine, NeuronModel
from snnc.ir.nodes import Population, Product


def evaluate(graph: Graph, feeds: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """Counts and values of every emitting node, shape (N, T, *shape)."""
    values = dict(feeds)
    n_samples, n_frames = next(iter(values.values())).shape[:2]
    for pattern in graph.patterns:
        values[pattern.name] = np.stack([pattern.frames(n_frames)] * n_samples)
    for name, node in graph.nodes.items():
        incoming = graph.incoming(name)
        if isinstance(node, Population):
            loops = [p for p in incoming if p.source == name]
            others = [p for p in incoming if p.source != name]
            current = arriving(node.model.combine, others, values, node.shape) + node.bias_map()
            values[name] = latch_frames(node.model, current, node.channel_axis, loops)
        elif isinstance(node, Product):
            a, b = (
                total([p for p in incoming if p.port == port], values, node.port_shape(port))
                for port in node.ports
            )
            values[name] = np.stack(
                [node.multiply(a[:, t], b[:, t]) for t in range(a.shape[1])], axis=1
            )
    return values


def arriving(
    combine: Combine,
    incoming: list[Projection],
    values: Mapping[str, IntArray],
    shape: tuple[int, ...],
) -> IntArray:
    """What a frame brings to a population without its bias, shape (N, T, *shape)."""
    if combine == "max":
        return maximum(incoming[0], values[incoming[0].source], shape)
    return total(incoming, values, shape)


def total(
    projections: list[Projection], values: Mapping[str, IntArray], shape: tuple[int, ...]
) -> IntArray:
    """Summed contributions of projections, shape (N, T, *shape)."""
    n_samples, n_frames = values[projections[0].source].shape[:2]
    current = np.zeros((n_samples, n_frames, *shape), dtype=np.int64)
    for p in projections:
        flat = values[p.source].reshape(n_samples * n_frames, -1)
        brought = p.apply(flat).reshape(current.shape)
        current[:, p.frames :] += brought[:, : max(0, n_frames - p.frames)]
    return current


def maximum(p: Projection, value: IntArray, shape: tuple[int, ...]) -> IntArray:
    """Maximum over each target's existing inputs, 0 where there are none, (N, T, *shape)."""
    n_samples, n_frames = value.shape[:2]
    flat = p.arrange(value.reshape(n_samples * n_frames, -1))
    exists = np.zeros((p.map.in_size, p.map.out_size), dtype=bool)
    indptr, targets, _ = p.map.to_csr()
    exists[np.repeat(np.arange(p.map.in_size), np.diff(indptr)), targets] = True
    if p.gather is not None:
        exists[p.gather < 0] = False
    lowest = np.iinfo(np.int64).min
    best = np.where(exists[None], flat[:, :, None], lowest).max(axis=1)
    return np.where(exists.any(axis=0), best, 0).reshape(n_samples, n_frames, *shape)


def latch_frames(
    model: NeuronModel, current: IntArray, axis: int, loops: Sequence[Projection] = ()
) -> IntArray:
    """Run a model over frames, state kept between them; current (N, T, *shape).

    Args:
        loops: synapses of the population on itself, which bring counts of earlier frames.
    """
    state = model.initial_state((len(current), *current.shape[2:]))
    counts: list[IntArray] = []
    for t in range(current.shape[1]):
        i = current[:, t]
        for p in loops:
            if t >= p.frames:
                i = i + p.apply(counts[t - p.frames]).reshape(i.shape)
        k, state = model.latch(i, state, axis)
        counts.append(k)
    return np.stack(counts, axis=1)
