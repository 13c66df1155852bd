"""Making the Lava environment: never half, never twice, never over what is not ours."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from snnc.backends.lava import environment
from snnc.backends.lava.environment import Environment, find_environment, location, setup
from snnc.ir.errors import BadInputFile, ChildFailed, MissingExtra
from tests.needs import missing

VERSIONS = {"python": "3.10.13", "lava-nc": "0.10.0", "numpy": "1.26.4", "scipy": "1.15.3"}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "env"
    monkeypatch.setenv("SNNC_LAVA_ENV", str(path))
    return path


def fake_python(path: Path, output: str = "", status: int = 0) -> None:
    """An executable that says `output` whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{output}'\necho trouble >&2\nexit {status}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def quick_make(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stands for venv and pip; returns where it was called."""
    made: list[Path] = []

    def make(path: Path, python: object, index: list[str], tell: object) -> None:
        made.append(path)
        fake_python(path / "bin" / "python", json.dumps({"v": 768, **VERSIONS}))

    monkeypatch.setattr(environment, "_make", make)
    return made


def test_location(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SNNC_LAVA_ENV", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert location() == tmp_path / "snnc" / "lava-0.10.0"
    monkeypatch.setenv("SNNC_LAVA_ENV", str(tmp_path / "mine"))
    assert location() == tmp_path / "mine"


def test_made_once(place: Path, quick_make: list[Path]) -> None:
    assert find_environment() is None
    said: list[str] = []
    first = setup(progress=said.append)
    assert first == Environment(place, VERSIONS, created=True)
    assert find_environment() == setup() == Environment(place, VERSIONS)
    assert quick_make == [place]
    assert said == ["trying a small network"]
    assert first.to_json()["python"] == str(place / "bin" / "python")


def test_onnxruntime_comes_later_and_once(place: Path, quick_make: list[Path]) -> None:
    setup()
    fake_python(place / "bin" / "python", "1.23.2")
    said: list[str] = []
    added = setup(progress=said.append, onnxruntime=True)
    assert added.versions == {**VERSIONS, "onnxruntime": "1.23.2"}
    assert not added.created
    assert find_environment() == setup(progress=said.append, onnxruntime=True) == added
    assert said == ["installing onnxruntime==1.23.2"]
    assert quick_make == [place]


def test_onnxruntime_that_cannot_be_installed(place: Path, quick_make: list[Path]) -> None:
    setup()
    fake_python(place / "bin" / "python", "", status=1)
    with pytest.raises(ChildFailed, match="pip install onnxruntime==1.23.2: failed"):
        setup(onnxruntime=True)
    found = find_environment()
    assert found is not None
    assert "onnxruntime" not in found.versions


def test_half_made_is_made_anew(
    place: Path, monkeypatch: pytest.MonkeyPatch, quick_make: list[Path]
) -> None:
    fake_python(place / "bin" / "python")
    (place / "snnc-environment.begun").touch()
    assert find_environment() is None
    assert setup().created
    assert quick_make == [place]


@pytest.mark.parametrize("marker", ["", "{", json.dumps(VERSIONS | {"lava-nc": "0.9.0"})])
def test_unfit_marker(place: Path, marker: str) -> None:
    fake_python(place / "bin" / "python")
    (place / "snnc-environment.json").write_text(marker)
    assert find_environment() is None


def test_marker_without_python(place: Path) -> None:
    place.mkdir()
    (place / "snnc-environment.json").write_text(json.dumps(VERSIONS))
    assert find_environment() is None


def test_lava_that_computes_something_else(place: Path, quick_make: list[Path]) -> None:
    fake_python(place / "bin" / "python", json.dumps({"v": 767, **VERSIONS}))
    with pytest.raises(ChildFailed, match="computed 767"):
        setup()
    assert find_environment() is None


def test_lava_that_does_not_run(place: Path) -> None:
    fake_python(place / "bin" / "python", "", status=1)
    with pytest.raises(ChildFailed, match="Lava does not run there: trouble"):
        setup()


def test_own_environment_is_adopted(place: Path, quick_make: list[Path]) -> None:
    fake_python(place / "bin" / "python", json.dumps({"v": 768, **VERSIONS}))
    assert setup() == Environment(place, VERSIONS)
    assert quick_make == []


def test_foreign_folder_is_left_alone(place: Path) -> None:
    place.mkdir()
    (place / "thesis.tex").touch()
    with pytest.raises(ChildFailed, match="no Python environment"):
        setup()
    assert [f.name for f in place.iterdir()] == ["thesis.tex"]


def test_install_that_fails(place: Path, tmp_path: Path) -> None:
    python = tmp_path / "python3.10"
    fake_python(python, "3.10.1", status=0)
    with pytest.raises(ChildFailed, match="pip install lava-nc: cannot be started"):
        setup(python=python)
    assert find_environment() is None


def test_unwritable_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SNNC_LAVA_ENV", str(tmp_path / "file" / "env"))
    with pytest.raises(ChildFailed, match="cannot write there"):
        setup()


def test_need_environment(place: Path) -> None:
    with pytest.raises(MissingExtra, match="snnc targets setup loihi"):
        environment.need_environment()


@pytest.mark.lava
def test_the_real_one_is_ready_at_once(lava: Environment) -> None:
    assert setup() == lava
    assert lava.versions["lava-nc"] == "0.10.0"
    assert lava.versions["python"].startswith("3.10.")


def test_a_folder_without_wheels(place: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputFile, match="is no folder with wheels") as error:
        setup(wheels=tmp_path / "none")
    assert error.value.hint is not None
    assert 'pip download "lava-nc==0.10.0" "numpy<2" -d none' in error.value.hint
    assert not place.exists()


@pytest.mark.lava
def test_wheels_that_do_not_suffice(lava: Environment, place: Path, tmp_path: Path) -> None:
    """A real pip, cut off from every index."""
    (tmp_path / "unrelated-1.0-py3-none-any.whl").touch()
    with pytest.raises(ChildFailed, match="No matching distribution found for lava-nc"):
        setup(lava.python, wheels=tmp_path)
    assert find_environment() is None


@pytest.mark.slow
@pytest.mark.lava
def test_the_real_one_is_made_without_a_network(
    lava: Environment, place: Path, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    pip: list[str | Path] = [lava.python, "-m", "pip"]
    filled = subprocess.run([*pip, "download", "-q", *environment.REQUIREMENTS, "-d", wheels])
    if filled.returncode:
        missing("network", "the wheels cannot be downloaded")
    made = setup(lava.python, wheels=wheels)
    assert made.created
    assert made.versions["lava-nc"] == "0.10.0"


@pytest.mark.slow
@pytest.mark.lava
def test_the_real_one_is_made(lava: Environment, place: Path) -> None:
    said: list[str] = []
    made = setup(progress=said.append)
    assert made.created
    assert made.versions["lava-nc"] == "0.10.0"
    assert len(said) == 4
