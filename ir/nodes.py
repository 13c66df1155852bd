"""The nodes of an event graph: inputs, populations, products, host operators, outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, along, readonly, size_of
from snnc.ir.errors import GraphError, PatternEnds, StateExceeded
from snnc.ir.neurons import Emission, NeuronModel, State
from snnc.ir.registry import Registry

Arithmetic: TypeAlias = Literal["float32", "float64"]
Reduction: TypeAlias = Literal["none", "mean", "sum"]
HostResult: TypeAlias = Literal["count", "value", "real"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """A named place in the graph.

    Attributes:
        name: unique in its graph, readable, made from the user's module path.
        shape: shape of one sample and frame; the neuron index is its C order.
        module_path: the user's own name for the part of the model this comes from.
        source_tensor: the value in the normalised ONNX that holds this node's real value
            (count * step where it fires); None where the source has no such value.
    """

    kind: ClassVar[str]
    ports: ClassVar[tuple[str, ...]] = ("in",)

    name: str
    shape: Shape
    module_path: str = ""
    source_tensor: str | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return size_of(self.shape)

    def port_shape(self, port: str) -> Shape:
        """Shape that arrives at `port`."""
        return self.shape

    def validate(self) -> None:
        """Raise `GraphError` where the node contradicts itself."""
        if not self.name:
            raise GraphError("a node has no name")
        if not self.shape or min(self.shape) < 1:
            raise GraphError(f"shape {self.shape} has no neurons", where=self.name)


NODES: Registry[Node] = Registry("node")


@NODES.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Input(Node):
    """Where data enters, as counts k = q - zero_point with real value k * step.

    Attributes:
        dtype: of the data as the user gives it ("uint8", "float32", …).
        lo, hi: bounds of the count.
        step: real value of count 1.
        zero_point: subtracted from integer data before coding.
        grid: False for raw analog input, which only feeds host operators.
        arithmetic: floating-point type in which real data are divided by the step: float32 where
            the source quantises its input itself.
    """

    kind: ClassVar[str] = "input"
    ports: ClassVar[tuple[str, ...]] = ()

    dtype: str = "float32"
    lo: int = 0
    hi: int = 0
    step: float = 1.0
    zero_point: int = 0
    grid: bool = True
    arithmetic: Arithmetic = "float64"

    emits: ClassVar[Emission] = "count"

    def validate(self) -> None:
        super().validate()
        if self.grid and (self.lo > self.hi or not self.step > 0):
            raise GraphError(
                f"an input grid needs lo <= hi and a positive step, "
                f"got {self.lo} … {self.hi}, step {self.step}",
                where=self.name,
            )


@NODES.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern(Input):
    """Integers that come by themselves, the same in every sample: position codes, constant trains.

    Attributes:
        counts: what it emits in each frame, int64, shape (T, *shape); `lo` and `hi` follow.
        repeat: after T frames it begins anew; else a longer run is an error.
        result: `count` or `value`.
    """

    kind: ClassVar[str] = "pattern"

    counts: IntArray
    repeat: bool = False
    result: Emission = "count"

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", readonly(self.counts, np.int64))
        object.__setattr__(self, "lo", int(self.counts.min(initial=0)))
        object.__setattr__(self, "hi", int(self.counts.max(initial=0)))

    @property
    def emits(self) -> Emission:  # type: ignore[override]
        """As `result`."""
        return self.result

    def frames(self, n_frames: int, first: int = 0) -> IntArray:
        """What it emits in `n_frames` frames from `first` on, shape (n_frames, *shape).

        Raises:
            PatternEnds: it does not repeat, and has no so many frames.
        """
        at = np.arange(first, first + n_frames)
        if not self.repeat and n_frames and at[-1] >= len(self.counts):
            raise PatternEnds(
                f"its pattern has {len(self.counts)} frames, the run goes on to {at[-1] + 1}",
                where=self.module_path or self.name,
                hint="run no more frames than the model was made for",
            )
        return self.counts[at % len(self.counts)]

    def validate(self) -> None:
        super().validate()
        if self.counts.shape[1:] != self.shape or not len(self.counts):
            raise GraphError(
                f"a pattern has shape (frames, *{self.shape}), got {self.counts.shape}",
                where=self.name,
            )
        if self.result not in ("count", "value") or self.zero_point or not self.grid:
            raise GraphError(
                "a pattern emits counts or values, without zero point", where=self.name
            )


@NODES.register
@dataclass(frozen=True, kw_only=True, eq=False)
class InputPart(Input):
    """The counts of one sign of an input, as counts from 0 on: for chips whose spikes have no sign.

    Attributes:
        whole: name of the input that the data is for.
        sign: 1 for its positive counts, -1 for its negative ones.
    """

    kind: ClassVar[str] = "input-part"

    whole: str
    sign: Literal[1, -1]

    def part_of(self, counts: IntArray) -> IntArray:
        """What it emits of the whole input's counts."""
        return np.maximum(self.sign * counts, 0)


