"""Promise 5: what integer weights and the input grid changed, against the source itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.backends.base import EngineResult
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Output, Population
from snnc.ir.signs import pairs, with_wholes
from snnc.runtime.outputs import OutputReader, predictions
from snnc.runtime.verify.floatform import FloatForm


@dataclass
class Changed:
    """One population's counts in the integer graph against the source's.

    Attributes:
        n_values: counts compared.
        n_changed: that differ.
    """

    n_values: int = 0
    n_changed: int = 0

    @property
    def fraction(self) -> float:
        """Share of counts that changed."""
        return self.n_changed / self.n_values if self.n_values else 0.0


@dataclass
class _Predicted:
    """Class predictions so far; None once outputs turn out to be no class scores."""

    source: list[IntArray] = field(default_factory=list)
    spiking: list[IntArray] = field(default_factory=list)
    known: bool = True


class RoundingCheck:
    """Compares the integer graph with the source that runs on the data as they are.

    Args:
        float_graph: tells which nodes give counts, and their steps.
        integer_graph: what the engines ran.
    """

    def __init__(self, float_graph: Graph, integer_graph: Graph) -> None:
        self.form = FloatForm(float_graph)
        self.graph = integer_graph
        self.reader = OutputReader(integer_graph)
        self.changed = {
            node.name: Changed()
            for node in float_graph.nodes.values()
            if isinstance(node, Population | HostOp)
            and self.form.is_count(node)
            and (node.name in integer_graph.nodes or node.name in pairs(integer_graph))
        }
        self._predicted = _Predicted()
        self._outputs = [node for node in integer_graph.nodes.values() if isinstance(node, Output)]
        self._largest = 0.0

    def add(
        self,
        source: Mapping[str, FloatArray],
        outputs: list[FloatArray],
        result: EngineResult,
    ) -> None:
        """Compare one batch of N samples of T frames.

        Args:
            source: real values by node, shape (N·T, *shape).
            outputs: of the source, each (N·T, …), or (N, …) where it is reduced over frames.
            result: of the integer graph.
        """
        counts = with_wholes(self.graph, result.counts)
        for name, changed in self.changed.items():
            if name not in source or name not in counts:
                continue
            expected = np.rint(source[name] / self.form.step_of(name))
            got = counts[name].reshape(expected.shape)
            changed.n_values += got.size
            changed.n_changed += int(np.count_nonzero(got != expected))
        if outputs and self._outputs:
            self._compare_outputs(outputs[0], result)

    def _compare_outputs(self, expected: FloatArray, result: EngineResult) -> None:
        node = self._outputs[0]
        reading = self.reader.read(result)[node.name]
        wanted: Array = expected.reshape(reading.real.shape)
        self._largest = max(self._largest, float(np.abs(reading.real - wanted).max(initial=0.0)))
        ours = predictions(reading.scores)
        theirs = predictions(wanted)
        if ours is None or theirs is None:
            self._predicted.known = False
            return
        self._predicted.spiking.append(ours)
        self._predicted.source.append(theirs)

    @property
    def largest_fraction(self) -> float:
        """The largest share of changed counts in any population."""
        return max((c.fraction for c in self.changed.values()), default=0.0)

    def to_json(self, labels: IntArray | None) -> dict[str, Any]:
        """Summary: agreement, accuracies, counts changed, input loss."""
        agree = accuracy = source_accuracy = None
        p = self._predicted
        if p.known and p.spiking:
            ours, theirs = np.concatenate(p.spiking), np.concatenate(p.source)
            agree = float((ours == theirs).mean())
            if labels is not None:
                accuracy = float((ours == labels[: len(ours)]).mean())
                source_accuracy = float((theirs == labels[: len(ours)]).mean())
        total = sum(c.n_values for c in self.changed.values())
        changed = sum(c.n_changed for c in self.changed.values())
        return {
            "predictions_agree": agree,
            "accuracy": accuracy,
            "source_accuracy": source_accuracy,
            "n_counts": total,
            "n_changed": changed,
            "changed_share": changed / total if total else None,
            "largest_changed_share": self.largest_fraction if total else None,
            "largest_output_difference": self._largest if self._outputs else None,
        }
