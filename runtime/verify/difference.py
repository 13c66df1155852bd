"""Where two computations differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snnc.ir.arrays import BoolArray


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


def first_of(wrong: BoolArray) -> tuple[int, ...]:
    """Index of the first True in C order."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
