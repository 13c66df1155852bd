"""Plain JSON values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.ir.codes import RunSettings
from snnc.runtime.jsonable import jsonable


def test_values() -> None:
    value = {
        1: np.int64(3),
        "a": np.arange(2),
        "b": (np.float32(0.5), float("nan"), float("inf"), np.bool_(True)),
        "c": Path("x/y"),
        "d": RunSettings(),
        "e": None,
    }
    assert jsonable(value) == {
        "1": 3,
        "a": [0, 1],
        "b": [0.5, None, None, True],
        "c": "x/y",
        "d": {"code": "graded", "schedule": "sequential"},
        "e": None,
    }


def test_others_are_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        jsonable(object())
