"""Interval bounds hold for every input, and are reached where they can be."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.ir.arrays import bits
from snnc.ir.codes import RunSettings
from snnc.ir.errors import WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import Limits
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.ranges import analyse
from snnc.ir.widths import check_width


def one_map(linear: LinearMap, lo: int, hi: int, exponent: int = 0, bias: int = 0) -> Graph:
    return Graph(
        [
            Input(name="x", shape=linear.in_shape, lo=lo, hi=hi),
            Population(
                name="a",
                shape=linear.out_shape,
                model=Accumulator(),
                bias=np.array(bias),
                channel_axis=linear.channel_axis % len(linear.out_shape),
            ),
            Output(name="y", shape=linear.out_shape),
        ],
        [
            Projection(name="p", source="x", target="a", map=linear, exponent=exponent),
            Projection(name="q", source="a", target="y", map=Identity(shape=linear.out_shape)),
        ],
    ).validate()


def maps(rng: np.random.Generator) -> list[LinearMap]:
    conv = Conv(
        weight=rng.integers(-7, 8, (4, 2, 2, 2)),
        in_shape=(4, 3, 3),
        stride=(1, 2),
        padding=((1, 0), (0, 1)),
        dilation=(1, 1),
        groups=2,
    )
    indptr, targets, weight = conv.to_csr()
    return [
        conv,
        Dense(weight=rng.integers(-7, 8, (3, 5))),
        Dense(weight=rng.integers(-7, 8, (3, 2)), lead=(2,)),
        SumPool(
            weight=np.array([2, -1]),
            in_shape=(2, 4, 4),
            kernel=(2, 2),
            stride=(2, 2),
            padding=((0, 0), (0, 0)),
        ),
        Identity(weight=np.array([3, -4]), shape=(2, 2)),
        Sparse(
            in_shape=conv.in_shape,
            out_shape=conv.out_shape,
            indptr=indptr,
            targets=targets,
            weight=weight,
        ),
    ]


@given(st.integers(0, 2**16), st.integers(-4, 2), st.integers(0, 5), st.integers(0, 2), st.data())
@settings(max_examples=60, deadline=None)
def test_bounds_hold(seed: int, lo: int, width: int, exponent: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    linear = data.draw(st.sampled_from(maps(rng)))
    graph = one_map(linear, lo, lo + width, exponent, bias=-3)
    r = analyse(graph)["a"]
    x = rng.choice([lo, lo + width], (64, *linear.in_shape))
    i = graph.projections["p"].apply(x) - 3
    axis = graph.nodes["a"].channel_axis  # type: ignore[attr-defined]
    others = tuple(a for a in range(i.ndim) if a != axis + 1)
    assert (i.min(axis=others) >= r.i_lo).all()
    assert (i.max(axis=others) <= r.i_hi).all()
    assert r.membrane_lo <= i.min() <= i.max() <= r.membrane_hi


def test_bounds_of_a_dense_layer_are_reached() -> None:
    weight = np.array([[3, -2], [-1, -1]])
    graph = one_map(Dense(weight=weight), -1, 2, bias=1)
    r = analyse(graph)["a"]
    corners = np.array(list(product([-1, 2], repeat=2))) @ weight.T + 1
    assert r.i_lo.tolist() == corners.min(axis=0).tolist()
    assert r.i_hi.tolist() == corners.max(axis=0).tolist()


def test_one_tick_of_a_burst_brings_unit_spikes_only() -> None:
    graph = one_map(Dense(weight=np.array([[3, -2]])), 0, 100)
    burst, graded = analyse(graph, RunSettings("burst"))["a"], analyse(graph)["a"]
    assert (burst.tick_lo, burst.tick_hi) == (-2, 3)
    assert (graded.tick_lo, graded.tick_hi) == (-200, 300)


def test_a_change_can_need_a_bit_more_and_membranes_do_not() -> None:
    """Counts 20 … 100: first from 0 to 100, then from 100 to 20."""
    graph = one_map(Dense(weight=np.array([[3, -2]])), 20, 100)
    delta, graded = analyse(graph, RunSettings("delta")), analyse(graph)
    assert (delta["x"].sent_lo, delta["x"].sent_hi) == (-80, 100)
    assert (graded["x"].payload_bits, delta["x"].payload_bits) == (8, 8)
    assert (delta["a"].tick_lo, delta["a"].tick_hi) == (-440, 460)
    assert (delta["a"].membrane_lo, delta["a"].membrane_hi) == (-200, 300)
    assert (graded["a"].membrane_lo, graded["a"].membrane_hi) == (-200, 300)
    signed = one_map(Dense(weight=np.array([[3, -2]])), -8, 7)
    bits = [analyse(signed, RunSettings(code))["x"].payload_bits for code in ("graded", "delta")]
    assert bits == [4, 5]


def test_channels_may_stand_on_a_middle_axis() -> None:
    model = IntegerFire(lo=0, thresholds=np.array([[1, 2], [3, 4], [100, 200]]))
    shape = (2, 3, 2)
    node = Population(name="a", shape=shape, model=model, channel_axis=1)
    graph = one_map(Identity(shape=shape, channel_axis=1), 0, 3)
    nodes = [node if n.name == "a" else n for n in graph.nodes.values()]
    r = analyse(graph.replace(nodes=nodes))["a"]
    assert (r.out_lo.tolist(), r.out_hi.tolist()) == ([0, 0, 0], [2, 1, 0])


@pytest.mark.parametrize(("lo", "hi", "width"), [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-128, 127, 8)])
def test_two_s_complement_width(lo: int, hi: int, width: int) -> None:
    assert bits(lo, hi) == width


def test_a_membrane_across_frames_grows_unless_it_leaks() -> None:
    graph = one_map(Dense(weight=np.array([[1]])), 0, 10)

    def bound(model: FixedIntegrateFire, n_frames: int) -> int:
        nodes = [
            Population(name="a", shape=(1,), model=model) if n.name == "a" else n
            for n in graph.nodes.values()
        ]
        return analyse(graph.replace(nodes=nodes), n_frames=n_frames)["a"].membrane_hi

    assert bound(FixedIntegrateFire.binary(np.array(5)), 100) == 1000
    assert (
        bound(FixedIntegrateFire.binary(5, leak_multiplier=np.array(2048), leak_shift=12), 100)
        == 20
    )


def test_too_wide_a_membrane_is_refused_by_name() -> None:
    graph = one_map(Dense(weight=np.full((1, 1000), 127)), 0, 255)
    ranges = analyse(graph)
    check_width(graph, ranges, Limits(target="wide", membrane_bits=26))
    with pytest.raises(WidthExceeded) as error:
        check_width(graph, ranges, Limits(target="narrow", membrane_bits=24))
    assert str(error.value) == (
        "a: the membrane can need 26 bits (0 … 32,385,000), narrow has 24 [SNNC401]\n"
        "hint: 2 fewer --weight-bits, fewer levels of what it reads, or a target with wider "
        "registers (`sim`)"
    )
    with pytest.raises(WidthExceeded, match="code `burst`, which brings no count at one tick"):
        check_width(graph, ranges, Limits(target="narrow", current_bits=24))


def test_a_membrane_that_lasts_is_bounded_by_fewer_frames() -> None:
    kept = FixedIntegrateFire(thresholds=np.array([9]), reset_step=np.array(9), lo=0)
    graph = one_map(Dense(weight=np.full((1, 4), -127)), 0, 255)
    node = graph.nodes["a"]
    assert isinstance(node, Population)
    nodes = [replace(node, model=kept) if n is node else n for n in graph.nodes.values()]
    ranges = analyse(graph.replace(nodes=nodes), n_frames=1000)
    with pytest.raises(WidthExceeded, match="fewer frames in a sample"):
        check_width(graph.replace(nodes=nodes), ranges, Limits(target="narrow", membrane_bits=24))


def test_int64_itself_is_never_passed() -> None:
    graph = one_map(Dense(weight=np.full((1, 4), 2**60)), 0, 2)
    with pytest.raises(WidthExceeded, match="62 bits"):
        analyse(graph)


def test_a_map_whose_channels_lie_on_another_axis() -> None:
    """Row 1 of the target gets up to 9 * 5, whichever of its columns is the channel."""
    shape = (2, 2)
    weight = np.array([1, 1, 9, 9])
    map_ = Sparse(
        in_shape=shape,
        out_shape=shape,
        indptr=np.arange(5),
        targets=np.arange(4),
        weight=weight,
        channel_axis=0,
    )
    graph = Graph(
        nodes=[
            Input(name="x", shape=shape, hi=5),
            Population(name="a", shape=shape, model=Accumulator(), channel_axis=1),
            Output(name="y", shape=shape),
        ],
        projections=[
            Projection(name="x-a", source="x", target="a", map=map_),
            Projection(name="a-y", source="a", target="y", map=Identity(shape=shape)),
        ],
        form="integer",
    )
    found = analyse(graph, RunSettings())["a"]
    assert found.i_hi.tolist() == [45, 45]
