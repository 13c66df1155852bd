"""What every neuron model has: equations, a plain numpy kernel, an output range."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, along
from snnc.ir.errors import GraphError
from snnc.ir.limits import Limits
from snnc.ir.registry import Registry

Emission: TypeAlias = Literal["count", "value"]
Combine: TypeAlias = Literal["sum", "max"]
State: TypeAlias = dict[str, Array]

WHATEVER_ARRIVES = np.int64(2**48)
"""Larger than any membrane, and leaves an `out_range` room to compute in 63 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerSite:
    """What the integer form of a model is made for.

    Attributes:
        step: real value of integer 1 of what a frame brings, shape (C,), positive.
        i_lo, i_hi: bounds of what a frame brings in integers, bias included, shape (C,).
        shape: of the population.
        axis: its channel axis.
        n_frames: for how many frames state without leak is bounded.
        limits: of the target.
    """

    step: FloatArray
    i_lo: IntArray
    i_hi: IntArray
    shape: Shape
    axis: int
    n_frames: int
    limits: Limits

    def along(self, values: Array) -> Array:
        """Values by channel, or for all or each neuron, ready to broadcast against `shape`."""
        return along(values, len(self.shape), self.axis)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Worst case of a model over some frames, each broadcastable to the population's shape.

    Attributes:
        out_lo, out_hi: of what it emits.
        state_lo, state_hi: of all that it keeps, at any time.
    """

    out_lo: Array
    out_hi: Array
    state_lo: Array
    state_hi: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronModel(ABC):
    """A neuron's behaviour once a frame: latch what was integrated, emit, keep or clear state.

    All codes and engines share this frame-level definition; how an output travels is the event
    code's matter. A model without its own kernel in an engine runs `latch`.

    Class attributes:
        kind: name in files and tables.
        emits: `count` goes through the event code, `value` passes as one graded event a frame.
        combine: `sum` adds synaptic input; `max` takes each tick's maximum over the existing
            inputs (an absent input is 0) and sums that over the window.
        forms: the graph forms in which the model may stand.
        per_neuron: fields that hold one value for all, for each channel or for each neuron.
        step_is_free: does it emit integers whose step is its membrane's, for us to choose?
        emission_bits: log2 of how much finer than one step of its input a value is emitted.
    """

    kind: ClassVar[str]
    emits: ClassVar[Emission] = "count"
    combine: ClassVar[Combine] = "sum"
    forms: ClassVar[frozenset[str]] = frozenset({"float", "integer"})
    per_neuron: ClassVar[tuple[str, ...]] = ()
    step_is_free: ClassVar[bool] = False
    emission_bits: ClassVar[int] = 0

    def validate(self, shape: Shape, axis: int) -> None:  # noqa: B027  (nothing to check is fine)
        """Raise `GraphError` where a parameter does not fit a population of `shape`."""

    @abstractmethod
    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        """Output and next state.

        Args:
            i: what the membrane integrated in this frame, bias included, shape (N, *shape).
            state: arrays of shape (N, *shape) by name, as `initial_state` names them.
            axis: channel axis within `shape`.
        """

    @abstractmethod
    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        """Bounds of the output, shape (*shape), for i between `i_lo` and `i_hi`.

        Models with state take them as bounds of one frame's input.
        """

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        """Smallest and largest output of a population of `shape`, whatever arrives.

        The default asks `out_range` about input as good as without bounds.
        """
        spread = tuple(n if a == axis else 1 for a, n in enumerate(shape))
        anything = np.full(spread, WHATEVER_ARRIVES)
        low, high = self.out_range(-anything, anything, axis)
        return int(np.min(low)), int(np.max(high))

    def initial_state(self, shape: Shape) -> State:
        """State at a sample's start; `shape` includes the sample axis. Empty if there is none."""
        return {}

    @property
    def has_state(self) -> bool:
        """Does anything pass from frame to frame?"""
        return bool(self.initial_state((1,)))

    @property
    def forgets(self) -> bool:
        """Is its state bounded however many frames pass?"""
        return not self.has_state

    @property
    def spare_bits(self) -> int:
        """Bits beyond those of its state that its arithmetic takes up in between."""
        return 0

    @property
    def checked_bits(self) -> int | None:
        """Width that a run checks for what arrives and what is kept: beyond it stops with an error.

        None: bounds alone tell that nothing passes the target's width.
        """
        return None

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        """Worst case over `n_frames` frames that each bring between `i_lo` and `i_hi`.

        The default keeps no more than the sum of all frames; models that leak, or that emit
        what they keep, say more.
        """
        out_lo, out_hi = self.out_range(i_lo, i_hi, axis)
        kept = n_frames if self.has_state else 0
        return Bounds(out_lo, out_hi, np.minimum(i_lo, 0) * kept, np.maximum(i_hi, 0) * kept)

    def integer_form(self, site: IntegerSite) -> NeuronModel:
        """The model of the integer graph that stands for this one of the float graph.

        Raises:
            GraphError: there is none.
        """
        if "integer" not in self.forms:
            raise GraphError(f"a {self.kind} neuron has no integer form")
        return self

    def reset_thresholds(self) -> FloatArray | None:
        """What resets subtract, as multiples of what a frame brings; None: nothing is."""
        return None

    def kept_shares(self) -> Sequence[FloatArray]:
        """Which share of each state a frame leaves."""
        return ()

    def at_neurons(self, at: tuple[IntArray, ...], axis: int) -> Self:
        """The model of some neurons of a population, each as a channel of its own.

        Args:
            at: their indices along each axis of the population's shape.
            axis: the population's channel axis.
        """
        taken = {}
        for name in self.per_neuron:
            values: Array = getattr(self, name)
            if values.ndim:
                taken[name] = values[at] if values.ndim == len(at) > 1 else values[at[axis]]
        return replace(self, **taken) if taken else self


NEURONS: Registry[NeuronModel] = Registry("neuron model")
