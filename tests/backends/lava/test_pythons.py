"""A Python 3.10 that runs, wherever it is."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from snnc.backends.lava.pythons import find_python, probe
from snnc.ir.errors import MissingExtra


def interpreter(path: Path, version: str, status: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\nexit {status}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine on which there is nothing."""
    for name in ("CONDA_PREFIX", "CONDA_ROOT", "MAMBA_ROOT_PREFIX", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_a_shim_that_does_not_run_is_passed_over(nowhere: Path) -> None:
    interpreter(nowhere / "bin" / "python3.10", "'pyenv: 3.10: command not found'", status=127)
    real = interpreter(nowhere / "pyenv" / "versions" / "3.10.13" / "bin" / "python", "3.10.13")
    found = find_python()
    assert (found.path, found.version, found.origin) == (real, "3.10.13", "pyenv")


def test_newest_of_pyenv(nowhere: Path) -> None:
    for version in ("3.10.9", "3.10.13", "3.11.7"):
        interpreter(nowhere / "pyenv" / "versions" / version / "bin" / "python", version)
    assert find_python().version == "3.10.13"


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        ("bin/python3.10", "PATH"),
        ("bin/python3", "PATH"),
        ("miniconda3/envs/old/bin/python", "conda"),
        ("data/uv/python/cpython-3.10.16-linux-x86_64-gnu/bin/python", "uv"),
    ],
)
def test_places(nowhere: Path, place: str, origin: str) -> None:
    interpreter(nowhere / place, "3.10.2")
    assert find_python().origin == origin


def test_uv_downloads_one(nowhere: Path) -> None:
    downloaded = interpreter(nowhere / "far" / "python", "3.10.4")
    uv = interpreter(nowhere / "bin" / "uv", "")
    uv.write_text(f"#!/bin/sh\necho {downloaded}\n")
    said: list[str] = []
    assert find_python(progress=said.append).path == downloaded
    assert said == ["no Python 3.10 here: uv downloads one"]


def test_none_anywhere(nowhere: Path) -> None:
    interpreter(nowhere / "bin" / "python3.10", "3.9.1")
    with pytest.raises(MissingExtra, match="needs a Python 3.10") as error:
        find_python()
    assert error.value.hint is not None
    assert "--python" in error.value.hint


def test_given(nowhere: Path) -> None:
    folder = nowhere / "mine"
    interpreter(folder / "bin" / "python", "3.10.1")
    assert find_python(folder).path == folder / "bin" / "python"
    assert find_python(folder / "bin" / "python").version == "3.10.1"


def test_given_is_another_version() -> None:
    with pytest.raises(MissingExtra, match="is no working Python 3.10"):
        find_python(sys.executable)


def test_probe_of_nothing(tmp_path: Path) -> None:
    assert probe(tmp_path / "none", "PATH") is None