@NODES.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Population(Node):
    """A shaped group of neurons with one model.

    Attributes:
        model: the neurons' behaviour.
        step: real value of integer 1, shape () or (C,), positive.
        bias: joins the membrane once a frame; shape (), (C,) or `shape`.
        channel_axis: the axis of `shape` that is the channel, not negative.
        offset_magnitude: float form: sum of the absolute parts of the bias, shapes as `bias`,
            for the verification bound; None: the absolute bias itself.
        stage_fan_in: float form: fan-in summed over the linear stages folded into the
            incoming projections, for the verification bound.
    """

    kind: ClassVar[str] = "population"

    model: NeuronModel
    step: FloatArray = field(default_factory=lambda: np.array(1.0))
    bias: Array = field(default_factory=lambda: np.array(0))
    channel_axis: int = 0
    offset_magnitude: FloatArray | None = None
    stage_fan_in: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", readonly(self.step, np.float64))
        dtype = np.float64 if np.asarray(self.bias).dtype.kind == "f" else np.int64
        object.__setattr__(self, "bias", readonly(self.bias, dtype))
        if self.offset_magnitude is not None:
            magnitude = readonly(self.offset_magnitude, np.float64)
            object.__setattr__(self, "offset_magnitude", magnitude)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.shape[self.channel_axis]

    def bias_map(self) -> Array:
        """The bias of every neuron, shape `shape`."""
        return np.broadcast_to(along(self.bias, len(self.shape), self.channel_axis), self.shape)

    def step_map(self) -> FloatArray:
        """The step, broadcastable against arrays of shape (N, *shape)."""
        return along(self.step, len(self.shape), self.channel_axis)

    def latch(self, i: Array, state: State) -> tuple[Array, State]:
        """As the model's `latch`; what goes wrong there is said with the population's name."""
        try:
            return self.model.latch(i, state, self.channel_axis)
        except StateExceeded as error:
            where = self.module_path or self.name
            raise StateExceeded(error.what, where=where, hint=error.hint) from None

    def validate(self) -> None:
        super().validate()
        if not 0 <= self.channel_axis < len(self.shape):
            raise GraphError(
                f"channel axis {self.channel_axis} is no axis of {self.shape}", where=self.name
            )
        channel = (self.n_channels,)
        if self.bias.shape not in ((), channel, self.shape):
            raise GraphError(
                f"bias has shape {self.bias.shape}, expected (), {channel} or {self.shape}",
                where=self.name,
            )
        if self.step.shape not in ((), channel) or not (self.step > 0).all():
            raise GraphError(
                f"step is positive with shape () or {channel}, got shape {self.step.shape}",
                where=self.name,
            )
        if not np.isfinite(self.step).all() or not np.isfinite(self.bias).all():
            raise GraphError("step or bias is not finite", where=self.name)
        try:
            self.model.validate(self.shape, self.channel_axis)
        except GraphError as error:
            raise GraphError(error.what, where=self.name, hint=error.hint) from None


