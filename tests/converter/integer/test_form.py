"""The integer form: weights, biases, every kind of node."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from snnc.converter.integer import integer_form
from snnc.ir.errors import GraphError, NotMonotone, UnsupportedOperator
from snnc.ir.graph import Graph
from snnc.ir.maps import Dense, Sparse, SumPool
from snnc.ir.neurons import (
    Accumulator,
    FixedIntegrateFire,
    IntegerFire,
    IntegrateFire,
    Max,
)
from snnc.ir.nodes import HostOp, Input, Output, Population, Product
from tests.converter.integer.nets import (
    Net,
    checked,
    fire,
    normals,
    one,
    population,
    real,
    rule,
    same_conv,
    step_of,
    values,
    weights,
)

RNG = np.random.default_rng(7)
normal = partial(normals, RNG)


class TestWeights:
    def test_rounded_weights_use_the_whole_width(self) -> None:
        w = normal(5, 20)
        form = checked(Net((20,)).add("h", (5,), fire(4), ("x", Dense(weight=w))).graph("h"))
        q = form.graph.projections["x->h"].map.weight
        step = np.abs(w).max(axis=1) / 127
        np.testing.assert_array_equal(q, np.rint(w / step[:, None]))
        np.testing.assert_array_equal(step_of(form, "h"), step)

    @pytest.mark.parametrize("bits", [2, 3, 8, 12, 16])
    def test_weight_bits(self, bits: int) -> None:
        net = Net((20,)).add("h", (5,), fire(4), ("x", Dense(weight=normal(5, 20))))
        q = checked(net.graph("h"), weight_bits=bits).graph.projections["x->h"].map.weight
        assert np.abs(q).max() == 2 ** (bits - 1) - 1

    @pytest.mark.parametrize("bits", [1, 17])
    def test_weight_bits_have_bounds(self, bits: int) -> None:
        net = Net((2,)).add("h", (1,), fire(4), ("x", Dense(weight=normal(1, 2))))
        with pytest.raises(GraphError, match="2 … 16"):
            integer_form(net.graph("h"), weight_bits=bits)

    def test_the_sources_step_belongs_to_the_weight(self) -> None:
        """A channel of step 0.5 and one of step 1/16: the grid is that of weight x step."""
        w = np.array([[2.0, 8.0], [1.0, 16.0]])
        net = Net((2,), hi=9)
        net.add("a", (2,), fire(9), ("x", one((2,))), step=np.array([0.5, 1 / 16]))
        net.add("h", (2,), Accumulator(), ("a", Dense(weight=w)))
        net.add("z", (2,), fire(4), ("h", one((2,))))
        form = checked(net.graph("z"))
        assert form.graph.projections["a->h"].map.weight.tolist() == [[2, 1], [1, 2]]
        assert step_of(form, "h").tolist() == [0.5, 0.5]

    def test_per_channel_steps_of_a_conv_source_and_behind_a_flatten(self) -> None:
        step = np.array([0.5, 1 / 3, 0.25])
        net = Net((1, 4, 4), hi=9)
        net.add("a", (3, 4, 4), fire(4), ("x", same_conv(normal(3, 1, 3, 3), (4, 4))), step=step)
        net.add(
            "b", (2, 4, 4), fire(4), ("a", same_conv(normal(2, 3, 3, 3), (4, 4))), step=step[:2]
        )
        depthwise = same_conv(normal(2, 1, 3, 3), (4, 4), groups=2)
        net.add("c", (2, 4, 4), fire(4), ("b", depthwise), step=step[1:])
        net.add("h", (5,), Accumulator(), ("c", Dense(weight=normal(5, 32))))
        graph = net.graph("h")
        form = checked(graph, weight_bits=16)
        x = RNG.integers(0, 10, (20, 1, 4, 4))
        want, got = values(graph, x), values(form.graph, x)
        np.testing.assert_allclose(real(form.graph, "h", got["h"]), want["h"], atol=0.02)
        for name in "abc":
            assert (want[name] != got[name]).mean() < 0.01

    def test_steps_that_differ_inside_a_channel_become_sparse_synapses(self) -> None:
        """A transpose moves the channels of the source into positions of the target's."""
        step = np.array([0.5, 0.25])
        net = Net((2, 3), hi=9)
        net.add("a", (2, 3), fire(9), ("x", one((2, 3))), step=step)
        net.nodes.append(Population(name="t", shape=(3, 2), model=Accumulator()))
        net.join("a", "t", one((3, 2)), gather=np.arange(6).reshape(2, 3).T.reshape(-1))
        net.add("h", (1,), Accumulator(), ("t", Dense(weight=np.ones((1, 6)))))
        graph = net.graph("h")
        form = checked(graph)
        assert isinstance(form.graph.projections["a->t"].map, Sparse)
        x = RNG.integers(0, 10, (20, 2, 3))
        want, got = values(graph, x), values(form.graph, x)
        np.testing.assert_array_equal(real(form.graph, "h", got["h"]), want["h"])

    def test_dead_channels(self) -> None:
        w = normal(4, 6)
        w[1] = 0
        w[3] = 0
        bias = np.array([0.3, 0.7, 0.0, 0.0])
        net = Net((6,)).add("h", (4,), fire(4), ("x", Dense(weight=w)), bias=bias)
        graph = net.graph("h")
        form = checked(graph)
        q = form.graph.projections["x->h"].map.weight
        assert (q[[1, 3]] == 0).all()
        counts = values(form.graph, np.zeros((1, 6), dtype=np.int64))["h"][0]
        assert counts[1] == 1  # round(0.7)
        assert counts[3] == 0

    def test_sixteen_bit_grids_survive_eight_bit_ones_do_not(self) -> None:
        q = RNG.integers(-30000, 30000, (3, 40))
        net = Net((40,)).add("h", (3,), fire(4), ("x", Dense(weight=q * 2.0**-18)))
        wide = checked(net.graph("h"), weight_bits=16)
        np.testing.assert_array_equal(
            wide.graph.projections["x->h"].map.weight * step_of(wide, "h")[:, None], q * 2.0**-18
        )
        assert wide.rounding.is_exact


