"""Window tables against the definition of a convolution, position by position."""

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from snnc.backends.event.layout import Layout, window_axis

small = st.integers(1, 4)


@given(n=st.integers(1, 9), kernel=small, stride=small, dilation=small, pad=st.integers(0, 3))
def test_every_tap_meets_the_output_that_the_definition_says(
    n: Any, kernel: Any, stride: Any, dilation: Any, pad: Any
) -> None:
    n_out = (n + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    assume(n_out >= 1)
    axis = window_axis(n, n_out, kernel, stride, pad, dilation)
    assert sorted(axis.taps.tolist()) == list(range(kernel))
    met = {
        (x, int(axis.taps[tap + j]), out + j * axis.step)
        for x, (out, number, tap) in enumerate(axis.table.tolist())
        for j in range(number)
    }
    defined = {
        (x, k, out)
        for x in range(n)
        for k in range(kernel)
        for out in range(n_out)
        if stride * out + dilation * k - pad == x
    }
    assert met == defined


def test_stride_1_has_one_run_of_falling_taps() -> None:
    axis = window_axis(5, 5, 3, 1, 1, 1)
    assert axis.taps.tolist() == [2, 1, 0]
    assert axis.step == 1
    # (first output, outputs, first stored tap)
    assert axis.table.tolist() == [[0, 2, 1], [0, 3, 0], [1, 3, 0], [2, 3, 0], [3, 2, 0]]


def test_stride_2_stores_even_taps_before_odd_ones() -> None:
    assert window_axis(6, 3, 3, 2, 1, 1).taps.tolist() == [2, 0, 1]


def test_layout_order_and_position_undo_each_other() -> None:
    layout = Layout(pixels=4, channels=3, channels_first=True)
    assert layout.order().tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert (layout.order()[layout.position()] == np.arange(12)).all()


def test_one_pixel_or_one_channel_lies_in_c_order() -> None:
    assert Layout(1, 5, channels_first=True).same_order(Layout(5, 1))
    assert not Layout(2, 3, channels_first=True).same_order(Layout(2, 3))
