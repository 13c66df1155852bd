from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.integer.rows import effective_rows, quantise_rows
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool

RNG = np.random.default_rng(11)


def conv(groups: int) -> Conv:
    return Conv(
        weight=RNG.normal(size=(6, 4 // groups, 3, 3)),
        in_shape=(4, 5, 5),
        stride=(2, 2),
        padding=((1, 0), (0, 1)),
        dilation=(1, 1),
        groups=groups,
    )


def pool() -> SumPool:
    return SumPool(
        in_shape=(4, 5, 5),
        kernel=(2, 2),
        stride=(2, 2),
        padding=((0, 1),) * 2,
        weight=np.array(0.25),
    )


def sparse() -> Sparse:
    indptr, targets, weight = conv(2).to_csr()
    return Sparse(
        in_shape=(4, 5, 5), out_shape=(6, 3, 2), indptr=indptr, targets=targets, weight=weight
    )


MAPS = {
    "dense": lambda: Dense(weight=RNG.normal(size=(3, 100))),
    "conv": lambda: conv(1),
    "grouped": lambda: conv(2),
    "identity": lambda: Identity(shape=(4, 5, 5), weight=RNG.normal(size=4)),
    "pool": pool,
}


def projection(map_: LinearMap, **fields: object) -> Projection:
    return Projection(name="p", source="a", target="b", map=map_, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", MAPS)
def test_effective_weights_are_weights_times_steps(kind: str) -> None:
    """Integers times effective weights = reals times weights, whatever the map."""
    p = projection(MAPS[kind]())
    step = np.repeat(2.0 ** np.arange(-2, 2), 25)
    changed, rows = effective_rows(p, step)
    assert changed is p
    effective = np.concatenate([chunk for _, chunk in rows.chunks()])
    if kind in ("identity", "pool"):
        effective = effective[:, 0]
    scaled = p.map.with_weight(
        effective.reshape(effective.shape if kind in ("identity", "pool") else p.map.weight.shape)
    )
    k = RNG.integers(-5, 6, (2, *p.map.in_shape))
    want = p.map.apply((k.reshape(2, -1) * step).reshape(k.shape))
    np.testing.assert_allclose(scaled.apply(k.astype(float)), want, atol=1e-12)


def test_sparse_rows_are_padded_and_restored() -> None:
    p = projection(sparse())
    _, rows = effective_rows(p, np.repeat([0.5, 0.25, 2.0, 1.0], 25))
    unit = np.ones(rows.n_rows)
    integers, _, _ = quantise_rows(rows, unit / 1000, np.ones(rows.n_rows, dtype=np.int64))
    scaled = p.map.with_weight(rows.to_weight(integers) / 1000)
    k = RNG.integers(-5, 6, (2, 4, 5, 5))
    real = k * np.array([0.5, 0.25, 2.0, 1.0])[:, None, None]
    np.testing.assert_allclose(scaled.apply(k), p.map.apply(real), atol=0.2)


def test_a_step_that_differs_inside_a_channel_makes_the_map_sparse() -> None:
    changed, _ = effective_rows(projection(pool()), RNG.random(100) + 0.5)
    assert isinstance(changed.map, Sparse)


def test_where_nothing_arrives_nothing_is_constrained() -> None:
    gather = np.array([0, 1, -1])
    p = projection(Identity(shape=(3,), weight=np.ones(3)), gather=gather)
    _, rows = effective_rows(p, np.array([0.5, 0.25]))
    chunk = next(chunk for _, chunk in rows.chunks())
    assert chunk[:, 0].tolist() == [0.5, 0.25, 0.0]
    assert rows.to_weight(np.array([[1], [1], [0]])).shape == ()
    assert rows.to_weight(np.array([[1], [2], [0]])).tolist() == [1, 2, 0]


def test_rounding_is_half_even_and_errors_are_returned() -> None:
    _, rows = effective_rows(projection(Dense(weight=np.array([[0.5, 1.5, -2.5]]))), np.array(1.0))
    q, largest, squares = quantise_rows(rows, np.ones(1), np.array([-1]))
    assert q.tolist() == [[0, -2, 2]]
    assert largest.tolist() == [0.5]
    assert squares.tolist() == [0.75]