class TestBiases:
    def test_a_grid_is_refined_until_it_holds_the_bias(self) -> None:
        w = np.array([[0.5, -1.0], [1.0, 3.0], [2.0, 4.0]])
        bias = np.array([0.25, -1.0, 1.5])
        net = Net((2,)).add("h", (3,), fire(4), ("x", Dense(weight=w)), bias=bias)
        form = checked(net.graph("h"))
        assert step_of(form, "h").tolist() == [0.25, 1.0, 0.5]
        assert population(form.graph, "h").bias.tolist() == [1, -1, 3]
        assert form.rounding.is_exact

    def test_a_bias_off_the_grid_gets_the_finest_multiple(self) -> None:
        w = np.array([[1.0, -1.0]])
        net = Net((2,)).add("h", (1,), fire(4), ("x", Dense(weight=w)), bias=np.array([np.e]))
        form = checked(net.graph("h"))
        assert weights(form.graph, ["x->h"]) == [[-64, 64]]
        assert population(form.graph, "h").bias == round(np.e * 64)

    def test_a_bias_map_stays_a_map(self) -> None:
        bias = normal(2, 4, 4)
        conv = same_conv(normal(2, 1, 3, 3), (4, 4))
        net = Net((1, 4, 4)).add("h", (2, 4, 4), fire(4), ("x", conv), bias=bias)
        form = checked(net.graph("h"))
        expected = np.rint(bias / step_of(form, "h")[:, None, None])
        np.testing.assert_array_equal(population(form.graph, "h").bias, expected)
        assert form.rounding.membranes[0].bias_error <= 0.5