@NODES.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Product(Node):
    """The product of two integrated operands (attention), emitted as graded integers.

    `matmul`: numpy's `a @ b` over shapes `a_shape` (…, M, K) and `b_shape` (…, K, N).
    `multiply`: elementwise, both shapes equal to `shape`.
    """

    kind: ClassVar[str] = "product"
    ports: ClassVar[tuple[str, ...]] = ("a", "b")
    emits: ClassVar[Emission] = "value"

    op: Literal["matmul", "multiply"] = "matmul"
    a_shape: Shape
    b_shape: Shape
    step: FloatArray = field(default_factory=lambda: np.array(1.0))

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", readonly(self.step, np.float64))

    def port_shape(self, port: str) -> Shape:
        return self.a_shape if port == "a" else self.b_shape

    def multiply(self, a: Array, b: Array) -> Array:
        """(N, *a_shape) and (N, *b_shape) to (N, *shape); exact for integers."""
        if self.op == "multiply":
            return a * b
        return np.matmul(a, b)

    def pairs(self) -> int:
        """Operand pairs that meet: the multiplications of the non-spiking network."""
        return self.size if self.op == "multiply" else self.size * self.a_shape[-1]

    def validate(self) -> None:
        super().validate()
        try:
            if self.op == "multiply":
                fits = self.a_shape == self.b_shape == self.shape
            else:
                same_lead = self.a_shape[:-2] == self.b_shape[:-2]
                inner = len(self.a_shape) > 1 and self.a_shape[-1] == self.b_shape[-2]
                out = (*self.a_shape[:-1], self.b_shape[-1])
                fits = same_lead and inner and self.shape == out
        except IndexError:
            fits = False
        if not fits:
            raise GraphError(
                f"{self.op} of {self.a_shape} and {self.b_shape} does not give {self.shape}",
                where=self.name,
            )


@NODES.register
@dataclass(frozen=True, kw_only=True, eq=False)
class HostOp(Node):
    """An ONNX subgraph that the host runs once per sample and frame.

    It may stand anywhere: it reads real values (integer * step) of whatever nodes. What leaves it
    is fed to every engine: counts where it ends at an integer activation, else
    round_half_even(value / step). A `real` result stays as it is; only outputs and other host
    operators read it. Several nodes share a subgraph that gives several tensors.

    Attributes:
        onnx: name of the file's member that holds the subgraph.
        reads: its ports: the subgraph's inputs, by name; `in` stands for its only one.
        result: `count`, `value` or `real`.
        lo, hi: bounds of what leaves it, in integers.
        step: real value of integer 1, shape () or (C,).
        channel_axis: the axis of `shape` that is the channel.
        n_macs: multiply-accumulates per sample and frame, counted as host work.
        operators: operator types inside, for reports.
        states: pairs of a tensor that the subgraph reads and the one that replaces it in the
            next frame; the first frame reads the subgraph's own initializer.
    """

    kind: ClassVar[str] = "host-op"

    onnx: str
    reads: tuple[str, ...] = ("in",)
    result: HostResult = "count"
    lo: int = 0
    hi: int = 0
    step: FloatArray = field(default_factory=lambda: np.array(1.0))
    channel_axis: int = 0
    n_macs: int = 0
    operators: tuple[str, ...] = ()
    states: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", readonly(self.step, np.float64))

    def step_map(self) -> FloatArray:
        """The step, broadcastable against arrays of shape (N, *shape)."""
        return along(self.step, len(self.shape), self.channel_axis)

    @property
    def emits(self) -> Emission:
        """Counts are coded, values pass as graded events; a real result emits nothing."""
        return "count" if self.result == "count" else "value"

    def port_shape(self, port: str) -> Shape:
        # the host takes what the source has; the ONNX subgraph itself checks it
        return ()


@NODES.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Output(Node):
    """Where results are read: the latched integers of one node.

    Attributes:
        reduction: over the frames of a sample: `none` keeps them, `mean`, `sum`.
    """

    kind: ClassVar[str] = "output"

    reduction: Reduction = "none"
