"""Two projections composed bring what they bring one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.conformance.maps import injection, make_map
from snnc.ir import compose as composing
from snnc.ir.compose import compose
from snnc.ir.errors import PassFailed
from snnc.ir.graph import Projection
from snnc.ir.maps import MAPS, Conv, Dense, Identity


def random_pair(first: str, second: str, seed: int) -> tuple[Projection, Projection]:
    """A projection out of 2 x 4 x 4 and one behind it, with gathers and exponents."""
    rng = np.random.default_rng(seed)

    def gather(n: int) -> np.ndarray | None:
        return injection(n, n, rng) if rng.random() < 0.5 else None

    into = make_map(first, (2, 4, 4), 9, rng)
    out_of = make_map(second, into.out_shape, 9, rng)
    return (
        Projection(
            name="a", source="x", target="s", map=into, gather=gather(32), exponent=1, delay=1
        ),
        Projection(
            name="b", source="s", target="y", map=out_of, gather=gather(into.out_size), exponent=2
        ),
    )


@pytest.mark.parametrize("second", sorted(MAPS))
@pytest.mark.parametrize("first", sorted(MAPS))
def test_any_two_maps(first: str, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    for seed in range(6):
        monkeypatch.setattr(composing, "_CHUNK", [2**22, 7][seed % 2])
        a, b = random_pair(first, second, seed)
        shape = b.map.out_shape
        sizes = 32, a.map.out_size
        joined = compose(a, b, sizes=sizes, shape=shape, axis=b.map.channel_axis % len(shape))
        x = rng.integers(-5, 6, (3, 32))
        expected = b.apply(a.apply(x)).reshape(3, -1)
        assert np.array_equal(joined.apply(x).reshape(3, -1), expected)
        assert (joined.source, joined.target, joined.delay) == ("x", "y", 1)


def test_an_identity_keeps_a_convolution() -> None:
    conv = Conv(
        weight=np.ones((2, 1, 3, 3), int),
        in_shape=(1, 4, 4),
        stride=(1, 1),
        padding=((1, 1),) * 2,
        dilation=(1, 1),
    )
    turn = Identity(shape=(2, 4, 4), weight=np.array([1, -1]))
    first = Projection(name="a", source="x", target="s", map=conv)
    second = Projection(name="b", source="s", target="y", map=turn, frames=1)
    joined = compose(first, second, sizes=(16, 32), shape=(2, 4, 4), axis=0)
    assert isinstance(joined.map, Conv)
    assert joined.map.weight[:, 0, 0, 0].tolist() == [1, -1]
    assert joined.frames == 1


def test_a_map_too_large_to_compose_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "LARGEST_COMPOSED", 10)
    ones = np.ones((3, 3), int)
    first = Projection(name="a", source="x", target="sum", map=Dense(weight=ones))
    second = Projection(name="b", source="sum", target="y", map=Dense(weight=ones))
    with pytest.raises(PassFailed, match="sum: what `x` brings to `y`.* takes 27 pairs"):
        compose(first, second, sizes=(3, 3), shape=(3,), axis=0)
