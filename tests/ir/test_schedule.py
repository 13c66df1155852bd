"""Ticks, worked out by hand from DESIGN's definitions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, NotExecutable, UnsupportedByTarget
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator, Emission, IntegerFire, NeuronModel
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.schedule import levels, make_schedule
from tests.ir.graphs import small_graph


def residual_graph() -> Graph:
    """x (D = 3) -> a (D = 2) -> sum, and x -> sum: the skip jumps over one stage."""
    fire = IntegerFire(lo=0, thresholds=np.array([[1, 2]]))
    identity = Identity(shape=(2,))
    ends = [("x", "a"), ("a", "sum"), ("x", "sum"), ("sum", "y")]
    return Graph(
        [
            Input(name="x", shape=(2,), lo=-3, hi=2),
            Population(name="a", shape=(2,), model=fire),
            Population(name="sum", shape=(2,), model=Accumulator()),
            Output(name="y", shape=(2,)),
        ],
        [Projection(name=f"{s}->{t}", source=s, target=t, map=identity) for s, t in ends],
    ).validate()


@pytest.mark.parametrize(
    ("settings", "window", "period", "start", "skip_delay"),
    [
        (RunSettings("graded", "sequential"), 1, 3, (0, 1, 2), 0),
        (RunSettings("graded", "pipelined"), 1, 1, (0, 1, 2), 1),
        (RunSettings("delta", "pipelined"), 1, 1, (0, 1, 2), 1),
        (RunSettings("burst", "sequential"), 3, 9, (0, 3, 6), 0),
        (RunSettings("burst", "pipelined"), 3, 3, (0, 3, 6), 3),
    ],
)
def test_schedule_of_a_skip(
    settings: RunSettings, window: int, period: int, start: tuple[int, ...], skip_delay: int
) -> None:
    schedule = make_schedule(residual_graph(), settings)
    assert (schedule.window, schedule.period) == (window, period)
    assert tuple(schedule.start[n] for n in ("x", "a", "sum")) == start
    assert schedule.delay == {"x->a": 0, "a->sum": 0, "x->sum": skip_delay}
    assert schedule.n_ticks(2) == start[-1] + window + period


def test_a_delay_that_the_target_lacks_is_refused() -> None:
    with pytest.raises(UnsupportedByTarget, match="x->sum"):
        make_schedule(residual_graph(), RunSettings("burst", "pipelined"), max_delay=2)


def test_levels_follow_a_maximum_to_its_source() -> None:
    graph = small_graph()
    assert levels(graph, "pool") == levels(graph, "conv") == 4


class Ternary(Accumulator):
    """Bounds its counts in `out_range` alone, as any model of a contributor's may."""

    emits: ClassVar[Emission] = "count"

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.full_like(i_lo, -3), np.full_like(i_hi, 2)


class Boundless(Accumulator):
    emits: ClassVar[Emission] = "count"


def firing(model: NeuronModel) -> Graph:
    shape = (2,)
    return Graph(
        [
            Input(name="x", shape=shape, lo=0, hi=1),
            Population(name="sum", shape=shape, model=model),
        ],
        [Projection(name="p", source="x", target="sum", map=Identity(shape=shape))],
    )


def test_levels_of_a_new_model_are_those_of_its_output_range() -> None:
    graph = firing(Ternary())
    assert levels(graph, "sum") == 3


def test_counts_without_a_bound_have_no_window() -> None:
    graph = firing(Boundless())
    with pytest.raises(GraphError, match="without a bound"):
        levels(graph, "sum")


@pytest.mark.parametrize("values", [("brust", "sequential"), ("burst", "pipeline")])
def test_unknown_settings_suggest_the_near_one(values: tuple[str, str]) -> None:
    with pytest.raises(NotExecutable, match="did you mean"):
        RunSettings(*values)  # type: ignore[arg-type]
