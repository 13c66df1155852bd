"""What a test needs from outside: absent, it skips; named in SNNC_REQUIRE, it fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest


def missing(need: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where SNNC_REQUIRE (such as `data,lava`) names `need`."""
    required = os.environ.get("SNNC_REQUIRE", "").split(",")
    if need in required:
        pytest.fail(f"SNNC_REQUIRE names {need!r}, but {reason}")
    pytest.skip(reason)


def data_file(relative: str) -> Path:
    """Path of a file under SNNC_DATA, for example `images/mnist_t10k.npz`."""
    root = os.environ.get("SNNC_DATA")
    if not root:
        missing("data", "SNNC_DATA is not set")
    path = Path(root) / relative
    if not path.is_file():
        missing("data", f"SNNC_DATA holds no {relative}")
    return path
