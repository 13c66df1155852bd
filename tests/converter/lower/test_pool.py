"""Pools and reductions."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.sources import SourceModel
from snnc.ir.arrays import Array
from snnc.ir.maps import SumPool
from tests.converter.lower.nets import check, f32, fires, from_text, model_of, ops_of, weights

FIRST = "c0 = Conv <pads: ints = [1,1,1,1]> (x, w0) a0 = Clip(c0, lo, hi) r0 = Round(a0) "
NUMBERS = {"lo": f32(0), "hi": f32(4), "half": f32(0.5)}


def net(body: str, **more: Array) -> SourceModel:
    return from_text(FIRST + body, (2, 7, 6), NUMBERS | {"w0": weights(3, 2, 3, 3)} | more)


MAX_POOLS = {
    "plain": "<kernel_shape: ints = [2,2], strides: ints = [2,2]>",
    "overlapping": "<kernel_shape: ints = [3,2], strides: ints = [2,1]>",
    "padded": "<kernel_shape: ints = [3,3], strides: ints = [2,2], pads: ints = [1,1,1,1]>",
    "ceil": "<kernel_shape: ints = [2,3], strides: ints = [2,3], ceil_mode: int = 1>",
}


@pytest.mark.parametrize("form", MAX_POOLS)
def test_max_pool_of_counts(form: str) -> None:
    lowered, _ = check(net(f"d = Div(r0, hi) y = MaxPool {MAX_POOLS[form]} (d)"))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire", "max"]
    assert lowered.graph.populations[1].step == 0.25


@pytest.mark.parametrize("form", MAX_POOLS)
def test_max_pool_before_the_activation_goes_behind_it(form: str) -> None:
    body = (
        f"c = Conv(r0, w1) p = MaxPool {MAX_POOLS[form]} (c) "
        "m = Mul(p, s) a = Clip(m, lo, hi) r = Round(a) y = Div(r, hi)"
    )
    scale = f32([0.5, 1, 2]).reshape(3, 1, 1)
    lowered, _ = check(net(body, w1=weights(3, 3, 1, 1), s=scale))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire", "float-fire", "max"]
    assert lowered.graph.populations[1].source_tensor == "y/before-MaxPool"


def test_max_pool_before_a_falling_operation_is_taken_on_an_accumulator() -> None:
    body = (
        "c = Conv(r0, w1) p = MaxPool <kernel_shape: ints = [2,2]> (c) "
        "m = Mul(p, s) a = Clip(m, lo, hi) y = Round(a)"
    )
    scale = f32([0.5, -1, 2]).reshape(3, 1, 1)
    lowered, _ = check(net(body, w1=weights(3, 3, 1, 1), s=scale))
    assert [p.model.kind for p in lowered.graph.populations] == [
        "float-fire",
        "accumulator",
        "max",
        "float-fire",
    ]


def test_max_pool_of_a_negative_scale_is_taken_on_an_accumulator() -> None:
    lowered, _ = check(net("n = Neg(r0) y = MaxPool <kernel_shape: ints = [2,2]> (n)"))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire", "accumulator", "max"]


def test_max_pool_of_a_concatenation_has_a_population_for_each_part() -> None:
    body = (
        "c = Conv(r0, w1) a1 = Clip(c, lo, hi) r1 = Round(a1) d1 = Div(r1, hi) "
        "k = Concat <axis: int = 1> (d1, r0) "
        "p = MaxPool <kernel_shape: ints = [2,2], strides: ints = [2,2]> (k) y = Conv(p, w2)"
    )
    lowered, _ = check(net(body, w1=weights(2, 3, 1, 1), w2=weights(2, 5, 1, 1)))
    maxima = [p for p in lowered.graph.populations if p.model.kind == "max"]
    assert [(p.shape, float(p.step)) for p in maxima] == [((2, 3, 3), 0.25), ((3, 3, 3), 1.0)]


def test_a_zero_among_signed_counts_can_be_the_maximum() -> None:
    body = (
        "c = Conv(r0, w1) a1 = Clip(c, neg, lo) r1 = Round(a1) p = Pad(r1, pads) "
        "y = MaxPool <kernel_shape: ints = [2,2], strides: ints = [2,2]> (p)"
    )
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    lowered, _ = check(net(body, w1=weights(2, 3, 1, 1), neg=f32(-4), pads=pads))
    assert [p.model.kind for p in lowered.graph.populations][-2:] == ["accumulator", "max"]


AVERAGE_POOLS = {
    "plain": ("<kernel_shape: ints = [2,2], strides: ints = [2,2]>", "sum-pool"),
    "padding-counted": (
        "<kernel_shape: ints = [3,3], strides: ints = [2,2], pads: ints = [1,1,1,1], "
        "count_include_pad: int = 1>",
        "sum-pool",
    ),
    "padding-not-counted": (
        "<kernel_shape: ints = [3,3], strides: ints = [2,2], pads: ints = [1,1,1,1]>",
        "sparse",
    ),
    "ceil": ("<kernel_shape: ints = [2,2], strides: ints = [2,2], ceil_mode: int = 1>", "sparse"),
}


@pytest.mark.parametrize("form", AVERAGE_POOLS)
def test_average_pool(form: str) -> None:
    attributes, kind = AVERAGE_POOLS[form]
    lowered, _ = check(net(f"y = AveragePool {attributes} (r0)"))
    assert list(lowered.graph.projections.values())[1].map.kind == kind


def test_rounding_behind_an_average_is_bounded_by_what_can_arrive() -> None:
    body = "p = AveragePool <kernel_shape: ints = [2,2]> (r0) h = Add(p, half) y = Floor(h)"
    lowered, _ = check(net(body))
    last = fires(lowered)[-1]
    assert (model_of(last).lo, model_of(last).hi) == (0, 4)
    assert ops_of(last) == ["add", "floor"]


REDUCTIONS = {
    "global": ("y = GlobalAveragePool(r0)", (3, 7, 6), (7, 6)),
    "mean-of-space": ("y = ReduceMean <keepdims: int = 0> (r0, axes)", (3, 7, 6), (7, 6)),
    "sum-of-columns": ("y = ReduceSum <keepdims: int = 1> (r0, axes)", None, None),
}


@pytest.mark.parametrize("form", REDUCTIONS)
def test_reductions_over_space(form: str) -> None:
    body, shape, kernel = REDUCTIONS[form]
    axes = np.array([3] if form == "sum-of-columns" else [2, 3])
    lowered, _ = check(net(body, axes=axes))
    map_ = list(lowered.graph.projections.values())[1].map
    assert isinstance(map_, SumPool)
    if shape:
        assert (map_.in_shape, map_.kernel) == (shape, kernel)


def test_a_mean_over_channels_gathers() -> None:
    lowered, _ = check(net("y = ReduceMean <keepdims: int = 1> (r0, axes)", axes=np.array([1])))
    assert list(lowered.graph.projections.values())[1].gather is not None


def test_a_pool_of_a_layer_reads_an_accumulator() -> None:
    lowered, _ = check(net("c = Conv(r0, w1) y = GlobalAveragePool(c)", w1=weights(3, 3, 1, 1)))
    assert [p.model.kind for p in lowered.graph.populations] == [
        "float-fire",
        "accumulator",
        "accumulator",
    ]
