"""How many samples an engine takes at once."""

from __future__ import annotations

from snnc.ir.graph import Graph

_BATCH_BYTES = 1 << 27
"""Memory that one batch of counts may take."""
_LARGEST_BATCH = 250
_COPIES = 4
"""Arrays of the size of all counts that an engine holds at once, about."""


def batch_size(n_neurons: int, n_frames: int) -> int:
    """Samples at once: many enough to be fast, few enough for memory."""
    per_sample = max(1, n_neurons * n_frames * 8 * _COPIES)
    return max(1, min(_LARGEST_BATCH, _BATCH_BYTES // per_sample))


def batch_of(graph: Graph, n_frames: int) -> int:
    """Samples at once of a graph in runs of `n_frames` frames."""
    return batch_size(sum(node.size for node in graph.nodes.values()), n_frames)
