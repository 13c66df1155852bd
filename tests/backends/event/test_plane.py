"""Sums of 16 bits in a plane with margins: as exact as any other way, up to the last that fits."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.event.memory import aligned
from snnc.backends.event.plane import (
    INT16_MAX,
    PEAKS,
    PLANE_LANES,
    _divides,
    limits,
    plane_geometry,
)
from snnc.backends.event.session import EventSession
from snnc.ir.arrays import IntArray
from snnc.ir.maps import Conv, Dense
from tests.backends.event.nets import one_layer


def has_plane(session: EventSession) -> bool:
    return bool(session.compiled.program.projections["plane"][0] >= 0)


def in_plane(map_: Conv | Dense, peak: int, **options: Any) -> EventSession:
    session = one_layer(map_, lo=-peak, hi=peak, mode="plane", **options)
    assert has_plane(session)
    return session


def conv(weight: IntArray, in_shape: tuple[int, ...], **options: Any) -> Conv:
    n = len(in_shape) - 1
    given: dict[str, Any] = {
        "stride": (1,) * n,
        "padding": ((1, 1),) * n,
        "dilation": (1,) * n,
        "groups": 1,
    }
    return Conv(weight=weight, in_shape=in_shape, **(given | options))


def check(session: EventSession, map_: Conv | Dense, x: IntArray) -> None:
    """Twice: what the first run leaves in the plane would be in the second one's sums."""
    wanted = map_.apply(x.reshape(-1, *map_.in_shape)).reshape(len(x), 1, *map_.out_shape)
    for _ in range(2):
        assert (session.run({"x": x}, record={"y"}).counts["y"] == wanted).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    c_in=st.sampled_from([1, 3, 16, 40]),
    c_out=st.sampled_from([1, 16, 24, 32, 67]),
    spatial=st.sampled_from([(7,), (1, 9), (6, 5), (8, 8)]),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    pad=st.integers(0, 4),
    share=st.sampled_from([0.0, 0.03, 0.3, 1.0]),
    peak=st.sampled_from([1, 4, PEAKS, PEAKS + 1]),
)
def test_windows(
    seed: Any, c_in: Any, c_out: Any, spatial: Any, kernel: Any, stride: Any, pad: Any,
    share: Any, peak: Any,
) -> None:  # fmt: skip
    """Against `Conv.apply`, heavy weights among them."""
    rng = np.random.default_rng(seed)
    if any(size + 2 * pad < kernel for size in spatial):
        return
    n = len(spatial)
    map_ = conv(
        rng.integers(-128, 128, (c_out, c_in, *(kernel,) * n)),
        (c_in, *spatial),
        stride=(stride,) * n,
        padding=((pad, pad),) * n,
    )
    session = one_layer(map_, lo=-peak, hi=peak, mode="plane")
    assert has_plane(session) or kernel < stride or c_out < PLANE_LANES // 2
    x = rng.integers(-peak, peak + 1, (2, 1, *map_.in_shape)) * (
        rng.random((2, 1, *map_.in_shape)) < share
    )
    check(session, map_, x)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("peak", [1, 3, 4, PEAKS])
def test_the_last_sum_that_fits_and_the_first_that_does_not(peak: int, sign: int) -> None:
    """One pixel, all weights 127: as many payloads as 16 bits hold, then more and more."""
    weight = np.full((16, 1024, 1, 1), 127)
    map_ = conv(weight, (1024, 1, 1), padding=((0, 0),) * 2)
    session = in_plane(map_, peak)
    most = INT16_MAX // 127 // peak
    for n in (most - 1, most, most + 1, 2 * most, 1024):
        x = np.zeros((1, 1, 1024, 1, 1), np.int64)
        x[0, 0, :n] = sign * peak
        check(session, map_, x)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (3, 3), (4, 3), (7, 2)])
