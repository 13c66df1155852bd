"""Host operators: ONNX subgraphs that ONNX Runtime computes once per sample and frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import DamagedFile, DataError, GraphError
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp

_TOLERANCE = 1e-4
"""How far count * step / step may lie from the count: float32 rounding, nothing else."""


class HostRunner:
    """One host operator, ready to run.

    What leaves it is integer: a count where the subgraph ends at an integer activation, else
    round_half_even(value / step), both computed in float64.

    Args:
        node: the host operator.
        graph: that it stands in.
        model: its ONNX subgraph.
    """

    def __init__(self, node: HostOp, graph: Graph, model: bytes) -> None:
        self.node = node
        self._session = _session(model, node.name)
        self._inputs = self._session.get_inputs()
        given = [graph.nodes[p.source] for p in graph.incoming(node.name)]
        by_tensor = {g.source_tensor or g.name: g.name for g in given}
        missing = [taken.name for taken in self._inputs if taken.name not in by_tensor]
        if missing:
            raise GraphError(
                f"the host operator takes `{missing[0]}`, the graph gives "
                f"{', '.join(by_tensor) or 'nothing'}",
                where=node.name,
            )
        self._sources = [by_tensor[taken.name] for taken in self._inputs]

    def run(self, data: Mapping[str, Array]) -> IntArray:
        """Integers of shape (M, *shape) from raw data (M, …) by input node name."""
        values = self.values(data) / self.node.step_map()
        rounded = np.rint(values)
        if self.node.result == "count" and np.abs(values - rounded).max(initial=0.0) > _TOLERANCE:
            raise GraphError(
                "the host part does not end at an integer activation", where=self.node.name
            )
        self._check_range(rounded)
        return rounded.astype(np.int64)

    def _check_range(self, integers: Array) -> None:
        """Widths were checked for lo..hi: anything beyond could overflow unseen."""
        node = self.node
        lowest, highest = integers.min(), integers.max()
        if lowest < node.lo or highest > node.hi:
            raise DataError(
                f"what leaves the host runs from {lowest:.0f} to {highest:.0f}, "
                f"widths were checked for {node.lo} to {node.hi}",
                where=node.module_path or node.name,
                hint="bring the data into the range that the model was trained on",
            )

    def values(self, data: Mapping[str, Array]) -> Array:
        """Real values, float64, shape (M, *shape)."""
        feeds = {
            taken.name: _cast(data[source], taken.type)
            for taken, source in zip(self._inputs, self._sources, strict=True)
        }
        if self._takes_one():
            n = len(next(iter(feeds.values())))
            parts = [self._call({k: v[i : i + 1] for k, v in feeds.items()}) for i in range(n)]
            result = np.concatenate(parts)
        else:
            result = self._call(feeds)
        return result.astype(np.float64).reshape(len(result), *self.node.shape)

    def _takes_one(self) -> bool:
        return any(taken.shape[0] == 1 for taken in self._inputs)

    def _call(self, feeds: Mapping[str, Array]) -> Array:
        result: Array = self._session.run(None, dict(feeds))[0]
        return result


def host_runners(file: SnncFile, graph: Graph) -> dict[str, HostRunner]:
    """Every host operator of `graph` by node name."""
    runners = {}
    for node in graph.host_ops:
        if node.onnx not in file.onnx:
            raise DamagedFile(f"host part `{node.onnx}` is missing", where=node.name)
        runners[node.name] = HostRunner(node, graph, file.onnx[node.onnx])
    return runners


_NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


def _cast(x: Array, onnx_type: str) -> Array:
    return np.ascontiguousarray(x, dtype=_NUMPY_TYPES.get(onnx_type, x.dtype))


def _session(model: bytes, where: str) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    # as written: a fused or reordered kernel would round differently from the source
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise DamagedFile(f"the host part cannot be loaded: {error}", where=where) from error
