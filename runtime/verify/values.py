"""The source's own values, frame by frame: PyTorch eager, ONNX Runtime, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.converter.lower.rewrite import rewrite
from snnc.converter.sources import SourceModel
from snnc.converter.sources.model import Calls
from snnc.converter.sources.onnxrun import FrameRunner
from snnc.converter.sources.quantised import is_quantised
from snnc.ir.arrays import Array, FloatArray
from snnc.ir.errors import DataError
from snnc.ir.graph import Graph
from snnc.ir.nodes import Output
from snnc.runtime.verify.between import Between
from snnc.runtime.verify.exact import ExactRunner
from snnc.runtime.verify.inner import InnerValues

EAGER = "PyTorch eager"
ORT = "ONNX Runtime, optimisations off"
EXACT = "exact quantised arithmetic"


@dataclass(frozen=True, eq=False)
class SourceValues:
    """What the source computed for a batch of B frames.

    Attributes:
        reference: by node: real values float64 of the reference, shape (B, *shape).
        exported: the same from ONNX Runtime where it is not the reference itself, else None.
        outputs: of the reference, in order, each (B, …).
        original: outputs of the model as it was before export and lowering touched it; of
            quantised ONNX those of the reference.
    """

    reference: dict[str, FloatArray]
    exported: dict[str, FloatArray] | None
    outputs: list[FloatArray]
    original: list[FloatArray]


class SourceRunner:
    """Runs a source and gives the values that a float graph's nodes stand for.

    PyTorch is the reference where it can show its values; a source whose inside PyTorch cannot
    show (TorchScript) or that never was PyTorch has ONNX Runtime as reference, quantised ONNX its
    own operators in exact arithmetic. The lowering moves
    pools behind the activations they precede: values of that form that PyTorch does not have are
    computed from those it has by the elementwise operators in between.

    Args:
        source: the loaded source.
        graph: the float form.

    Raises:
        DataError: the graph was not made from this source.
    """

    def __init__(self, source: SourceModel, graph: Graph) -> None:
        self._source = source
        self._tensor_of = {
            node.name: node.source_tensor
            for node in graph.nodes.values()
            if node.source_tensor is not None and not isinstance(node, Output)
        }
        self._shape_of = {name: graph.nodes[name].shape for name in self._tensor_of}
        self._model = rewrite(source).model
        self._inside = InnerValues(self._model)
        self._require_known(graph)
        self._reductions = [node.reduction for node in graph.outputs]
        self._dims = {
            i.name: tuple(d.dim_value for d in i.type.tensor_type.shape.dim)
            for i in self._model.graph.input
        }
        inner = self._inner_tensors()
        shown = frozenset() if source.eager is None else source.eager.tensors
        self._ort = FrameRunner(self._model, self._inside.tensors_for(inner), source.states)
        self._by_eager = bool(shown)
        self._between = Between(self._model, inner - shown, shown) if shown else None
        self._unmoved = None if source.eager else FrameRunner(source.onnx, (), source.states)
        quantised = not self._by_eager and is_quantised(self._model)
        self._exact = ExactRunner(self._model, inner) if quantised else None
        self.reference = EAGER if self._by_eager else EXACT if quantised else ORT

    @property
    def has_original(self) -> bool:
        """Is there a PyTorch model to compare the export with?"""
        return self._source.eager is not None

    def run(self, x: Mapping[str, Array]) -> SourceValues:
        """Run N samples of T frames, one by one: every input by name, shape (N, T, *shape)."""
        given = {d.name: x[d.name].astype(d.dtype, copy=False) for d in self._source.inputs}
        n_samples = len(next(iter(given.values())))
        samples = [self._run_one({n: x[i] for n, x in given.items()}) for i in range(n_samples)]
        exported = [s.exported for s in samples if s.exported is not None]
        return SourceValues(
            reference=_stacked([s.reference for s in samples]),
            exported=_stacked(exported) if exported else None,
            outputs=_columns([s.outputs for s in samples]),
            original=_columns([s.original for s in samples]),
        )

    def _run_one(self, sample: Mapping[str, Array]) -> SourceValues:
        """One sample, frame after frame."""
        n_frames = len(next(iter(sample.values())))
        calls = [
            {name: frames[t].reshape(self._dims[name]) for name, frames in sample.items()}
            for t in range(n_frames)
        ]
        ort = self._ort.run(calls)
        outputs = self._outputs([self._ort.outputs_of(values) for values in ort])
        eager = self._source.eager
        exported = self._by_frame(calls, self._completed(ort))
        if self._exact is not None:
            exact = [self._exact.run(call) for call in calls]
            outputs = self._outputs([self._exact.outputs_of(values) for values in exact])
            return SourceValues(self._by_frame(calls, exact), exported, outputs, outputs)
        original = self._reduced(self._original(calls))
        if eager is None or self._between is None:
            return SourceValues(exported, None, outputs, original)
        shown = eager.run(calls, self._between.needed | self._inner_tensors())
        for call, values in zip(calls, shown, strict=True):
            values |= self._between.run({**call, **values})
        return SourceValues(self._by_frame(calls, shown), exported, outputs, original)

    def _completed(self, values: list[dict[str, Array]]) -> list[dict[str, Array]]:
        inner = self._inner_tensors()
        return [self._inside.complete(found, inner) for found in values]

    def _original(self, calls: Calls) -> list[Array]:
        """Outputs of the source as it was given."""
        if self._source.eager is not None:
            return self._source.eager.outputs(calls)
        assert self._unmoved is not None
        return self._unmoved.outputs(calls)

    def _outputs(self, by_frame: list[list[Array]]) -> list[FloatArray]:
        return self._reduced([np.concatenate(v) for v in zip(*by_frame, strict=True)])

    def _reduced(self, outputs: list[Array]) -> list[FloatArray]:
        """Outputs (T, …) as the graph gives them: reduced ones (1, …)."""
        found = []
        for value, reduction in zip(outputs, self._reductions, strict=False):
            real = np.asarray(value, dtype=np.float64)
            if reduction != "none" and len(real) > 1:
                total = real.sum(axis=0, keepdims=True)
                real = total / len(real) if reduction == "mean" else total
            found.append(real)
        return found

    def _by_frame(self, calls: Calls, values: list[dict[str, Array]]) -> dict[str, FloatArray]:
        both = zip(calls, values, strict=True)
        return _stacked([self._by_node({**call, **found}) for call, found in both])

    def _by_node(self, tensors: Mapping[str, Array]) -> dict[str, FloatArray]:
        return {
            node: tensors[tensor].astype(np.float64).reshape(1, *self._shape_of[node])
            for node, tensor in self._tensor_of.items()
            if tensor in tensors  # a sum inside of an operator is not shown
        }

    def _inner_tensors(self) -> frozenset[str]:
        return frozenset(self._tensor_of.values()) - {i.name for i in self._source.inputs}

    def _require_known(self, graph: Graph) -> None:
        made = {name for node in self._model.graph.node for name in node.output}
        made |= {i.name for i in self._source.inputs} | self._inside.names
        for node, tensor in self._tensor_of.items():
            if tensor not in made:
                raise DataError(
                    f"the source has no value `{tensor}`: the model was converted from another",
                    where=graph.nodes[node].module_path or node,
                )


def _stacked(rows: list[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _columns(rows: list[list[Array]]) -> list[FloatArray]:
    return [np.concatenate(column).astype(np.float64) for column in zip(*rows, strict=True)]
