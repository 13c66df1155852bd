"""What a core map shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.runtime.map import map as map_model
from snnc.runtime.map.squares import Squares
from tests import needs
from tests.runtime.map.chips import write_chip
from tests.runtime.models import save_model


@pytest.mark.parametrize("mesh", [True, False])
def test_every_core_has_a_square_of_its_own(tmp_path: Path, mesh: bool) -> None:
    found = map_model(save_model(tmp_path), write_chip(tmp_path, mesh=mesh))
    squares = Squares.of(found)
    image = squares.image(np.arange(found.n_cores))
    assert np.sort(image[~np.isnan(image)]).tolist() == list(range(5))
    assert not squares.free[~np.isnan(image)].any()
    assert squares.free.sum() == (2 * 4 - 5 if mesh else 0)  # two chips of four cores
    (left, right), (top, bottom) = squares.seen
    assert not np.isnan(image[top:bottom, left:right]).all()
    assert (~np.isnan(image[top:bottom, left:right])).sum() == 5


def test_the_picture_shows_what_is_used_and_a_router_around(tmp_path: Path) -> None:
    squares = Squares.of(map_model(save_model(tmp_path), "loihi2"))
    assert squares.block == (2, 2)
    assert squares.shape == (2 * 4, 2 * 8)
    columns, rows = squares.seen
    for axis, (low, high) in enumerate((columns, rows)):
        used = squares.place[:, axis]
        assert low % 2 == high % 2 == 0
        assert low <= used.min() < used.max() + 1 <= high
    assert (columns[1] - columns[0]) * (rows[1] - rows[0]) < 8 * 16


def test_the_page_names_cores_changes_and_reasons(tmp_path: Path) -> None:
    needs.module("plotly")
    path = tmp_path / "map.html"
    map_model(save_model(tmp_path), "loihi1", output=path)
    page = path.read_text()
    for text in ("hidden", "code burst instead of graded", "cannot be programmed"):
        assert text in page
