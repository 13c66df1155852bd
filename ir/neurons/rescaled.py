"""The quantised sum of two counts of different steps: a rule of two operands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, readonly
from snnc.ir.errors import GraphError
from snnc.ir.neurons.base import NEURONS, NeuronModel, State

LARGEST_TABLE = 2**21
"""Operand pairs of a table: two operands of nine bits take an eighth of it."""


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class RescaledSum(NeuronModel):
    """k = counts[a, b],  i = first + a * 2^shift + b,  0 <= b < 2^shift

    round((k_a * s_a + k_b * s_b) / s) is no function of one integer where s_a / s_b is no ratio
    of small ones. The membrane therefore keeps both operands apart: one arrives with weight
    2^shift, the other with weight 1. What they make together stands in a table.

    Attributes:
        first: membrane that stands for both operands' smallest counts.
        shift: bits of the operand that arrives with weight 1.
        counts: int64, shape (A, 2^shift), for all neurons; beyond it its ends go on.
    """

    kind: ClassVar[str] = "rescaled-sum"
    forms: ClassVar[frozenset[str]] = frozenset({"integer"})

    first: int
    shift: int
    counts: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", readonly(self.counts, np.int64))

    def validate(self, shape: Shape, axis: int) -> None:
        if self.counts.ndim != 2 or self.counts.shape[1] != 2**self.shift or not self.counts.size:
            raise GraphError(
                f"counts have shape (A, {2**self.shift}), got {self.counts.shape}",
            )
        if self.counts.size > LARGEST_TABLE:
            raise GraphError(f"{self.counts.size} operand pairs, at most {LARGEST_TABLE}")

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        at = np.clip(i - self.first, 0, self.counts.size - 1)
        return self.counts.reshape(-1)[at], state

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        ends = np.clip([i_lo.min() - self.first, i_hi.max() - self.first], 0, self.counts.size - 1)
        reached = self.counts.reshape(-1)[int(ends[0]) : int(ends[1]) + 1]
        return np.full(i_lo.shape, reached.min()), np.full(i_hi.shape, reached.max())

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        return int(self.counts.min()), int(self.counts.max())

    @classmethod
    def example(cls, i: IntArray, axis: int, rng: np.random.Generator) -> RescaledSum:
        """A random table over most of what arrives.

        Args:
            i: input over all frames, shape (frames, *shape).
            axis: channel axis within `shape`.
            rng: where randomness comes from.
        """
        shift = int(rng.integers(1, 6))
        low, high = (int(q) for q in np.quantile(i, [rng.uniform(0, 0.2), rng.uniform(0.8, 1)]))
        rows = min(max(1, (high - low) >> shift), 2**10)
        counts = rng.integers(-rng.integers(0, 4), rng.integers(1, 9), (rows, 2**shift))
        return cls(first=low, shift=shift, counts=counts)