def test_windows_whose_pixels_are_all_full(kernel: int, stride: int, sign: int) -> None:
    """A pixel meets fewer outputs than pixels meet an output where windows jump."""
    size = kernel + stride
    map_ = conv(
        np.full((16, 40, kernel, kernel), 127),
        (40, size, size),
        stride=(stride,) * 2,
        padding=((0, 0),) * 2,
    )
    for peak in (1, 4, PEAKS):
        session = in_plane(map_, peak)
        least = INT16_MAX // 127 // peak // kernel**2
        for n in {max(1, least), least + 1, least * 2 + 1, 40}:  # channels that fire everywhere
            x = np.zeros((1, 1, 40, size, size), np.int64)
            x[:, :, :n] = sign * peak
            check(session, map_, x)


def wide(n: int, stride: int = 1) -> Conv:
    weight = np.ones((16, 1, 3), np.int64)
    return conv(weight, (1, n), stride=(stride,), padding=((0, 0),))


def test_what_is_too_large_for_a_plane() -> None:
    """Numbers of neurons that the division would not stand, and planes of margins."""
    assert _divides(2**23 - 1, 1)
    assert not _divides(2**23, 1)
    assert _divides(2**23 * 3 - 3, 3)
    assert not _divides(2**23 * 3 + 3, 3)
    assert not _divides(2**30, 2**12)
    assert plane_geometry(wide(100), 0) is not None
    assert plane_geometry(wide(3, stride=2**40), 0) is None
    far = conv(
        np.ones((16, 1, 2, 1), np.int64),
        (1, 2, 16),
        padding=((10**8, 0), (0, 0)),
        dilation=(10**8, 1),
    )
    assert plane_geometry(far, 0) is None


def test_sums_that_overflow_on_the_way() -> None:
    """Payload sums beyond 16 bits, with signs that bring them back: another way is taken."""
    weight = np.full((16, 600, 1, 1), 127)
    weight[:, 1::2] = -127
    map_ = conv(weight, (600, 1, 1), padding=((0, 0),) * 2)
    check(in_plane(map_, 4), map_, np.full((1, 1, 600, 1, 1), 4))
    check(in_plane(map_, 4), map_, np.full((1, 1, 600, 1, 1), -4))


@pytest.mark.parametrize("exponent", [0, 1])
def test_tokens(exponent: int) -> None:
    rng = np.random.default_rng(exponent)
    map_ = Dense(weight=rng.integers(-60, 61, (24, 10)), lead=(7,))
    x = rng.integers(-3, 4, (2, 1, *map_.in_shape))
    session = in_plane(map_, 3, exponent=exponent)
    got = session.run({"x": x}, record={"y"}).counts["y"]
    assert (got[:, 0] == map_.apply(x[:, 0]) << exponent).all()


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**31), n=st.integers(1, 400), heaviest=st.sampled_from([1, 9, 127, 128])
)
def test_limits(seed: int, n: int, heaviest: int) -> None:
    """The limit holds for the worst list of payloads, and one payload more would not."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-heaviest, heaviest, (n, 2), endpoint=heaviest < 128)
    found = limits(weights)
    falling = -np.sort(-np.abs(weights), axis=0)
    for peak in range(1, PEAKS + 1):
        number = min(int(found[peak]) // peak, n)
        assert peak * falling[:number].sum(axis=0).max() <= INT16_MAX
        if number < n:
            assert peak * falling[: number + 1].sum(axis=0).max() > INT16_MAX


def test_limits_of_many_weights() -> None:
    """Only the heaviest is looked at: the limit holds, if with room to spare."""
    weights = np.random.default_rng(0).integers(-100, 101, (2**14, 17))
    found = limits(weights)
    assert [int(n) for n in found[1:]] == [
        32767 // peak // 100 * peak for peak in range(1, PEAKS + 1)
    ]


def test_membranes_begin_with_a_line() -> None:
    for size in (1, 7, 1000):
        made = aligned(np.arange(size, dtype=np.int32))
        assert made.ctypes.data % 64 == 0
        assert (made == np.arange(size)).all()
