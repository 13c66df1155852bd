"""What the host computes between networks on the chip: ONNX subgraphs, in ONNX Runtime.

Only bundles with a stages.py use it. A subgraph reads real values, count times step, and what it
gives goes on as integers again: round_half_even(value / step) in float64.
"""

from dataclasses import dataclass

import numpy as np
from refused import Refused

TOLERANCE = 1e-4
"""How far value / step may lie from a count: rounding of float32, nothing else."""

NUMPY_TYPES = {"float": "float32", "double": "float64", "float16": "float16"}


@dataclass(frozen=True)
class Chip:
    """Events: a module of this folder that Lava runs."""

    network: str


@dataclass(frozen=True)
class Read:
    """Values of a population, an input or another host operator.

    Attributes:
        source: its name.
        step: real value of count 1, a number or broadcastable to the source's shape.
        order: which neurons are read, in this order; -1 reads 0. None: all of them.
        dtype: of integer data, which is read as it was given: count + zero_point.
    """

    source: str
    step: object = 1.0
    order: object = None
    dtype: object = None
    zero_point: int = 0

    def values(self, integers, reals):
        """Real values in the source's shape, (n, *shape)."""
        if self.source in reals:
            return reals[self.source]
        if self.dtype:
            return (integers[self.source] + self.zero_point).astype(self.dtype)
        return integers[self.source] * np.asarray(self.step, dtype=np.float64)

    def arranged(self, values):
        """As they arrive, (n, number of values)."""
        flat = values.reshape(len(values), -1)
        if self.order is None:
            return flat
        taken = flat[:, np.maximum(self.order, 0)]
        return np.where(self.order >= 0, taken, 0).astype(flat.dtype, copy=False)


@dataclass(frozen=True)
class Give:
    """A result of a subgraph.

    Attributes:
        name: under which others read it.
        shape: of one frame.
        tensor: its name in the subgraph.
        kind: `count`: a multiple of the step already; `value`: rounded to one; `real`: nothing on
            the chip reads it, it stays as it is.
        step: real value of integer 1, a number or broadcastable to the shape.
        lowest, highest: bounds for which the network behind it was checked.
    """

    name: str
    shape: tuple
    tensor: object = None
    kind: str = "value"
    step: object = 1.0
    lowest: int = 0
    highest: int = 0

    def integers(self, real):
        """round_half_even(value / step), in float64."""
        values = real / np.asarray(self.step, dtype=np.float64)
        if not np.isfinite(values).all():
            raise Refused(f"what the host computes for `{self.name}` is not finite")
        rounded = np.rint(values)
        if self.kind == "count" and np.abs(values - rounded).max(initial=0.0) > TOLERANCE:
            raise Refused(f"what the host computes for `{self.name}` are no counts")
        if rounded.min(initial=self.lowest) < self.lowest or (
            rounded.max(initial=self.highest) > self.highest
        ):
            raise Refused(
                f"`{self.name}` runs from {rounded.min():.0f} to {rounded.max():.0f}, the network "
                f"was checked for {self.lowest} to {self.highest}"
            )
        return rounded.astype(np.int64)


@dataclass(frozen=True)
class Host:
    """A subgraph that the host runs once for each frame of each sample.

    Attributes:
        onnx: file of this folder.
        operators: what it consists of.
        reads: what arrives at each of its inputs: the sum, mostly of one. `in`: its only input.
        gives: its results.
    """

    onnx: str
    operators: str
    reads: dict
    gives: tuple

    def is_given(self, integers):
        """Are its results known already, so that it need not run?"""
        return all(give.kind != "real" and give.name in integers for give in self.gives)

    def compute(self, folder, integers, reals):
        """Put its results into `integers` and `reals`, all by name, shape (n, *shape)."""
        session = open_session(folder / self.onnx)
        inputs = {i.name: i for i in session.get_inputs()}
        outputs = [o.name for o in session.get_outputs()]
        many = all(takes_many(i) for i in inputs.values())
        fed = {}
        for port, reads in self.reads.items():
            taken = inputs[port] if port in inputs else next(iter(inputs.values()))
            first = reads[0].values(integers, reals)
            total = reads[0].arranged(first)
            for read in reads[1:]:
                total = total + read.arranged(read.values(integers, reals))
            total = total.reshape(first.shape) if many else total
            kind = taken.type.removeprefix("tensor(").removesuffix(")")
            fed[taken.name] = np.ascontiguousarray(total, dtype=NUMPY_TYPES.get(kind, kind))
        found = dict(zip(outputs, called(session, inputs, fed, many), strict=True))
        for give in self.gives:
            tensor = give.tensor if give.tensor in found else outputs[0]
            real = found[tensor].astype(np.float64).reshape(-1, *give.shape)
            if give.kind == "real":
                reals[give.name] = real
            else:
                integers.setdefault(give.name, give.integers(real))


def open_session(path):
    """The subgraph as it is written: fused or reordered kernels would round differently."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Refused(f"{path.name} cannot be loaded: {error}") from None


def takes_many(taken) -> bool:
    """Has an input an open first axis, for as many frames as there are?"""
    return bool(taken.shape) and not isinstance(taken.shape[0], int)


def called(session, inputs, fed, many):
    """Every output for n frames, shape (n, ...)."""
    if many:
        return session.run(None, fed)
    n_frames = len(next(iter(fed.values())))
    rows = [
        session.run(None, {name: x[n].reshape(inputs[name].shape) for name, x in fed.items()})
        for n in range(n_frames)
    ]
    return [np.stack(parts) for parts in zip(*rows, strict=True)]
