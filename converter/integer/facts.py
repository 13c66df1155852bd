"""What rounding cost: facts about an integer form, stored in the file's manifest (promise 5)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class WeightRounding:
    """Rounding of one projection's weights.

    Attributes:
        projection, target: names; `target` is the population or product it feeds.
        module_path: the user's name of the target.
        n_weights: stored weights.
        rms_error: root of sum(error^2) / sum(weight^2), effective weights.
        max_error: largest |error| over the largest |weight| of its row.
        exact_share: share of rows that lose nothing beyond float32 rounding.
        exponent: power of two on the integer weights.
    """

    projection: str
    target: str
    module_path: str
    n_weights: int
    rms_error: float
    max_error: float
    exact_share: float
    exponent: int


@dataclass(frozen=True)
class MembraneRounding:
    """Rounding of what a population adds or compares itself, and a step coarser than planned.

    Attributes:
        population: name.
        module_path: the user's name.
        bias_error: largest |error| of a bias, in steps (at most 0.5).
        threshold_error: largest relative error of a reset threshold, 0 where there is none.
        leak_error: largest error of a leak, as a share of what it takes, 0 where there is none.
        coarser: log2 of how much coarser than planned the step is, for the target's width.
    """

    population: str
    module_path: str
    bias_error: float
    threshold_error: float
    leak_error: float
    coarser: int


@dataclass(frozen=True)
class Rounding:
    """All rounding of an integer form.

    Attributes:
        weight_bits: two's complement width of weights.
        weights, membranes: in topological order of what they feed.
    """

    weight_bits: int
    weights: tuple[WeightRounding, ...]
    membranes: tuple[MembraneRounding, ...]

    @property
    def is_exact(self) -> bool:
        """Does the integer form lose nothing beyond float32 rounding?"""
        return all(w.exact_share == 1 for w in self.weights) and all(
            m.bias_error < 1e-3 and m.threshold_error < 1e-6 and m.leak_error == 0
            for m in self.membranes
        )

    def to_json(self) -> dict[str, Any]:
        """The object stored in the manifest."""
        return {"is_exact": self.is_exact, **asdict(self)}
