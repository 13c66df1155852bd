"""The float and the quantised network, run batch by batch with their activations shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.arrays import Array, IntArray
from snnc.runtime.data import DataSet
from snnc.runtime.outputs import predictions

if TYPE_CHECKING:
    import onnx

BATCH = 8
"""Samples whose activations are held at once."""


class Network(Protocol):
    """Something that computes the source's function, or nearly."""

    def run(self, x: Array) -> tuple[dict[str, Array], Array]:
        """Activations by tensor and the first output for samples x: all (N, …)."""
        ...


class OnnxNetwork:
    """An ONNX model of one input, in ONNX Runtime, one sample after the other.

    Args:
        model: normalised.
        tensors: names of the activations to show.
    """

    def __init__(self, model: onnx.ModelProto, tensors: Collection[str]) -> None:
        self._runner = OnnxRunner(model, tensors)
        self._input = model.graph.input[0].name
        self._output = model.graph.output[0].name
        self._tensors = tuple(tensors)

    def run(self, x: Array) -> tuple[dict[str, Array], Array]:
        """Activations by tensor and the first output for samples x: all (N, …)."""
        runs = [self._runner.run({self._input: sample[None]}) for sample in x]
        shown = {name: np.concatenate([r[name] for r in runs]) for name in self._tensors}
        return shown, np.concatenate([r[self._output] for r in runs])


def batches(data: DataSet) -> Iterator[tuple[int, Array]]:
    """Samples done with each batch, and the batch."""
    for first in range(0, len(data), BATCH):
        x = np.asarray(data.x[first : first + BATCH])
        yield first + len(x), x


def on_grid(x: Array, grid: InputGrid | None) -> Array:
    """Samples as the quantised network gets them: on the grid of its input."""
    return x if grid is None else grid.real(grid.counts(x)).astype(np.float32)


class Classes:
    """Collects the predictions of a network."""

    def __init__(self) -> None:
        self._found: list[IntArray | None] = []

    def add(self, output: Array) -> None:
        """Take in outputs (N, …)."""
        self._found.append(predictions(output))

    @property
    def all(self) -> IntArray | None:
        """Class of each sample; None where outputs are no class scores."""
        known = [found for found in self._found if found is not None]
        return np.concatenate(known) if len(known) == len(self._found) and known else None

    def equal_to(self, labels: IntArray | None) -> float | None:
        """Share of predictions equal to `labels`; None where either is missing."""
        found = self.all
        return None if found is None or labels is None else float((found == labels).mean())
