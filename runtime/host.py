"""Host operators: ONNX subgraphs that ONNX Runtime computes once per sample and frame."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import DamagedFile, DataError, GraphError
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp
from snnc.runtime.rowwise import many_rows

_TOLERANCE = 1e-4
"""How far count * step / step may lie from the count: float32 rounding, nothing else."""
_POWER_OF_TWO = 0.5
"""The mantissa of one; a quotient by it is the same number in float32 and in float64."""
_LARGEST_INT32 = 2**31 - 1
_CACHED = 2**16
"""Values that are looked at together: what is made of them on the way stays in the cache."""


@dataclass(frozen=True)
class HostResult:
    """What a part gave for M frames.

    Attributes:
        values: by node, in the type that ONNX has them in, shape (M, *shape).
        tensors: by name: every tensor that the part computes, shape (M, …) as ONNX has them.
    """

    values: dict[str, Array] = field(default_factory=dict)
    tensors: dict[str, Array] = field(default_factory=dict)


class HostPart:
    """One ONNX subgraph and the host operators that it computes, ready to run.

    Args:
        nodes: the host operators; all read the same.
        graph: that they stand in.
        model: the ONNX subgraph.
    """

    def __init__(self, nodes: Sequence[HostOp], graph: Graph, model: bytes) -> None:
        self.nodes = tuple(nodes)
        self.states = tuple(dict.fromkeys(pair for node in nodes for pair in node.states))
        """Pairs of a tensor that is read and the one that it becomes in the next frame."""
        self.initial = _initial(model, {taken for taken, _ in self.states})
        """What is read in a sample's first frame, shape as ONNX has it."""
        first = self.nodes[0]
        shapes = [graph.nodes[p.source].shape for p in graph.incoming(first.name)]
        self._session = _session(model if self.states else many_rows(model, shapes), first.name)
        self._inputs = {taken.name: taken for taken in self._session.get_inputs()}
        self._inputs |= {t.name: t for t in self._session.get_overridable_initializers()}
        self._outputs = [given.name for given in self._session.get_outputs()]
        self._many = {n for n, i in self._inputs.items() if _is_open(i.shape)}
        types = {n: _NUMPY_TYPES.get(i.type) for n, i in self._inputs.items()}
        self._types = {n: dtype for n, dtype in types.items() if dtype is not None}
        self._tensor_of = {node.name: self._tensor(node) for node in self.nodes}
        self.reads: dict[str, list[Projection]] = {}
        """What arrives at each input of the subgraph."""
        for p in graph.incoming(first.name):
            self.reads.setdefault(self._input_of(p), []).append(p)
        for taken in self._session.get_inputs():
            if taken.name not in self.reads:
                raise GraphError(
                    f"the host operator takes `{taken.name}`, the graph gives "
                    f"{', '.join(self.reads) or 'nothing'}",
                    where=first.name,
                )

    @property
    def sources(self) -> list[str]:
        """Nodes that are read."""
        return [p.source for arriving in self.reads.values() for p in arriving]

    def run(
        self, n_frames: int, reals: Mapping[str, Array], states: Mapping[str, Array]
    ) -> HostResult:
        """Compute M frames, one by one unless the part takes many.

        Args:
            n_frames: M.
            reals: by source node: raw data or real values, shape (M, *shape).
            states: by input: the values to go on from, shape (M, …); others begin.
        """
        given = {name: self._arriving(name, reals) for name in self.reads}
        given |= {name: self._cast(name, states[name]) for name, _ in self.states if name in states}
        if given and self._many.issuperset(given):
            fetched = dict(zip(self._outputs, self._session.run(self._outputs, given), strict=True))
        else:
            parts = [
                self._call({n: x[i : i + 1] for n, x in given.items()}) for i in range(n_frames)
            ]
            fetched = {name: _stack(parts, i) for i, name in enumerate(self._outputs)}
        values = {
            node.name: fetched[self._tensor_of[node.name]].reshape(n_frames, *node.shape)
            for node in self.nodes
        }
        return HostResult(values, fetched)

    def _arriving(self, name: str, reals: Mapping[str, Array]) -> Array:
        first, *rest = self.reads[name]
        source = reals[first.source]
        total = first.arrange(source.reshape(len(source), -1))
        for p in rest:
            total = total + p.arrange(reals[p.source].reshape(len(source), -1))
        return self._cast(name, total.reshape(source.shape) if name in self._many else total)

    def _call(self, feeds: Mapping[str, Array]) -> list[Array]:
        shaped = {n: x.reshape(self._inputs[n].shape) for n, x in feeds.items()}
        result: list[Array] = self._session.run(self._outputs, shaped)
        return result

    def _cast(self, name: str, x: Array) -> Array:
        return np.ascontiguousarray(x, dtype=self._types.get(name, x.dtype))

    def _input_of(self, p: Projection) -> str:
        if p.port != "in" or "in" in self._inputs:
            return p.port
        names = [taken.name for taken in self._session.get_inputs()]
        return names[0] if len(names) == 1 else p.port

    def _tensor(self, node: HostOp) -> str:
        if node.source_tensor in self._outputs:
            return str(node.source_tensor)
        if len(self._outputs) == 1:
            return self._outputs[0]
        raise GraphError(
            f"the host part gives no `{node.source_tensor}`, only {', '.join(self._outputs)}",
            where=node.name,
        )


