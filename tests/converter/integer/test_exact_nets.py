"""Random nets on power-of-two grids: nothing may be lost, so both forms agree in every integer."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snnc.converter.integer import check_staircases, integer_form
from snnc.ir.arrays import along
from snnc.ir.graph import Graph
from snnc.ir.maps import Dense, SumPool
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Population
from snnc.ir.ranges import analyse
from tests.converter.integer.nets import Net, fire, one, same_conv, values

LEVELS = st.sampled_from([1, 4, 15, 127])
ROUNDINGS = st.sampled_from(["half-even", "half-up"])
SHAPE = (3, 4, 4)


@st.composite
def exact_nets(draw: Any) -> Graph:
    """A stream with blocks of (rule, conv), skips, and a pooled head."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def grid(*shape: int) -> np.ndarray:
        return rng.integers(-128, 128, shape) * 2.0 ** rng.integers(-9, -4)

    def constants(axis: int = 3) -> np.ndarray:
        return rng.integers(-64, 65, axis) * 2.0**-6

    def scale() -> np.ndarray:
        return rng.choice([-1.0, 1.0], 3) * 2.0 ** rng.integers(-4, 1, 3)

    net = Net((2, 4, 4), lo=-8, hi=8, step=2.0 ** draw(st.integers(-4, 0)))
    net.add(
        "s0", SHAPE, Accumulator(), ("x", same_conv(grid(3, 2, 3, 3), (4, 4))), bias=constants()
    )
    for i in range(draw(st.integers(1, 3))):
        levels = draw(LEVELS)
        before = [("mul", scale()), ("add", constants())][: draw(st.integers(0, 2))]
        model = fire(levels, *before, rounding=draw(ROUNDINGS))
        step = np.array(2.0 ** -levels.bit_length())
        net.add(f"a{i}", SHAPE, model, (f"s{i}", one(SHAPE)), step=step)
        if draw(st.booleans()):
            model = fire(levels, ("mul", scale()), rounding=draw(ROUNDINGS))
            conv = same_conv(grid(3, 3, 3, 3), (4, 4))
            net.add(f"b{i}", SHAPE, model, (f"a{i}", conv), bias=constants(), step=step)
            last = f"b{i}"
        else:
            last = f"a{i}"
        groups = draw(st.sampled_from([1, 3]))
        conv = same_conv(grid(3, 3 // groups, 3, 3), (4, 4), groups=groups)
        inputs: list[Any] = [(last, conv)]
        if draw(st.booleans()):
            inputs.append((f"s{i}", one(SHAPE)))
        if draw(st.booleans()):
            inputs.append((last, one(SHAPE)))
        net.add(f"s{i + 1}", SHAPE, Accumulator(), *inputs, bias=constants())
    pool = SumPool(
        in_shape=SHAPE, kernel=(2, 2), stride=(2, 2), padding=((0, 0),) * 2, weight=np.array(0.25)
    )
    net.add("p", (3, 2, 2), fire(draw(LEVELS), rounding=draw(ROUNDINGS)), (f"s{i + 1}", pool))
    net.add("h", (5,), Accumulator(), ("p", Dense(weight=grid(5, 12))), bias=constants(5))
    return net.graph("h")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(exact_nets(), st.integers(0, 2**32 - 1))
def test_nothing_is_lost(graph: Graph, seed: int) -> None:
    form = integer_form(graph)
    assert form.rounding.is_exact
    x = np.random.default_rng(seed).integers(-8, 9, (4, 2, 4, 4))
    want, got = values(graph, x), values(form.graph, x)
    for name, node in graph.nodes.items():
        built = form.graph.nodes[name]
        if not isinstance(node, Population):
            continue
        if node.model.emits == "count":
            np.testing.assert_array_equal(got[name], want[name], err_msg=name)
        else:
            assert isinstance(built, Population)
            step = along(built.step, len(node.shape), node.channel_axis)
            np.testing.assert_array_equal(got[name] * step, want[name], err_msg=name)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(exact_nets(), st.sampled_from([3, 5, 8, 11]))
def test_every_form_is_sound(graph: Graph, bits: int) -> None:
    form = integer_form(graph, weight_bits=bits)
    assert all(c.n_different == 0 for c in check_staircases(graph, form))
    for p in form.graph.projections.values():
        assert -(2 ** (bits - 1)) <= p.map.weight.min()
        assert p.map.weight.max() < 2 ** (bits - 1)
    for name, bounds in analyse(form.graph).items():
        assert (bounds.i_lo <= bounds.i_hi).all(), name
