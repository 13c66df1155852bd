"""Finding a Python 3.10 that works: Lava 0.10.0 runs on no other."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from snnc.ir.errors import MissingExtra

WANTED = (3, 10)
_PROBE = "import sys, venv, ensurepip; print('.'.join(map(str, sys.version_info[:3])))"
_PROBE_SECONDS = 20


@dataclass(frozen=True)
class Interpreter:
    """A Python that was seen to run.

    Attributes:
        path: of the executable.
        version: such as "3.10.13".
        origin: where it was found.
    """

    path: Path
    version: str
    origin: str


def find_python(
    given: str | os.PathLike[str] | None = None, progress: Callable[[str], None] | None = None
) -> Interpreter:
    """A Python 3.10 that runs and can make virtual environments.

    Args:
        given: the one to take; without it, PATH, pyenv, conda and uv are searched, and uv may
            download one.
        progress: told what takes time.

    Raises:
        MissingExtra: none was found, or the given one is none.
    """
    if given is not None:
        found = probe(_executable(Path(given)), "given")
        if found is None:
            raise MissingExtra(
                f"is no working Python {_wanted()} with venv and pip",
                where=f"--python {given}",
            )
        return found
    for path, origin in candidates():
        found = probe(path, origin)
        if found is not None:
            return found
    found = _from_uv(progress or (lambda message: None))
    if found is not None:
        return found
    raise MissingExtra(
        f"Lava needs a Python {_wanted()}, and none was found on PATH, with pyenv, conda or uv",
        hint=f"install uv (it can download one) or `pyenv install {_wanted()}`, or give one with "
        "`snnc targets setup loihi --python PATH`",
    )


def candidates() -> Iterator[tuple[Path, str]]:
    """Executables that may be a Python 3.10, likeliest first."""
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{_wanted()}", "PATH"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in sorted(pyenv.glob(f"versions/{_wanted()}*"), key=_patch, reverse=True):
        yield version / "bin" / "python", "pyenv"
    for environment in _conda_environments():
        yield environment / "bin" / "python", "conda"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or _data_home() / "uv" / "python")
    for version in sorted(uv.glob(f"cpython-{_wanted()}.*"), reverse=True):
        yield version / "bin" / "python", "uv"
    for folder in os.get_exec_path():
        yield Path(folder) / "python3", "PATH"


def probe(path: Path, origin: str) -> Interpreter | None:
    """Run it: a shim may stand for a version that is not installed."""
    if not os.access(path, os.X_OK):
        return None
    try:
        done = subprocess.run(
            [path, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = done.stdout.strip()
    if done.returncode or not version.startswith(f"{_wanted()}."):
        return None
    return Interpreter(path, version, origin)


def _from_uv(progress: Callable[[str], None]) -> Interpreter | None:
    uv = shutil.which("uv")
    if uv is None:
        return None
    progress(f"no Python {_wanted()} here: uv downloads one")
    subprocess.run([uv, "python", "install", _wanted()], capture_output=True, timeout=600)
    done = subprocess.run([uv, "python", "find", _wanted()], capture_output=True, text=True)
    path = done.stdout.strip()
    return probe(Path(path), "uv") if path else None


def _executable(given: Path) -> Path:
    """A file, a command on PATH, or the folder of an installation or environment."""
    if given.is_dir():
        return given / "bin" / "python"
    return given if given.exists() else Path(shutil.which(given) or given)


def _conda_environments() -> Iterator[Path]:
    roots = [os.environ.get(name) for name in ("CONDA_PREFIX", "CONDA_ROOT", "MAMBA_ROOT_PREFIX")]
    homes = [Path.home() / name for name in ("miniconda3", "anaconda3", "miniforge3", "mambaforge")]
    for root in [*(Path(r) for r in roots if r), *homes]:
        yield root
        yield from sorted(root.glob("envs/*"))


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _patch(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.name.split(".") if part.isdigit())


def _wanted() -> str:
    return ".".join(map(str, WANTED))