def to_integers(node: HostOp, real: Array) -> IntArray:
    """What leaves a host operator, as integers in units of its step.

    A count where the subgraph ends at an integer activation, else round_half_even(value / step),
    as in float64.

    Raises:
        GraphError: what should be a count is none.
        DataError: an integer beyond what widths were checked for.
    """
    step = _step(node, real.dtype == np.float32)
    rows = max(1, _CACHED // max(1, node.size))
    if len(real) <= rows:
        return _rounded(node, real, step).astype(np.int64, copy=False)
    counts = np.empty(real.shape, dtype=np.int64)
    for at in range(0, len(real), rows):
        counts[at : at + rows] = _rounded(node, real[at : at + rows], step)
    return counts


@lru_cache(maxsize=256)
def _step(node: HostOp, in_float: bool) -> Array:
    """The step of a node; in float32 where a quotient of float32 is the same as in float64."""
    step = node.step_map()
    narrow = step.astype(np.float32)
    exact = (np.frexp(step)[0] == _POWER_OF_TWO) & (narrow == step)
    return narrow if in_float and exact.all() else step


def _rounded(node: HostOp, real: Array, step: Array) -> Array:
    """Real values in steps, rounded and checked: whole numbers of some type."""
    with np.errstate(over="ignore"):
        values = np.divide(real, step)
    rounded = np.rint(values)
    if not rounded.size:
        return rounded
    low, high = float(rounded.min()), float(rounded.max())
    if not (math.isfinite(low) and math.isfinite(high)):  # a NaN is both
        if values.dtype == np.float32:
            return _rounded(node, real.astype(np.float64), step)  # is it too large for it?
        raise DataError(
            "what leaves the host holds NaN or infinite values", where=node.module_path or node.name
        )
    if node.result == "count" and not (values == rounded).all():
        off = np.subtract(values, rounded, out=values)
        if max(off.max(), -off.min()) > _TOLERANCE:
            raise GraphError("the host part does not end at an integer activation", where=node.name)
    if low < node.lo or high > node.hi:
        raise DataError(
            f"what leaves the host runs from {low:.0f} to {high:.0f}, "
            f"widths were checked for {node.lo} to {node.hi}",
            where=node.module_path or node.name,
            hint="bring the data into the range that the model was trained on",
        )
    # CPUs turn many floats at once into 32 bits, but one after the other into 64
    return rounded.astype(np.int32) if max(-low, high) <= _LARGEST_INT32 else rounded


def host_parts(file: SnncFile, graph: Graph) -> tuple[HostPart, ...]:
    """Every subgraph of the host, in the order in which they run.

    Raises:
        DamagedFile: one is missing or cannot be loaded.
    """
    by_member: dict[str, list[HostOp]] = {}
    for node in graph.host_ops:
        by_member.setdefault(node.onnx, []).append(node)
    for member, nodes in by_member.items():
        if member not in file.onnx:
            raise DamagedFile(f"host part `{member}` is missing", where=nodes[0].name)
    return tuple(HostPart(nodes, graph, file.onnx[m]) for m, nodes in by_member.items())


_NUMPY_TYPES = {
    f"tensor({onnx_name})": np.dtype(numpy_name)
    for onnx_name, numpy_name in (
        ("float", "float32"),
        ("double", "float64"),
        ("float16", "float16"),
        ("bool", "bool"),
        *((name, name) for name in ("uint8", "uint16", "uint32", "uint64")),
        *((name, name) for name in ("int8", "int16", "int32", "int64")),
    )
}


def _initial(model: bytes, names: Collection[str]) -> dict[str, Array]:
    if not names:
        return {}
    import onnx

    stored = onnx.load_from_string(model).graph.initializer
    return {t.name: onnx.numpy_helper.to_array(t) for t in stored if t.name in names}


def _is_open(shape: Sequence[int | str | None]) -> bool:
    """Does a tensor have as many rows as are given?"""
    return bool(shape) and not isinstance(shape[0], int)


def _stack(parts: Sequence[list[Array]], i: int) -> Array:
    return np.stack([part[i] for part in parts])


def _session(model: bytes, where: str) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    # as written: a fused or reordered kernel would round differently from the source; on one
    # thread, so that a result never depends on the machine's number of cores
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise DamagedFile(f"the host part cannot be loaded: {error}", where=where) from error
