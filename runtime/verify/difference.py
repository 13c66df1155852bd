"""Where two computations differ, and how often."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from snnc.ir.arrays import BoolArray

NEAR_FRACTION = 1e-4
"""More than this share of a population's activations near a threshold fails; one is allowed."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first place where two computations differ.

    Attributes:
        sample, frame: counted from 0.
        population: name of the node.
        module_path: the user's name for it.
        neuron: index in C order of the population's shape.
        expected: value of the computation that is compared with.
        got: value of the one under test.
        between: names of both.
    """

    sample: int
    frame: int
    population: str
    module_path: str
    neuron: int
    expected: float
    got: float
    between: tuple[str, str] = ("", "")

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class NearThreshold:
    """A count that rounding moved over a threshold.

    Attributes:
        sample, frame, neuron: where.
        source, graph: the two counts.
        margin: distance of the exact pre-activation to the threshold.
        bound: how far the source's rounding reaches there.
    """

    sample: int
    frame: int
    neuron: int
    source: int
    graph: int
    margin: float
    bound: float

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


@dataclass
class Tally:
    """One population's comparison, over all frames so far.

    Attributes:
        n_values: compared values: integer activations, or real values of accumulators.
        n_near: differences explained by rounding.
        n_mismatches: differences that are not.
        largest: accumulators: largest difference as a share of its bound.
        near: the first explained differences.
        first: the first unexplained one.
        limited: do too many explained differences fail?
    """

    n_values: int = 0
    n_near: int = 0
    n_mismatches: int = 0
    largest: float = 0.0
    near: list[NearThreshold] = field(default_factory=list)
    first: Difference | None = None
    limited: bool = True

    @property
    def ok(self) -> bool:
        """No mismatch, and no more near-threshold differences than chance allows."""
        many = self.n_near > max(1, NEAR_FRACTION * self.n_values)
        return not self.n_mismatches and not (self.limited and many)


def first_of(wrong: BoolArray) -> tuple[int, ...]:
    """Index of the first True in C order."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
