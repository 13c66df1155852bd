"""Steps that branches and streams share, and channels that are turned."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from snnc.converter.integer import integer_form
from snnc.ir.maps import Conv, Dense, Identity, SumPool
from snnc.ir.neurons import (
    Accumulator,
    FloatFire,
)
from snnc.ir.nodes import Population
from tests.converter.integer.nets import (
    Net,
    checked,
    fire,
    normals,
    one,
    population,
    real,
    same_conv,
    step_of,
    values,
    weights,
)

RNG = np.random.default_rng(7)
normal = partial(normals, RNG)


class TestSharedSteps:
    def test_two_counts_are_added_on_a_common_grid(self) -> None:
        net = Net((3,), hi=15)
        net.add("a", (3,), fire(4), ("x", one((3,))), step=np.array(0.25))
        net.add("b", (3,), fire(15), ("x", one((3,))), step=np.array(1 / 15))
        net.add("s", (3,), Accumulator(), ("a", one((3,))), ("b", one((3,))))
        net.add("z", (3,), fire(9), ("s", one((3,))))
        form = checked(net.graph("z"))
        assert weights(form.graph, ["a->s", "b->s"]) == [[15], [4]]
        np.testing.assert_allclose(step_of(form, "s"), 1 / 60, rtol=1e-12)

    def test_steps_far_apart_take_an_exponent(self) -> None:
        net = Net((3,), hi=15)
        net.add("a", (3,), fire(4), ("x", one((3,))), step=np.array(1.0))
        net.add("b", (3,), fire(15), ("x", one((3,))), step=np.array(2.0**-10))
        net.add("s", (3,), Accumulator(), ("a", one((3,))), ("b", one((3,))))
        net.add("z", (3,), fire(9), ("s", one((3,))))
        form = checked(net.graph("z"))
        a, b = (form.graph.projections[n] for n in ("a->s", "b->s"))
        assert int(a.map.weight) * 2**a.exponent == 2**10
        assert (int(b.map.weight), b.exponent) == (1, 0)
        assert form.rounding.is_exact

    def test_the_finest_branch_sets_the_step(self) -> None:
        net = Net((10,))
        net.add("s", (4,), Accumulator(), ("x", Dense(weight=normal(4, 10))))
        net.join("x", "s", Dense(weight=normal(4, 10) / 50))
        net.add("z", (4,), fire(9), ("s", one((4,))))
        form = checked(net.graph("z"))
        coarse, fine = (form.graph.projections[n] for n in ("x->s", "x->s#1"))
        assert (coarse.exponent, fine.exponent) in {(5, 0), (6, 0), (7, 0)}
        assert np.abs(coarse.map.weight).max() > 60
        assert np.abs(fine.map.weight).max() > 60

    def test_one_exact_branch_stays_exact_beside_a_rounded_one(self) -> None:
        net = Net((6,), hi=9)
        net.add("a", (6,), fire(9), ("x", one((6,))), step=np.array(0.3))
        net.add("s", (6,), Accumulator(), ("a", Dense(weight=normal(6, 6))), ("a", one((6,))))
        net.add("z", (6,), fire(9), ("s", one((6,))))
        form = checked(net.graph("z"))
        skip = form.graph.projections["a->s#1"]
        assert (skip.map.weight != 0).all()
        expected = np.broadcast_to(skip.map.weight, (6,)) * 2**skip.exponent * step_of(form, "s")
        np.testing.assert_allclose(expected, 0.3, rtol=1e-12)

    def test_int8_branches_with_different_powers_of_two(self) -> None:
        q1, q2 = RNG.integers(-128, 128, (2, 8, 30))
        net = Net((30,))
        net.add("h", (8,), fire(15), ("x", Dense(weight=q1 * 2.0**-9)))
        net.join("x", "h", Dense(weight=q2 * 2.0**-6))
        form = checked(net.graph("h"))
        for name, q in (("x->h", q1 * 2.0**-9), ("x->h#1", q2 * 2.0**-6)):
            p = form.graph.projections[name]
            stored = p.map.weight * 2**p.exponent * step_of(form, "h")[:, None]
            np.testing.assert_array_equal(stored, q)
        assert form.rounding.is_exact

    def test_conflicting_grids_are_rounded_not_refused(self) -> None:
        w1 = np.array([[100.0], [100.0]])
        w2 = np.array([[99.0 * 77], [99.0]])
        net = Net((1,)).add("h", (2,), fire(4), ("x", Dense(weight=w1)))
        net.join("x", "h", Dense(weight=w2))
        form = checked(net.graph("h"))
        for name, w in (("x->h", w1), ("x->h#1", w2)):
            p = form.graph.projections[name]
            stored = p.map.weight * 2.0**p.exponent * step_of(form, "h")[:, None]
            # half a unit of the widest row of the channel
            widest = np.maximum(w1, w2)
            assert (np.abs(stored - w) <= widest / 127 / 2 * 1.001).all()


def residual(depth: int = 3) -> Net:
    """A stream of six channels with blocks of rule and conv, some scales negative."""
    shape = (6, 5, 5)
    net = Net((2, 5, 5), step=1 / 255)
    first = same_conv(normal(6, 2, 3, 3), (5, 5))
    net.add("s0", shape, Accumulator(), ("x", first), bias=normal(6))
    for i in range(depth):
        act, stream, conv = f"a{i}", f"s{i}", same_conv(normal(6, 6, 3, 3), (5, 5))
        model = fire(4, ("mul", normal(6)))
        net.add(act, shape, model, (stream, one(shape)), step=np.array(0.25))
        inputs = (act, conv), (stream, one(shape))
        net.add(f"s{i + 1}", shape, Accumulator(), *inputs, bias=normal(6))
    return net


class TestStreams:
    def test_skip_weights_are_one_and_steps_shared(self) -> None:
        graph = residual().graph("s3")
        form = checked(graph)
        for i in range(3):
            skip = form.graph.projections[f"s{i}->s{i + 1}"]
            assert skip.map.weight == 1
            assert skip.exponent == 0
            np.testing.assert_array_equal(step_of(form, f"s{i}"), step_of(form, "s3"))
            assert set(np.unique(form.graph.projections[f"s{i}->a{i}"].map.weight)) <= {-1, 1}

    def test_an_output_makes_the_whole_stream_uniform(self) -> None:
        form = checked(residual().graph("s3"))
        assert population(form.graph, "s3").step.shape == ()
        assert len(np.unique(step_of(form, "s0"))) == 1

    def test_turned_channels_of_a_shared_accumulator(self) -> None:
        """A negative scale in the rule: -1 on the identity, the stream itself untouched."""
        graph = residual().graph("s3")
        form = checked(graph)
        model = population(graph, "a1").model
        assert isinstance(model, FloatFire)
        scale = model.rule.ops[0].args[0]
        sign = np.broadcast_to(form.graph.projections["s1->a1"].map.weight, (6,))
        np.testing.assert_array_equal(sign, np.sign(scale))

    def test_values_follow_the_float_form(self) -> None:
        graph = residual().graph("s3")
        form = checked(graph, weight_bits=16)
        x = RNG.integers(0, 256, (10, 2, 5, 5))
        want, got = values(graph, x), values(form.graph, x)
        for name in ("a0", "a1", "a2"):
            assert (want[name] != got[name]).mean() < 0.005
        error = np.abs(real(form.graph, "s0", got["s0"]) - want["s0"])
        assert error.max() < 1e-3

    def test_pools_keep_the_integers_of_the_stream(self) -> None:
        net = residual()
        pool = SumPool(
            in_shape=(6, 5, 5),
            kernel=(5, 5),
            stride=(5, 5),
            padding=((0, 0), (0, 0)),
            weight=np.array(1 / 25),
        )
        net.add("pool", (6, 1, 1), Accumulator(), ("s3", pool))
        net.add("head", (4,), Accumulator(), ("pool", Dense(weight=normal(4, 6))))
        form = checked(net.graph("head"))
        assert form.graph.projections["s3->pool"].map.weight == 1
        np.testing.assert_allclose(step_of(form, "pool"), step_of(form, "s3") / 25, rtol=1e-12)
        assert len(np.unique(step_of(form, "s3"))) > 1
        assert population(form.graph, "head").step.shape == ()

    def test_concatenated_streams(self) -> None:
        net = Net((4,))
        net.add("a", (3,), Accumulator(), ("x", Dense(weight=normal(3, 4))))
        net.add("b", (2,), Accumulator(), ("x", Dense(weight=normal(2, 4))))
        net.nodes.append(Population(name="c", shape=(5,), model=Accumulator()))
        net.join("a", "c", one((5,)), gather=np.array([0, 1, 2, -1, -1]))
        net.join("b", "c", one((5,)), gather=np.array([-1, -1, -1, 0, 1]))
        net.add("z", (5,), fire(9), ("c", one((5,))))
        form = checked(net.graph("z"))
        assert weights(form.graph, ["a->c", "b->c"]) == [[1], [1]]
        np.testing.assert_array_equal(
            step_of(form, "c"), np.concatenate([step_of(form, "a"), step_of(form, "b")])
        )

    def test_a_scaled_skip_ties_with_a_ratio(self) -> None:
        net = Net((4,))
        net.add("a", (3,), Accumulator(), ("x", Dense(weight=normal(3, 4))))
        net.add("b", (3,), Accumulator(), ("a", one((3,), [0.5, -2.0, 1.0])))
        net.add("z", (3,), fire(9), ("b", one((3,))))
        form = checked(net.graph("z"))
        assert form.graph.projections["a->b"].map.weight.tolist() == [1, -1, 1]
        np.testing.assert_allclose(step_of(form, "b"), step_of(form, "a") * [0.5, 2, 1])

    def test_contradicting_ratios_become_weights(self) -> None:
        """x + x / 2 and x + W x cannot have skip weight 1: exact integer weights instead."""
        net = Net((4,))
        net.add("a", (3,), Accumulator(), ("x", Dense(weight=normal(3, 4))))
        net.add("b", (3,), Accumulator(), ("a", one((3,))), ("a", one((3,), 0.5)))
        net.add("c", (3,), Accumulator(), ("b", one((3,))), ("b", Dense(weight=normal(3, 3))))
        net.add("z", (3,), fire(9), ("c", one((3,))))
        graph = net.graph("z")
        form = checked(graph)
        assert weights(form.graph, ["a->b", "a->b#1"]) == [[2], [1]]
        skip = form.graph.projections["b->c"]
        exact = np.broadcast_to(skip.map.weight, (3,)) * 2**skip.exponent * step_of(form, "c")
        np.testing.assert_allclose(exact, step_of(form, "b"), rtol=1e-12)


class TestTurning:
    def test_a_falling_rule_negates_incoming_weights(self) -> None:
        scale = np.array([1.0, -0.5])
        w, bias = normal(2, 6), normal(2)
        net = Net((6,)).add("h", (2,), fire(4, ("mul", scale)), ("x", Dense(weight=w)), bias=bias)
        form = checked(net.graph("h"))
        plain = Net((6,)).add("h", (2,), fire(4), ("x", Dense(weight=w)), bias=bias)
        q = checked(plain.graph("h")).graph.projections["x->h"].map.weight
        turned = form.graph.projections["x->h"].map.weight
        np.testing.assert_array_equal(turned, q * [[1], [-1]])
        assert form.membrane_steps["h"][1] < 0
        assert list(form.graph.nodes) == ["x", "h", "h.out"]

    @pytest.mark.parametrize("scale", [1.0, -1.0])
    def test_a_channel_that_holds_the_lowest_weight_is_turned_by_an_identity(
        self, scale: float
    ) -> None:
        """-128 s falling, or +128 s rising: stored as -128 in front of a -1 identity."""
        q = RNG.integers(-127, 128, (3, 8)).astype(float)
        q[:, 1] = 1
        q[1, 0] = 128 * scale
        q[2, 0] = -128 * scale
        bias = np.array([1.0, -2.0, 3.0])
        net = Net((8,), hi=15)
        net.add("h", (3,), fire(9, ("mul", scale * 2.0**-8)), ("x", Dense(weight=q)), bias=bias)
        graph = net.graph("h")
        form = checked(graph)
        first = form.graph.projections["x->h"]
        assert first.target == "h.turned"
        assert first.map.weight.min() == -128
        assert first.map.weight.max() < 128
        assert set(np.unique(form.graph.projections["h.turn"].map.weight)) == {-1, 1}
        x = RNG.integers(0, 16, (200, 8))
        np.testing.assert_array_equal(values(form.graph, x)["h"], values(graph, x)["h"])
        assert form.rounding.is_exact

    def test_both_extremes_in_two_branches_do_without(self) -> None:
        w1 = np.array([[128.0, 3.0]])
        w2 = np.array([[-128.0, 5.0]])
        net = Net((2,)).add("h", (1,), fire(4), ("x", Dense(weight=w1)))
        net.join("x", "h", Dense(weight=w2))
        form = checked(net.graph("h"))
        for name in ("x->h", "x->h#1"):
            assert np.abs(form.graph.projections[name].map.weight).max() == 127


def test_the_result_is_reproducible() -> None:
    graph = residual().graph("s3")
    assert integer_form(graph).graph.content_hash() == integer_form(graph).graph.content_hash()


def test_identity_maps_stay_identities() -> None:
    form = checked(residual().graph("s3"))
    kinds = {p.map.kind for p in form.graph.projections.values()}
    assert kinds == {"conv", "identity"}
    assert isinstance(form.graph.projections["s0->s1"].map, Identity)
    assert isinstance(form.graph.projections["x->s0"].map, Conv)
