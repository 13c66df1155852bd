"""Loihi 1: synaptic memory as nengo-loihi counts it."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.chips import load_chip
from snnc.backends.mapping.boxes import whole
from snnc.backends.mapping.storage import storage_of
from snnc.ir.arrays import Shape
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, LinearMap

FORM = load_chip("loihi1").synapses


def cost(map_: LinearMap) -> tuple[int | None, int]:
    projection = Projection(name="p", source="a", target="b", map=map_)
    return storage_of(projection, map_.out_shape, FORM).cost(whole(map_.out_shape))


def eight_bits(shape: Shape) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    weight = np.ones(shape, dtype=np.int64)
    weight.flat[:2] = -128, 127
    return weight


@pytest.mark.parametrize(
    ("height", "width", "c_in", "c_out", "kernel", "stride", "pad", "words", "axons"),
    [
        (6, 6, 2, 4, 3, 1, 0, 157, 36),
        (7, 9, 3, 8, 3, 2, 0, 143, 63),
        (8, 8, 4, 16, 3, 1, 1, 1729, 64),
        (9, 9, 1, 6, 5, 1, 2, 618, 81),
        (12, 12, 2, 24, 3, 2, 0, 672, 121),
        (5, 5, 8, 32, 1, 1, 0, 304, 25),
    ],
)
def test_kernels(
    height: int, width: int, c_in: int, c_out: int, kernel: int, stride: int, pad: int,
    words: int, axons: int,
) -> None:  # fmt: skip
    """`conv2d_loihi_weights` and `Synapse.bits()` of nengo-loihi 1.1.0, run beside the tests.

    With copies for compartment bases beyond 256, and positions that nothing reads left out.
    """
    map_ = Conv(
        weight=eight_bits((c_out, c_in, kernel, kernel)),
        in_shape=(c_in, height, width),
        stride=(stride, stride),
        padding=((pad, pad), (pad, pad)),
        dilation=(1, 1),
    )
    assert cost(map_) == (words, axons)


def test_dense() -> None:
    """`Synapse.set_weights` of nengo-loihi 1.1.0: 100 lists of 64 + 6 weights, 9 + 1 words."""
    assert cost(Dense(weight=eight_bits((70, 100)))) == (1000, 100)
