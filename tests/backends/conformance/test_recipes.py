"""Random parameters: thresholds by hand, and what a new neuron model or map has to bring."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import pytest

from snnc.backends.conformance.maps import make_map
from snnc.backends.conformance.recipes import make_model, threshold
from snnc.ir.arrays import FloatArray, IntArray
from snnc.ir.errors import GraphError
from snnc.ir.maps import MAPS
from snnc.ir.neurons import NEURONS, Accumulator, NeuronModel

RULES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "half-even": np.rint,
    "half-up": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "above": lambda x: np.ceil(x) - 1,
}


@pytest.mark.parametrize("rounding", RULES)
@pytest.mark.parametrize("step", [1, 2, 3, 4, 10])
def test_thresholds_are_those_of_the_rule(rounding: str, step: int) -> None:
    origin = -7
    i = np.arange(-100, 100)
    k = RULES[rounding]((i - origin) / step)
    for level in range(-5, 6):
        assert threshold(rounding, origin, step, level) == i[k >= level].min()


@dataclass(frozen=True, kw_only=True, eq=False)
class Shy(Accumulator):
    kind: ClassVar[str] = "shy"


@dataclass(frozen=True, kw_only=True, eq=False)
class Outgoing(Accumulator):
    kind: ClassVar[str] = "outgoing"

    @classmethod
    def example(cls, i: IntArray, axis: int, rng: np.random.Generator) -> Self:
        return cls()


def test_a_new_model_brings_its_own_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    classes: dict[str, type[NeuronModel]] = {"shy": Shy, "outgoing": Outgoing}
    monkeypatch.setattr(NEURONS, "_classes", {**NEURONS, **classes})
    rng, i = np.random.default_rng(0), np.zeros((1, 2), dtype=np.int64)
    assert isinstance(make_model("outgoing", i, 0, rng), Outgoing)
    with pytest.raises(GraphError, match="no random parameters for neuron model `shy`"):
        make_model("shy", i, 0, rng)


def test_a_new_map_brings_its_own_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MAPS, "_classes", {**MAPS, "shy": Shy})
    with pytest.raises(GraphError, match="no random parameters for linear map `shy`"):
        make_map("shy", (2,), 3, np.random.default_rng(0))
