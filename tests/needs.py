"""What a test needs from outside: absent, it skips; named in SNNC_REQUIRE, it fails."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest


def missing(need: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where SNNC_REQUIRE (such as `data,lava`) names `need`."""
    required = os.environ.get("SNNC_REQUIRE", "").split(",")
    if need in required:
        pytest.fail(f"SNNC_REQUIRE names {need!r}, but {reason}")
    pytest.skip(reason, allow_module_level=True)


def module(name: str) -> Any:
    """A package that may be missing; SNNC_REQUIRE names it by its first part, as `scipy`."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing(name.partition(".")[0], f"{name} cannot be imported: {error}")


def data_file(relative: str) -> Path:
    """Path of a file under SNNC_DATA, for example `images/mnist_t10k.npz`."""
    root = os.environ.get("SNNC_DATA")
    if not root:
        missing("data", "SNNC_DATA is not set")
    path = Path(root) / relative
    if not path.is_file():
        missing("data", f"SNNC_DATA holds no {relative}")
    return path
