"""From the integers of a run to what the source would have given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input, Output, Population, Product


@dataclass(frozen=True, eq=False)
class Reading:
    """One output of one batch.

    Attributes:
        real: float64, integer * step, the source's output shape, samples first.
        integers: int64, same shape (a mean over frames keeps the sum).
    """

    real: FloatArray
    integers: IntArray


class OutputReader:
    """Reads the outputs of a graph.

    Args:
        graph: the integer form.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._read = {node.name: graph.incoming(node.name)[0] for node in graph.outputs}

    @property
    def record(self) -> frozenset[str]:
        """Nodes whose counts an engine has to give."""
        return frozenset(p.source for p in self._read.values())

    def read(self, counts: Mapping[str, IntArray]) -> dict[str, Reading]:
        """Outputs by name from counts (N, T, *shape) of the recorded nodes."""
        return {
            node.name: self._read_one(node, counts[self._read[node.name].source])
            for node in self._graph.outputs
        }

    def _read_one(self, node: Output, counts: IntArray) -> Reading:
        p = self._read[node.name]
        n, n_frames = counts.shape[:2]
        step = self._step(p.source, counts.shape[2:])
        flat = counts.reshape(n * n_frames, -1)
        steps = np.broadcast_to(step, counts.shape[2:]).reshape(1, -1)
        shape = (n, n_frames, *node.shape)
        integers = p.apply(flat).reshape(shape)
        steps = np.broadcast_to(p.apply(steps), (1, integers[0, 0].size)).reshape(1, *node.shape)
        if node.reduction == "none" and n_frames > 1:
            return Reading(integers * steps[None], integers)
        total = integers.sum(axis=1)
        divisor = n_frames if node.reduction == "mean" else 1
        return Reading(total * steps / divisor, total)

    def _step(self, name: str, shape: tuple[int, ...]) -> Array:
        node = self._graph.nodes[name]
        if isinstance(node, Population | HostOp):
            return node.step_map()
        if isinstance(node, Input | Product):
            step = np.asarray(node.step, dtype=np.float64)
            return step if step.ndim == 0 else step.reshape(-1, *(1,) * (len(shape) - 1))
        raise GraphError("an output cannot read an output", where=name)


def predictions(integers: IntArray) -> IntArray | None:
    """The class of each sample, shape (N,); None where outputs are no class scores.

    Class scores have shape (N, C, 1, …); ties go to the lowest class.
    """
    scores = integers.reshape(len(integers), -1)
    if integers.ndim < 2 or scores.shape[1] != integers.shape[1] or scores.shape[1] < 2:
        return None
    found: IntArray = scores.argmax(axis=1).astype(np.int64)
    return found