class TestOtherNodes:
    def test_a_maximum_keeps_its_sources_step(self) -> None:
        step = np.array([0.5, 0.25])
        pool = SumPool(in_shape=(2, 4, 4), kernel=(2, 2), stride=(2, 2), padding=((0, 0),) * 2)
        conv = same_conv(normal(2, 1, 3, 3), (4, 4))
        net = Net((1, 4, 4)).add("a", (2, 4, 4), fire(4), ("x", conv), step=step)
        net.add("m", (2, 2, 2), Max(), ("a", pool.with_weight(np.array(1.0))), step=step)
        net.add("h", (3,), Accumulator(), ("m", Dense(weight=np.ones((3, 8)))))
        form = checked(net.graph("h"))
        assert population(form.graph, "m").step.tolist() == [0.5, 0.25]
        assert form.graph.projections["a->m"].map.weight == 1
        assert form.graph.projections["m->h"].map.weight[0].tolist() == [2] * 4 + [1] * 4

    def test_a_maximum_over_different_steps_is_refused(self) -> None:
        net = Net((2, 2), hi=4)
        net.add("a", (2, 2), fire(4), ("x", one((2, 2))), step=np.array([0.5, 0.25]))
        pool = SumPool(
            in_shape=(1, 2, 2),
            kernel=(2, 2),
            stride=(2, 2),
            padding=((0, 0),) * 2,
            weight=np.array(1.0),
        )
        net.add("m", (1, 1, 1), Max(), ("a", pool))
        net.add("h", (3,), Accumulator(), ("m", Dense(weight=np.ones((3, 1)))))
        with pytest.raises(UnsupportedOperator, match="different steps"):
            integer_form(net.graph("h"))

    def test_a_maximum_over_accumulators(self) -> None:
        conv = same_conv(normal(2, 1, 3, 3), (4, 4))
        pool = SumPool(in_shape=(2, 4, 4), kernel=(2, 2), stride=(2, 2), padding=((0, 0),) * 2)
        net = Net((1, 4, 4)).add("a", (2, 4, 4), Accumulator(), ("x", conv))
        net.add("m", (2, 2, 2), Max(), ("a", pool.with_weight(np.array(1.0))))
        net.add("z", (2, 2, 2), fire(4), ("m", one((2, 2, 2))))
        form = checked(net.graph("z"))
        np.testing.assert_array_equal(population(form.graph, "m").step, step_of(form, "a"))
        assert form.graph.projections["m->z"].map.weight == 1

    @pytest.mark.parametrize("decay", [1.0, 0.75])
    def test_reset_thresholds_are_integers(self, decay: float) -> None:
        neuron = IntegrateFire(threshold=np.array([1.0, 0.7]), decay=np.array(decay))
        net = Net((6,), hi=1).add("h", (2,), neuron, ("x", Dense(weight=normal(2, 6))))
        form = integer_form(net.graph("h"))
        built = population(form.graph, "h").model
        assert isinstance(built, FixedIntegrateFire)
        unit = step_of(form, "h") / 2**built.fraction_bits
        np.testing.assert_allclose(built.reset_step * unit, [1.0, 0.7], rtol=1e-12)
        assert built.fraction_bits == (0 if decay == 1 else 8)
        facts = form.rounding.membranes[0]
        assert facts.threshold_error < 1e-12
        assert facts.leak_error == 0

    def test_products_have_one_step_per_port(self) -> None:
        net = Net((4, 3), hi=4)
        for name, step in (("q", 0.25), ("k", 0.5)):
            net.add(name, (4, 3), fire(4), ("x", one((4, 3))), step=np.array(step))
        net.nodes.append(Product(name="qk", shape=(4, 4), a_shape=(4, 3), b_shape=(3, 4)))
        net.join("q", "qk", one((4, 3)), port="a")
        transpose = np.arange(12).reshape(4, 3).T.reshape(-1)
        net.join("k", "qk", one((3, 4)), port="b", gather=transpose)
        net.add("z", (4, 4), fire(9), ("qk", one((4, 4))))
        form = checked(net.graph("z"))
        product = form.graph.nodes["qk"]
        assert isinstance(product, Product)
        assert product.step == 0.125
        np.testing.assert_array_equal(step_of(form, "z"), 0.125)
        assert weights(form.graph, ["q->qk", "k->qk", "qk->z"]) == [[1], [1], [1]]

    def test_host_values_take_the_receivers_step(self) -> None:
        nodes = [
            Input(name="x", shape=(4,), grid=False),
            HostOp(name="h", shape=(3,), onnx="h", result="value", lo=-8, hi=8),
            Population(name="s", shape=(3,), model=Accumulator()),
            Population(name="a", shape=(3,), model=fire(4), step=np.array(0.25)),
            Population(name="t", shape=(3,), model=Accumulator()),
            Output(name="y", shape=(3,)),
        ]
        net = Net((4,))
        net.nodes = nodes
        net.join("x", "h", one((4,)))
        net.join("h", "s", one((3,)))
        net.join("s", "a", one((3,)))
        net.join("a", "t", Dense(weight=normal(3, 3)))
        net.join("s", "t", one((3,)))
        net.join("t", "y", one((3,)))
        graph = Graph(net.nodes, net.projections, form="float").validate()
        form = checked(graph)
        host = form.graph.nodes["h"]
        assert isinstance(host, HostOp)
        assert host.step == step_of(form, "t")[0]
        assert host.hi == np.ceil(8 / host.step)
        assert weights(form.graph, ["h->s", "s->a", "s->t"]) == [[1], [1], [1]]

    def test_outputs_of_unequal_counts_are_refused(self) -> None:
        net = Net((2,)).add(
            "h", (2,), fire(4), ("x", Dense(weight=normal(2, 2))), step=np.array([1.0, 0.5])
        )
        with pytest.raises(GraphError, match="different steps"):
            integer_form(net.graph("h"))

    def test_the_float_form_is_demanded(self) -> None:
        form = checked(Net((2,)).add("h", (2,), fire(4), ("x", one((2,)))).graph("h"))
        with pytest.raises(GraphError, match="float form"):
            integer_form(form.graph)

    def test_declared_bounds_stay(self) -> None:
        """Counts that no input can reach keep their levels: others rely on the declared D."""
        net = Net((1,), hi=2).add("h", (1,), fire(15), ("x", one((1,))))
        model = population(checked(net.graph("h")).graph, "h").model
        assert isinstance(model, IntegerFire)
        assert (model.lo, model.hi) == (0, 15)

    def test_errors_speak_the_users_names(self) -> None:
        model = fire(4)
        bad = type(model)(rule=rule(("round",)), lo=0, hi=4)
        net = Net((2,)).add("h", (2,), bad, ("x", one((2,))), module_path="block1.act")
        with pytest.raises(NotMonotone, match=r"block1\.act"):
            integer_form(net.graph("h"))
