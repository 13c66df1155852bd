"""The Lava environment: a Python 3.10 of its own, made once, used as a subprocess."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snnc.backends.lava.child import run_child
from snnc.backends.lava.pythons import find_python
from snnc.ir.errors import BadInputFile, ChildFailed, MissingExtra

LAVA_VERSION = "0.10.0"
REQUIREMENTS = (f"lava-nc=={LAVA_VERSION}", "numpy<2")
ONNXRUNTIME = "onnxruntime==1.23.2"
"""For bundles whose host has a part, when they run by themselves: the last one for Python 3.10."""
LOCATION_VARIABLE = "SNNC_LAVA_ENV"

_MARKER = "snnc-environment.json"
"""Written last: without it an environment is not ready."""
_BEGUN = "snnc-environment.begun"
"""Written first: with it, and without the marker, a folder is ours to make anew."""
_INSTALL_SECONDS = 1800.0
_CHECK_SECONDS = 120.0

_CHECK = """
import json, sys
from importlib.metadata import version
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF
first = LIF(shape=(1,), du=4095, dv=0, vth=1, bias_mant=2, bias_exp=6)
dense = Dense(weights=np.array([[4]]))
second = LIF(shape=(1,), du=4095, dv=0, vth=100)
first.s_out.connect(dense.s_in)
dense.a_out.connect(second.a_in)
second.run(condition=RunSteps(num_steps=4), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
v = int(second.v.get()[0])
second.stop()
versions = {name: version(name) for name in ("lava-nc", "numpy", "scipy")}
print(json.dumps({"v": v, "python": sys.version.split()[0], **versions}))
"""
_CHECK_RESULT = 3 * 4 * 2**6
"""A spike at each of four steps, the last one still in the synapse, weight 4, 6 fraction bits."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """A Lava environment that has run a network.

    Attributes:
        path: its folder.
        versions: of python, lava-nc, numpy and scipy.
        created: was it made by this call?
    """

    path: Path
    versions: Mapping[str, str]
    created: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return _python(self.path)

    def to_json(self) -> dict[str, Any]:
        """What `snnc targets setup loihi --json` prints."""
        return {
            "path": str(self.path),
            "python": str(self.python),
            "versions": dict(self.versions),
            "created": self.created,
        }


def location() -> Path:
    """Where the environment is or will be."""
    given = os.environ.get(LOCATION_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "snnc" / f"lava-{LAVA_VERSION}"


def find_environment() -> Environment | None:
    """The environment if it is ready, else None; quick, runs nothing."""
    path = location()
    try:
        versions = json.loads((path / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if versions.get("lava-nc") != LAVA_VERSION or not os.access(_python(path), os.X_OK):
        return None
    return Environment(path, versions)


def need_environment() -> Environment:
    """The environment.

    Raises:
        MissingExtra: there is none.
    """
    environment = find_environment()
    if environment is None:
        raise MissingExtra(
            f"the Lava environment is not set up in {location()}",
            hint="run `snnc targets setup loihi`",
        )
    return environment


def setup(
    python: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    *,
    wheels: str | os.PathLike[str] | None = None,
    onnxruntime: bool = False,
) -> Environment:
    """Make the Lava environment, or return it at once if it is ready.

    Args:
        python: the Python 3.10 to take; None: one is looked for.
        progress: told what is being done, one line each.
        wheels: a folder with all that is installed, for machines without a network; None: the
            package index.
        onnxruntime: install that, too, for bundles with host operators that run by themselves
            (snnc computes these operators here).

    Raises:
        MissingExtra: there is no Python 3.10.
        BadInputFile: `wheels` has no packages.
        ChildFailed: making it, installing or the trial run failed.
    """
    index = [] if wheels is None else _only_from(Path(wheels))
    tell = progress or (lambda message: None)
    path = location()
    with _lock(path, tell):
        ready = find_environment()
        if ready is None and _is_foreign(path):
            ready = _adopt(path, tell)
        elif ready is None:
            _make(path, python, index, tell)
            versions = _trial(path, tell)
            _mark(path, versions)
            ready = Environment(path, versions, created=True)
        if onnxruntime and "onnxruntime" not in ready.versions:
            ready = _with_onnxruntime(ready, index, tell)
        return ready


def _with_onnxruntime(ready: Environment, index: list[str], tell: Progress) -> Environment:
    """The environment with ONNX Runtime in it, all else as it was."""
    tell(f"installing {ONNXRUNTIME}")
    pip = [str(ready.python), "-m", "pip", "install", "--disable-pip-version-check"]
    _step([*pip, *index, ONNXRUNTIME, *REQUIREMENTS], f"pip install {ONNXRUNTIME}")
    found = [str(ready.python), "-c", "import onnxruntime; print(onnxruntime.__version__)"]
    done = run_child(found, time_limit=_CHECK_SECONDS, where="import onnxruntime")
    if done.status:
        raise ChildFailed(
            f"onnxruntime does not run there: {last_lines(done.stderr, 4)}", where=str(ready.path)
        )
    versions = {**ready.versions, "onnxruntime": done.stdout.strip()}
    _mark(ready.path, versions)
    return replace(ready, versions=versions)


def _make(
    path: Path, python: str | os.PathLike[str] | None, index: list[str], tell: Progress
) -> None:
    interpreter = find_python(python, tell)
    tell(f"Python {interpreter.version} ({interpreter.origin}): {interpreter.path}")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    (path / _BEGUN).touch()
    tell(f"making the environment {path}")
    _step([str(interpreter.path), "-m", "venv", str(path)], "python -m venv")
    tell(f"installing {', '.join(REQUIREMENTS)} (a minute or two)")
    pip = [str(_python(path)), "-m", "pip", "install", "--disable-pip-version-check"]
    _step([*pip, *index, *REQUIREMENTS], "pip install lava-nc")


def _only_from(wheels: Path) -> list[str]:
    """Options of pip that take packages from a folder and from nowhere else."""
    if not any(wheels.glob("*.whl")):
        wanted = " ".join(f'"{name}"' for name in REQUIREMENTS)
        raise BadInputFile(
            "is no folder with wheels",
            where=str(wheels),
            hint=f"fill it where there is a network, with Python 3.10: pip download {wanted} "
            f"-d {wheels.name}",
        )
    return ["--isolated", "--no-index", "--find-links", str(wheels.absolute())]


def _step(command: list[str], what: str) -> None:
    done = run_child(command, time_limit=_INSTALL_SECONDS, where=what)
    if done.status:
        raise ChildFailed(
            f"failed with status {done.status}: {last_lines(done.stderr or done.stdout, 4)}",
            where=what,
            hint="nothing was kept; run it again when the cause is mended",
        )


def _trial(path: Path, tell: Progress) -> dict[str, str]:
    tell("trying a small network")
    command = [str(_python(path)), "-c", _CHECK]
    done = run_child(command, time_limit=_CHECK_SECONDS, where="the trial run of Lava")
    try:
        found = json.loads(done.stdout.strip().splitlines()[-1])
        membrane = found.pop("v")
    except (IndexError, ValueError, KeyError):
        raise ChildFailed(
            f"Lava does not run there: {last_lines(done.stderr, 4)}", where=str(path)
        ) from None
    if membrane != _CHECK_RESULT or found["lava-nc"] != LAVA_VERSION:
        raise ChildFailed(
            f"Lava {found['lava-nc']} computed {membrane} in the trial run, "
            f"Lava {LAVA_VERSION} gives {_CHECK_RESULT}",
            where=str(path),
        )
    return dict(found)


def _mark(path: Path, versions: Mapping[str, str]) -> None:
    temporary = path / f"{_MARKER}.new"
    temporary.write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path / _MARKER)
    (path / _BEGUN).unlink(missing_ok=True)


def _is_foreign(path: Path) -> bool:
    """Is there something that we did not begin?"""
    if not path.is_dir() or (path / _BEGUN).exists() or (path / _MARKER).exists():
        return False
    return any(path.iterdir())


def _adopt(path: Path, tell: Progress) -> Environment:
    """Take a user's own environment if Lava runs in it; never change it beyond the marker."""
    if not os.access(_python(path), os.X_OK):
        raise ChildFailed(
            "is not empty and no Python environment",
            where=str(path),
            hint=f"let {LOCATION_VARIABLE} name another folder",
        )
    versions = _trial(path, tell)
    _mark(path, versions)
    return Environment(path, versions)


@contextlib.contextmanager
def _lock(path: Path, tell: Progress) -> Iterator[None]:
    """One set-up at a time for one place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open(path.with_name(f".{path.name}.lock"), "w")  # noqa: SIM115
    except OSError as error:
        raise ChildFailed(
            f"cannot write there: {error.strerror}", where=str(path.parent)
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another set-up is at work here: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def last_lines(text: str, n: int) -> str:
    """The last lines that say something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-n:]) or "it said nothing"


def _python(path: Path) -> Path:
    return path / "bin" / "python"
