"""From the integers of a run to what the source would have given."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from snnc.backends.base import EngineResult
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Output
from snnc.runtime.reals import step_map

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reading:
    """One output of one batch.

    Attributes:
        real: float64, integer * step, the source's output shape, samples first.
        integers: int64, same shape (a mean over frames keeps the sum); None where the host
            computes the output.
    """

    real: FloatArray
    integers: IntArray | None

    @property
    def scores(self) -> Array:
        """What classes are compared by: integers where there are any."""
        return self.real if self.integers is None else self.integers


class OutputReader:
    """Reads the outputs of a graph.

    Args:
        graph: the integer form.

    Attributes:
        record: nodes whose counts an engine has to give.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._read = {node.name: graph.incoming(node.name)[0] for node in graph.outputs}
        self._outputs = graph.outputs
        self._steps: dict[str, FloatArray] = {}
        self.record = frozenset(p.source for p in self._read.values())

    def read(self, result: EngineResult) -> dict[str, Reading]:
        """Outputs by name from a run that recorded what they read."""
        return {node.name: self._reading(node, result) for node in self._outputs}

    def _reading(self, node: Output, result: EngineResult) -> Reading:
        source = self._graph.nodes[self._read[node.name].source]
        if isinstance(source, HostOp) and source.result == "real":
            return self._read_real(node, result.reals[source.name])
        return self._read_one(node, result.counts[source.name])

    def _read_real(self, node: Output, real: FloatArray) -> Reading:
        n, n_frames = real.shape[:2]
        p = self._read[node.name]
        values = p.arrange(real.reshape(n * n_frames, -1)).reshape(n, n_frames, *node.shape)
        if node.reduction == "none" and n_frames > 1:
            return Reading(values, None)
        total = values.sum(axis=1)
        return Reading(total / (n_frames if node.reduction == "mean" else 1), None)

    def _read_one(self, node: Output, counts: IntArray) -> Reading:
        p = self._read[node.name]
        n, n_frames = counts.shape[:2]
        if node.name not in self._steps:
            step = np.broadcast_to(step_map(self._graph.nodes[p.source]), counts.shape[2:])
            self._steps[node.name] = p.apply(step.reshape(1, -1)).reshape(1, *node.shape)
        steps = self._steps[node.name]
        integers = p.apply(counts.reshape(n * n_frames, -1)).reshape(n, n_frames, *node.shape)
        if node.reduction == "none" and n_frames > 1:
            return Reading(integers * steps[None], integers)
        total = integers[:, 0] if n_frames == 1 else integers.sum(axis=1)
        real = total * steps
        return Reading(
            real / n_frames if node.reduction == "mean" and n_frames > 1 else real, total
        )


def note_labels(labels: Array, n_classes: int, where: str | None) -> None:
    """Warn of labels that the model has no class for: such samples are never right."""
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        _log.warning(
            "%slabels run from %d to %d, the model's classes from 0 to %d: the others are counted "
            "as wrong", f"{where}: " if where else "", labels.min(), labels.max(), n_classes - 1,
        )  # fmt: skip


def predictions(integers: Array) -> IntArray | None:
    """The class of each sample, shape (N,); None where outputs are no class scores.

    Class scores have shape (N, C, 1, …); ties go to the lowest class.
    """
    scores = integers.reshape(len(integers), -1)
    if integers.ndim < 2 or scores.shape[1] != integers.shape[1] or scores.shape[1] < 2:
        return None
    found: IntArray = scores.argmax(axis=1).astype(np.int64)
    return found
