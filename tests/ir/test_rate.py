"""The code `rate`: the derived neurons against plain loops, coding and decoding, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.oracle import OracleEngine
from snnc.backends.rate import open_session
from snnc.ir.arrays import INT64_MAX, INT64_MIN, IntArray
from snnc.ir.codes import Rate, RateReset, RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity, SumPool
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire, Max
from snnc.ir.nodes import Input, Output, Population, Product
from snnc.ir.rate import fitted_line, rate_form, read_counts, read_values, spikes
from tests.close import close

W1 = np.array([[3, -2, 5], [-4, 6, 1], [7, 7, -3], [1, 0, 2]])
W2 = np.array([[5, -1, 2, 4], [-3, 6, 1, -2]])


def settings(ticks: int, reset: RateReset = "subtract") -> RunSettings:
    return RunSettings("rate", "sequential", Rate(ticks, reset))


def two_layers(lo: int = 0) -> Graph:
    """Input 0..4, four neurons lo..4 with step 8, two sums."""
    theta = 8 * np.arange(lo + 1, 5) - 4
    return Graph(
        [
            Input(name="x", shape=(3,), lo=0, hi=4),
            Population(
                name="h",
                shape=(4,),
                bias=np.array([2, -1, 0, 5]),
                model=IntegerFire(lo=lo, thresholds=theta[None]),
            ),
            Population(name="y", shape=(2,), bias=np.array([7, -3]), model=Accumulator()),
            Output(name="out", shape=(2,)),
        ],
        [
            Projection(name="x-h", source="x", target="h", map=Dense(weight=W1)),
            Projection(name="h-y", source="h", target="y", map=Dense(weight=W2)),
            Projection(name="y-out", source="y", target="out", map=Identity(shape=(2,))),
        ],
    )


def by_hand(x: IntArray, ticks: int, lo: int, reset: str) -> tuple[IntArray, IntArray]:
    """Real-valued neurons that fire while they integrate: counts of h, and the sums."""
    # thresholds 8j - 4 are met from 8j - 4 on, so the edges lie half a unit below
    origin, step, levels = -0.5, 8.0, 4
    bias = np.array([2, -1, 0, 5]) - origin
    charge = np.full(3, levels / 2.0)
    v = np.zeros(4)
    sent, total = np.zeros(4), np.zeros(2)
    for _ in range(ticks):
        charge += x
        inputs = charge >= levels
        charge -= levels * inputs
        v += levels * (W1 @ inputs) + bias
        edge = step * levels * (0.5 if reset == "subtract" else 1.0)
        fired = (v >= edge).astype(int)
        if lo < 0:
            fired -= (v <= -edge).astype(int)
        v = v - step * levels * fired if reset == "subtract" else np.where(fired != 0, 0, v)
        sent += fired
        total += levels * (W2 @ fired) + np.array([7, -3])
    counts = np.sign(sent) * np.floor(np.abs(sent) * levels / ticks + 0.5)
    reached = max(lo, -2)  # by the inputs that are most against h
    return counts.clip(reached, 4).astype(int), np.floor(total / ticks + 0.5).astype(int)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("lo", [0, -4])
@pytest.mark.parametrize("ticks", [1, 4, 7, 64])
def test_derived_neurons_do_what_real_ones_do(ticks: int, lo: int, reset: RateReset) -> None:
    x = np.array([[0, 0, 0], [4, 4, 4], [1, 3, 2], [4, 0, 1], [0, 4, 0], [2, 2, 2]])
    session = open_session(OracleEngine(), two_layers(lo), settings(ticks, reset))
    got = session.run({"x": x[:, None]}).counts
    for sample, counts in enumerate(x):
        h, y = by_hand(counts, ticks, lo, reset)
        np.testing.assert_array_equal(got["h"][sample, 0], h)
        np.testing.assert_array_equal(got["y"][sample, 0], y)


def test_subtraction_tends_to_the_exact_counts_and_a_reset_to_zero_does_not() -> None:
    x = np.array(np.meshgrid(*[range(5)] * 3)).reshape(3, -1).T[:, None]
    exact = OracleEngine().prepare(two_layers(), RunSettings()).run({"x": x}).counts["h"]

    def away(ticks: int, reset: RateReset) -> float:
        session = open_session(OracleEngine(), two_layers(), settings(ticks, reset))
        return float(np.abs(session.run({"x": x}).counts["h"] - exact).mean())

    assert away(4, "subtract") > away(256, "subtract")
    assert away(256, "subtract") < 0.01
    assert away(256, "zero") > 0.1


class TestCoding:
    @pytest.mark.parametrize("levels", [1, 4, 255])
    @pytest.mark.parametrize("ticks", [1, 3, 16])
    def test_spikes_are_a_rounded_share_and_evenly_spaced(self, levels: int, ticks: int) -> None:
        counts = np.arange(-levels, levels + 1)
        train = spikes(counts, levels, ticks)
        assert train.shape == (2 * levels + 1, ticks)
        assert set(np.unique(train)) <= {-1, 0, 1}
        wanted = np.sign(counts) * np.floor(np.abs(counts) * ticks / levels + 0.5)
        np.testing.assert_array_equal(train.sum(axis=1), wanted)
        for k, row in zip(counts, train, strict=True):
            gaps = np.diff(np.flatnonzero(row))
            assert not len(gaps) or gaps.max() - gaps.min() <= 1, k

    def test_counts_come_back_where_there_are_ticks_enough(self) -> None:
        counts = np.arange(-15, 16)
        sent = spikes(counts, 15, 15).sum(axis=1)
        np.testing.assert_array_equal(read_counts(sent, 15, 15, -15, 15), counts)
        np.testing.assert_array_equal(read_counts(sent, 15, 15, 0, 7), counts.clip(0, 7))

    def test_values_are_means_rounded_half_up(self) -> None:
        np.testing.assert_array_equal(
            read_values(np.array([-6, -5, 5, 6, 7]), 3, 2, 2), [-4, -4, 4, 5, 5]
        )


class TestLine:
    def line(self, thresholds: object, lo: int = 0, reach: int = 100) -> tuple[float, float]:
        model = IntegerFire(lo=lo, thresholds=np.array([thresholds]))
        line = fitted_line(model, np.array([-reach]), np.array([reach]))
        return float(line.step[0]), float(line.origin[0])

    def test_uniform_staircases_keep_step_and_rounding(self) -> None:
        assert self.line([5, 15, 25, 35]) == (10.0, -0.5)
        assert self.line([10, 20, 30]) == (10.0, 4.5)
        assert self.line([-15, -5, 5, 15], lo=-2) == (10.0, -0.5)

    def test_others_get_the_line_of_least_squares(self) -> None:
        theta = np.array([1, 2, 9, 11, 30])
        step, origin = self.line(theta)
        slope, shift = np.polyfit(np.arange(5) + 0.5, theta - 0.5, 1)
        assert step == close(slope)
        assert origin == close(shift)

    def test_levels_that_nothing_reaches_do_not_count(self) -> None:
        assert self.line([5, 15, INT64_MAX]) == (10.0, -0.5)
        assert self.line([INT64_MIN, 15, 25], lo=-1) == (10.0, 9.5)

    def test_one_edge_makes_a_line_through_the_origin(self) -> None:
        assert self.line([8]) == (15.0, 0.0)
        assert self.line([-3]) == (1.0, -4.0)
        assert self.line([7, 7], lo=-1) == (1.0, 6.5)

    @pytest.mark.parametrize(("theta", "count"), [(INT64_MAX, 0), (INT64_MIN, 1)])
    def test_constants_stay_what_they_are(self, theta: int, count: int) -> None:
        step, origin = self.line([theta])
        assert np.rint((np.array([-100, 100]) - origin) / step).tolist() == [count, count]


def test_stock_neurons_stand_for_a_reset_to_zero() -> None:
    model = rate_form(two_layers(), Rate(8, "zero")).graph.nodes["h"].model  # type: ignore[attr-defined]
    assert isinstance(model, FixedIntegrateFire)
    assert model.fraction_bits == 6
    assert model.thresholds.shape == (1,)
    assert (int(model.thresholds[0]) - 1) % 64 == 0
    assert (model.reset, int(model.reset_value), int(model.v_min)) == ("zero", 0, -(2**23) + 1)


class TestRefusals:
    def refused(self, graph: Graph, pools: str = "refuse") -> str:
        with pytest.raises(NotExecutable) as error:
            rate_form(graph, Rate(4, "subtract", pools))  # type: ignore[arg-type]
        return str(error.value)

    def pooled(self) -> Graph:
        pool = SumPool(in_shape=(1, 4, 4), kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)))
        return Graph(
            [
                Input(name="x", shape=(1, 4, 4), lo=0, hi=4),
                Population(name="m", shape=(1, 2, 2), model=Max()),
                Output(name="out", shape=(1, 2, 2)),
            ],
            [
                Projection(name="x-m", source="x", target="m", map=pool),
                Projection(name="m-out", source="m", target="out", map=Identity(shape=(1, 2, 2))),
            ],
        )

    def test_maxima_unless_the_average_is_chosen(self) -> None:
        assert "m: takes a maximum" in self.refused(self.pooled())
        chosen = RunSettings("rate", "sequential", Rate(64, "subtract", "average"))
        x = np.arange(16).reshape(1, 1, 1, 4, 4) % 5
        got = open_session(OracleEngine(), self.pooled(), chosen).run({"x": x}).counts["m"]
        mean = x.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(2, 2, 4).mean(axis=-1)
        assert np.abs(got[0, 0, 0] - mean).max() <= 0.5 + 4 / 64

    def test_products(self) -> None:
        nodes = [
            Input(name="x", shape=(2,), lo=0, hi=1),
            Product(name="p", shape=(2,), a_shape=(2,), b_shape=(2,), op="multiply"),
            Output(name="out", shape=(2,)),
        ]
        wires = [("x", "p", "a"), ("x", "p", "b"), ("p", "out", "in")]
        projections = [
            Projection(name=f"{i}", source=a, target=b, port=port, map=Identity(shape=(2,)))
            for i, (a, b, port) in enumerate(wires)
        ]
        assert "p: multiplies" in self.refused(Graph(nodes, projections))

    def test_membranes_across_frames_and_loops(self) -> None:
        graph = two_layers()
        binary = FixedIntegrateFire.binary(8)
        nodes = [
            Population(name="h", shape=(4,), model=binary) if n.name == "h" else n
            for n in graph.nodes.values()
        ]
        message = self.refused(graph.replace(nodes=nodes))
        assert "h: has neurons of model `fixed-integrate-fire`" in message
        loop = Projection(name="loop", source="h", target="h", map=Identity(shape=(4,)), frames=1)
        looped = graph.replace(projections=[*graph.projections.values(), loop])
        assert "projection loop: brings what an earlier frame" in self.refused(looped)
