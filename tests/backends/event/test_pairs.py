"""Events gathered two at a time: every width, payloads at their bounds, lists that cannot."""

from typing import Any

import numpy as np
import pytest

from snnc.backends.event.gather import GATHER_LANES
from snnc.backends.event.pairs import BYTE_MAX, PAIRED_FROM
from snnc.ir.arrays import IntArray
from snnc.ir.maps import Conv, Dense
from tests.backends.event.nets import one_layer


def check(map_: Conv | Dense, x: IntArray) -> None:
    peak = int(np.abs(x).max(initial=1))
    session = one_layer(map_, lo=-peak, hi=peak, mode="gather")
    got = session.run({"x": x}, record={"y"}).counts["y"]
    assert (got[:, 0] == map_.apply(x[:, 0])).all()


def conv(rng: Any, c_in: int, c_out: int, heaviest: int) -> Conv:
    return Conv(
        weight=rng.integers(-heaviest - 1, heaviest + 1, (c_out, c_in, 3, 3)),
        in_shape=(c_in, 5, 4),
        stride=(1, 1),
        padding=((1, 1),) * 2,
        dilation=(1, 1),
        groups=1,
    )


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("share", [0.04, 0.5, 1.0])
@pytest.mark.parametrize("c_out", [PAIRED_FROM - GATHER_LANES, 64, 80, 96, 112, 128, 250])
def test_rows_of_every_length(c_out: int, share: float, signed: bool) -> None:
    """Odd and even numbers of events in a run, batches that are full in the middle of one."""
    rng = np.random.default_rng(c_out)
    map_ = conv(rng, 19, c_out, 127)
    x = rng.integers(-4 if signed else 1, 5, (2, 1, *map_.in_shape))
    check(map_, x * (rng.random(x.shape) < share))


@pytest.mark.parametrize("peak", [BYTE_MAX - 1, BYTE_MAX, BYTE_MAX + 1, 4 * BYTE_MAX])
@pytest.mark.parametrize("heaviest", [1, 15])
def test_payloads_at_the_bound_of_a_byte(heaviest: int, peak: int) -> None:
    rng = np.random.default_rng(peak)
    map_ = conv(rng, 9, 64, heaviest)
    check(map_, np.full((1, 1, *map_.in_shape), peak))
    check(map_, rng.integers(0, peak + 1, (2, 1, *map_.in_shape)))


@pytest.mark.parametrize("weight", [-128, 127])
def test_nothing_saturates(weight: int) -> None:
    """All weights as heavy as can be: the sums of 31 events of payload 8 fill 16 bits."""
    for size in (1, 2, 31, 32, 33, 300):
        map_ = Dense(weight=np.full((64, size), weight), lead=())
        check(map_, np.full((1, 1, size), 8))
        check(map_, np.full((1, 1, size), 31))
