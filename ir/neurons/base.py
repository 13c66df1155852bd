"""What every neuron model has: equations, a plain numpy kernel, an output range."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from snnc.ir.arrays import Array, Shape
from snnc.ir.registry import Registry

Emission: TypeAlias = Literal["count", "value"]
Combine: TypeAlias = Literal["sum", "max"]
State: TypeAlias = dict[str, Array]

WHATEVER_ARRIVES = np.int64(2**48)
"""Larger than any membrane, and leaves an `out_range` room to compute in 63 bits."""


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
    """

    kind: ClassVar[str]
    emits: ClassVar[Emission] = "count"
    combine: ClassVar[Combine] = "sum"
    forms: ClassVar[frozenset[str]] = frozenset({"float", "integer"})

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


NEURONS: Registry[NeuronModel] = Registry("neuron model")
