"""Ranges from observed values: by hand, and the squared error by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.quantize import Observer, Quantizer, Site, choose
from snnc.ir.arrays import Array
from snnc.ir.errors import DataError


def site(*shape: int, is_output: bool = False) -> Site:
    return Site(
        node="n",
        tensor="t",
        operator="Relu",
        module_path="block.act",
        shape=shape,
        axis=0,
        replaced=True,
        is_output=is_output,
    )


def seen(values: Array, where: Site, **options: object) -> Quantizer:
    observer = Observer(where, per_channel=bool(options.pop("per_channel", False)))
    for batch in np.array_split(values, 2):
        observer.add_range(batch)
    for batch in np.array_split(values, 2):
        observer.add_values(batch)
    chosen: dict[str, object] = {"levels": 4, "method": "minmax", "percentile": 99.0, **options}
    return choose(where, observer.result(), **chosen)  # type: ignore[arg-type]


def test_minmax_takes_the_largest_value() -> None:
    values = np.array([[0.0, 1.0, 8.0], [2.0, 0.5, 4.0]], np.float32)
    found = seen(values, site(3))
    assert (float(found.step), found.lo, found.levels) == (2.0, 0, 4)
    assert found.counts(np.array([[0.9, 1.1, 3.0], [5.0, 7.9, 99.0]])).tolist() == [
        [0, 1, 2],  # 1.5 is a tie and goes to the even count
        [2, 4, 4],
    ]


def test_per_channel() -> None:
    values = np.array([[[1.0, 8.0], [0.0, 0.5]], [[4.0, 2.0], [2.0, 0.0]]], np.float32)
    found = seen(values, site(2, 2), per_channel=True)
    assert found.step.tolist() == [2.0, 0.5]
    assert seen(values, site(2, 2, is_output=True), per_channel=True).step.shape == ()


def test_a_dead_channel_takes_the_widest_step() -> None:
    values = np.zeros((4, 2, 3), np.float32)
    values[:, 1] = 6.0
    assert seen(values, site(2, 3), per_channel=True).step.tolist() == [1.5, 1.5]
    assert float(seen(np.zeros((4, 2), np.float32), site(2)).step) == 0.25


def test_signed_values_get_signed_counts() -> None:
    values = np.array([[-1.0, 4.0], [-0.4, 2.0]], np.float32)
    found = seen(values, site(2))
    assert (float(found.step), found.lo) == (1.0, -1)
    wide = seen(-values, site(2))
    assert (float(wide.step), wide.lo) == (1.0, -4)


@pytest.mark.parametrize("percentile", [50.0, 90.0, 99.0])
def test_percentile_is_numpys_quantile(percentile: float) -> None:
    values = np.random.default_rng(0).exponential(size=(1000, 7)).astype(np.float32)
    found = seen(values, site(7), method="percentile", percentile=percentile)
    bin_width = float(values.max()) / 2048
    assert float(found.step) * 4 == pytest.approx(
        np.percentile(values, percentile), abs=1.5 * bin_width
    )


@pytest.mark.parametrize(("levels", "signed"), [(1, False), (3, False), (4, True), (15, False)])
def test_mse_is_nearly_the_best_of_all_steps(levels: int, signed: bool) -> None:
    rng = np.random.default_rng(levels)
    values = rng.normal(size=(500, 8)).astype(np.float32)
    values = np.where(values < 0, 0.2 * values, values) if signed else np.maximum(values, 0)

    def error(step: float, lo: int) -> float:
        rounded = np.rint(np.clip(values / step, lo, levels)) * step
        return float(((rounded - values) ** 2).sum())

    found = seen(values, site(8), method="mse", levels=levels)
    steps = np.linspace(0.01, 1.0, 1500) * values.max() / levels
    best = min(error(step, -levels if signed else 0) for step in steps)
    assert error(float(found.step), found.lo) <= 1.03 * best


def test_clipped_values_are_counted() -> None:
    found = seen(np.array([[0.0, 4.0]] * 2, np.float32), site(2))
    assert found.clipped(np.array([[4.4, 4.6], [-0.4, -0.6]])) == 2


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"block\.act"):
        seen(np.array([[0.0, np.nan]] * 2, np.float32), site(2))
