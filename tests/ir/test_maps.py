"""Linear maps against PyTorch and against their own synapse lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.ir.errors import GraphError
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool, exact_matmul


@st.composite
def convs(draw: st.DrawFn) -> Conv:
    n_spatial = draw(st.sampled_from([1, 2]))
    groups = draw(st.sampled_from([1, 2, 3]))
    c_group, per_group = draw(st.integers(1, 2)), draw(st.integers(1, 2))

    def axis(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(n_spatial))

    kernel, stride, dilation = axis(1, 3), axis(1, 3), axis(1, 2)
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(n_spatial))
    seed = draw(st.integers(0, 2**16))
    weight = np.random.default_rng(seed).integers(-8, 8, (groups * per_group, c_group, *kernel))
    return Conv(
        weight=weight,
        in_shape=(groups * c_group, *axis(5, 8)),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@st.composite
def pools(draw: st.DrawFn) -> SumPool:
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    pad = st.tuples(st.integers(0, 1), st.integers(0, 1))
    return SumPool(
        weight=draw(st.sampled_from([np.int64(2), np.array([1, 0, -3])])),
        in_shape=(3, draw(st.integers(3, 7)), draw(st.integers(3, 7))),
        kernel=draw(pair),
        stride=draw(pair),
        padding=(draw(pad), draw(pad)),
    )


def torch_conv(conv: Conv, x: Any) -> Any:
    import torch

    pads = [side for pair in reversed(conv.padding) for side in pair]
    padded = torch.nn.functional.pad(torch.tensor(x, dtype=torch.float64), pads)
    function = getattr(torch.nn.functional, f"conv{len(conv.kernel)}d")
    weight = torch.tensor(conv.weight, dtype=torch.float64)
    return function(
        padded, weight, stride=conv.stride, dilation=conv.dilation, groups=conv.groups
    ).numpy()


@pytest.mark.torch
@given(convs(), st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_conv_equals_torch(conv: Conv, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-5, 6, (2, *conv.in_shape))
    y = conv.apply(x)
    assert y.dtype == np.int64
    assert np.array_equal(y, torch_conv(conv, x))


@pytest.mark.torch
@given(pools(), st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_sum_pool_equals_torch(pool: SumPool, seed: int) -> None:
    kernel = np.ones((3, 1, *pool.kernel), dtype=np.int64)
    conv = Conv(
        weight=kernel,
        in_shape=pool.in_shape,
        stride=pool.stride,
        padding=pool.padding,
        dilation=pool.dilation,
        groups=3,
    )
    x = np.random.default_rng(seed).integers(-5, 6, (2, *pool.in_shape))
    scale = np.broadcast_to(pool.weight, 3)[:, None, None]
    assert np.array_equal(pool.apply(x), torch_conv(conv, x) * scale)


@given(st.one_of(convs(), pools()), st.integers(0, 2**16))
@settings(max_examples=80, deadline=None)
def test_synapse_list_is_the_map(linear: LinearMap, seed: int) -> None:
    indptr, targets, weight = linear.to_csr()
    listed = Sparse(
        in_shape=linear.in_shape,
        out_shape=linear.out_shape,
        indptr=indptr,
        targets=targets,
        weight=weight,
    )
    x = np.random.default_rng(seed).integers(-5, 6, (2, *linear.in_shape))
    assert np.array_equal(listed.apply(x), linear.apply(x))
    assert np.array_equal(np.diff(indptr).reshape(linear.in_shape), linear.fan_out())
    assert np.array_equal(listed.effective_fan_out(), linear.effective_fan_out())
    assert np.array_equal(listed.fan_in(), linear.fan_in())
    assert linear.n_synapses == len(targets)


def test_dense_shares_weights_over_tokens() -> None:
    dense = Dense(weight=np.array([[1, 2], [0, -1], [3, 0]]), lead=(2,))
    x = np.array([[[1, 1], [2, 3]]])
    assert dense.apply(x).tolist() == [[[3, -1, 3], [8, -3, 6]]]
    assert dense.fan_out().tolist() == [[3, 3], [3, 3]]
    assert dense.effective_fan_out().tolist() == [[2, 2], [2, 2]]
    indptr, targets, weight = dense.to_csr()
    assert targets[indptr[3] : indptr[4]].tolist() == [3, 4, 5]
    assert weight[indptr[3] : indptr[4]].tolist() == [2, -1, 0]


def test_corner_spike_reaches_four_taps_of_a_padded_conv() -> None:
    """3x3, padding 1, 5 output channels: a corner meets 2x2 positions, the centre 3x3."""
    conv = Conv(
        weight=np.ones((5, 1, 3, 3), dtype=np.int64),
        in_shape=(1, 4, 4),
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    fan_out = conv.fan_out()[0]
    assert (fan_out[0, 0], fan_out[0, 1], fan_out[1, 1]) == (4 * 5, 6 * 5, 9 * 5)


def test_identity_scales_by_channel() -> None:
    identity = Identity(weight=np.array([2, -1]), shape=(3, 2), channel_axis=1)
    assert identity.apply(np.ones((1, 6), dtype=np.int64)).tolist() == [[[2, -1]] * 3]
    assert identity.fan_out().tolist() == [[1, 1]] * 3


@pytest.mark.parametrize("big", [2**20, 2**31])
def test_integer_products_are_exact_beyond_float64(big: int) -> None:
    a = np.array([[big, 1], [1, big]], dtype=np.int64)
    b = np.array([[big, 1], [-1, 3]], dtype=np.int64)
    expected = [[sum(int(x) * int(y) for x, y in zip(r, c, strict=True)) for c in b.T] for r in a]
    assert exact_matmul(a, b).tolist() == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(weight=np.ones(3, dtype=int)), "2 axes"),
        (lambda: Identity(shape=(2,), weight=np.array([1, 2, 3])), "weights are"),
        (lambda: Identity(shape=(2,), channel_axis=1), "channel axis"),
        (
            lambda: SumPool(in_shape=(1, 2), kernel=(3,), stride=(1,), padding=((0, 0),)),
            "larger than the padded input",
        ),
        (
            lambda: Sparse(
                in_shape=(1,),
                out_shape=(2,),
                indptr=np.array([0, 2]),
                targets=np.array([1, 0]),
                weight=np.array([1, 1]),
            ),
            "do not rise",
        ),
        (lambda: Dense(weight=np.array([["a"]])), "integers or reals"),
    ],
)
def test_wrong_shapes_are_refused(make: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        make()


@pytest.mark.parametrize("kind", [Conv, SumPool])
def test_windows_that_see_padding_alone_have_no_synapses(kind: type[Conv] | type[SumPool]) -> None:
    """One pixel behind a row and a column of padding, stepped over by the stride."""
    windows: dict[str, Any] = {"in_shape": (1, 1, 1), "stride": (2, 2), "padding": ((1, 0), (1, 0))}
    linear: LinearMap
    if kind is Conv:
        linear = Conv(weight=np.full((1, 1, 1, 1), 3), dilation=(1, 1), groups=1, **windows)
    else:
        linear = SumPool(weight=np.array(3), kernel=(1, 1), **windows)
    assert linear.out_size == 1
    indptr, targets, weights = linear.to_csr()
    assert (indptr.tolist(), targets.size, weights.size) == ([0, 0], 0, 0)
