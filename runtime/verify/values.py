"""The source's own values, frame by frame: PyTorch eager, ONNX Runtime, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.converter.sources import SourceModel
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.arrays import Array, FloatArray
from snnc.ir.errors import DataError
from snnc.ir.graph import Graph
from snnc.ir.nodes import Output

EAGER = "PyTorch eager"
ORT = "ONNX Runtime, optimisations off"


@dataclass(frozen=True, eq=False)
class SourceValues:
    """What the source computed for a batch of B frames.

    Attributes:
        reference: by node: real values float64 of the reference, shape (B, *shape).
        exported: the same from ONNX Runtime where PyTorch is the reference, else None.
        outputs: of the reference, in order, each (B, …).
        original: outputs of the model as it was before any export, else None.
    """

    reference: dict[str, FloatArray]
    exported: dict[str, FloatArray] | None
    outputs: list[FloatArray]
    original: list[FloatArray] | None


class SourceRunner:
    """Runs a source and gives the values that a float graph's nodes stand for.

    PyTorch is the reference where it knows every such value; a source whose inside PyTorch
    cannot show (TorchScript) or that never was PyTorch has ONNX Runtime as reference.

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
        self._require_known(graph)
        inner = self._inner_tensors()
        eager = source.eager
        self._ort = OnnxRunner(source.onnx, inner)
        self._by_eager = eager is not None and bool(eager.tensors) and inner <= eager.tensors
        self.reference = EAGER if self._by_eager else ORT

    @property
    def input_dtype(self) -> str:
        """Numpy dtype name of what the source takes."""
        return self._source.inputs[0].dtype

    @property
    def has_original(self) -> bool:
        """Is there a PyTorch model to compare the export with?"""
        return self._source.eager is not None

    def run(self, x: Array) -> SourceValues:
        """Run B frames, one by one: shape (B, *input shape)."""
        name = self._source.inputs[0].name
        frames = [self._run_one({name: frame[None]}) for frame in x.astype(self.input_dtype)]
        exported = [f.exported for f in frames if f.exported is not None]
        originals = [f.original for f in frames if f.original is not None]
        return SourceValues(
            reference=_stacked([f.reference for f in frames]),
            exported=_stacked(exported) if exported else None,
            outputs=_columns([f.outputs for f in frames]),
            original=_columns(originals) if originals else None,
        )

    def outputs(self, x: Array) -> list[FloatArray]:
        """Outputs alone for B frames, from PyTorch where it is there."""
        name = self._source.inputs[0].name
        runner = self._source.eager or self._ort
        rows = [runner.outputs({name: frame[None]}) for frame in x.astype(self.input_dtype)]
        return _columns(rows)

    def counts(self, x: Array) -> dict[str, FloatArray]:
        """Real values of the reference by node for B frames."""
        return self.run(x).reference

    def _run_one(self, inputs: Mapping[str, Array]) -> SourceValues:
        ort = self._ort.run(inputs)
        outputs = self._ort.outputs_of(ort)
        eager = self._source.eager
        original = None if eager is None else eager.outputs(inputs)
        exported = self._by_node({**inputs, **ort})
        if not self._by_eager:
            return SourceValues(exported, None, _reals(outputs), _maybe_reals(original))
        assert eager is not None
        shown = eager.run(inputs, self._inner_tensors())
        reference = self._by_node({**inputs, **shown})
        return SourceValues(reference, exported, _reals(outputs), _maybe_reals(original))

    def _by_node(self, tensors: Mapping[str, Array]) -> dict[str, FloatArray]:
        return {
            node: tensors[tensor].astype(np.float64).reshape(1, *self._shape_of[node])
            for node, tensor in self._tensor_of.items()
        }

    def _inner_tensors(self) -> frozenset[str]:
        return frozenset(self._tensor_of.values()) - {i.name for i in self._source.inputs}

    def _require_known(self, graph: Graph) -> None:
        made = {name for node in self._source.onnx.graph.node for name in node.output}
        made |= {i.name for i in self._source.inputs}
        for node, tensor in self._tensor_of.items():
            if tensor not in made:
                raise DataError(
                    f"the source has no value `{tensor}`: the model was converted from another",
                    where=graph.nodes[node].module_path or node,
                )


def _reals(values: list[Array]) -> list[FloatArray]:
    return [np.asarray(v, dtype=np.float64) for v in values]


def _maybe_reals(values: list[Array] | None) -> list[FloatArray] | None:
    return None if values is None else _reals(values)


def _stacked(rows: list[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _columns(rows: list[list[Array]]) -> list[FloatArray]:
    return [np.concatenate(column).astype(np.float64) for column in zip(*rows, strict=True)]
