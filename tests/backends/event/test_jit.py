"""Compilation and its cache."""

from pathlib import Path
from typing import Any

import numba
import pytest

from snnc.backends.event import jit
from snnc.backends.event.frames import run_frames


def double(x: int) -> int:
    return 2 * x


def test_entries_run() -> None:
    assert jit.entry(double)(21) == 42


def test_where_nothing_can_be_written_kernels_still_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = numba.njit

    def no_folder(*args: Any, **options: Any) -> None:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(*args, **options)

    monkeypatch.setattr(jit, "_njit", no_folder)
    assert jit.entry(double)(4) == 8


def test_the_stamp_covers_every_source(tmp_path: Path) -> None:
    (tmp_path / "jit.py").write_text("a")
    (tmp_path / "deliver.py").write_text("b")
    stamp: Any = jit.source_stamp.__wrapped__
    before = stamp(tmp_path)
    assert stamp(tmp_path) == before
    (tmp_path / "deliver.py").write_text("c")
    assert stamp(tmp_path) != before


def test_cached_kernels_bear_the_stamp() -> None:
    """A private field of numba: this is how an update of numba that moves it is noticed."""
    compiled: Any = run_frames
    assert compiled._cache._cache_file._source_stamp == jit.source_stamp(Path(jit.__file__).parent)
