"""What goes wrong around a bundle, with the real thing: one clear error, nothing left behind."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from snnc.backends.lava.bundle import write_bundle
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.ir.codes import RunSettings
from snnc.ir.errors import ChildFailed, MissingExtra
from tests.backends.lava.conftest import leaked_memory, shared_memory
from tests.backends.lava.graphs import feeds_for, mlp
from tests.needs import missing

pytestmark = pytest.mark.lava

MANY = 20000
"""Samples that keep Lava busy for longer than any test takes to disturb it."""


class Standalone:
    """`python run.py`, started as a stranger would, in a session of its own."""

    def __init__(self, python: Path, bundle: Path, folder: Path, *more: str) -> None:
        self.folder = folder / "scratch"
        self.folder.mkdir()
        self.errors: IO[str] = open(folder / "errors.txt", "w+")  # noqa: SIM115
        self.output = folder / "out.npz"
        command: list[str | Path] = [
            python,
            bundle / "run.py",
            folder / "in.npz",
            "-o",
            self.output,
            *more,
        ]
        self.process = subprocess.Popen(
            command, start_new_session=True, stderr=self.errors,
            env=os.environ | {"TMPDIR": str(self.folder)},
        )  # fmt: skip

    def actors(self) -> list[int]:
        """Lava's processes, without the one that looks after shared memory."""
        pids = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parent = stat.read_text().rsplit(")", 1)[1].split()[1]
                line = (stat.parent / "cmdline").read_text()
                if int(parent) == self.process.pid and "resource_tracker" not in line:
                    pids.append(int(stat.parent.name))
        return sorted(pids)

    def wait_until_running(self) -> list[int]:
        """All of Lava's processes, once there are no more to come."""
        wait_until(lambda: len(self.actors()) >= 8)
        before: list[int] = []
        while before != self.actors():
            before = self.actors()
            time.sleep(1)
        return before

    def ends_with(self) -> tuple[int, str]:
        """Status and what was said."""
        status = self.process.wait(timeout=60)
        self.errors.seek(0)
        return status, self.errors.read()

    def is_gone(self) -> bool:
        """Does nothing of its session run any more?"""
        listed = subprocess.run(["ps", "-eo", "sid"], capture_output=True, text=True, check=True)
        return str(self.process.pid) not in listed.stdout.split()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(mlp(4), tmp_path_factory.mktemp("net") / "net.loihi2")


@pytest.fixture
def run(lava: Environment, bundle: Path, tmp_path: Path) -> Iterator[Callable[..., Standalone]]:
    started: list[Standalone] = []

    def start(*more: str, samples: int = MANY) -> Standalone:
        np.savez(tmp_path / "in.npz", x=feeds_for(mlp(4), samples)["x"])
        started.append(Standalone(lava.python, bundle, tmp_path, *more))
        return started[-1]

    before = shared_memory()
    yield start
    for one in started:
        try:
            wait_until(one.is_gone, 20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()
            one.errors.close()
        assert not one.output.with_name(f".out.npz.{one.process.pid}").exists()
    wait_until(lambda: not leaked_memory(before))


@pytest.mark.parametrize("which", [0, 3, -1])
def test_one_of_lavas_processes_is_killed(run: Callable[..., Standalone], which: int) -> None:
    """The first one keeps Lava's shared memory, the last one runs the others."""
    one = run()
    os.kill(one.wait_until_running()[which], signal.SIGKILL)
    status, said = one.ends_with()
    assert status == 3
    assert said.splitlines()[-1].startswith("error: process `")
    assert said.splitlines()[-1].endswith("died with status -9")
    assert not one.output.exists()


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")]
)
def test_ctrl_c_and_a_request_to_end(
    run: Callable[..., Standalone], number: signal.Signals, name: str
) -> None:
    """Ctrl-C reaches the whole group, a request to end the first process."""
    one = run()
    one.wait_until_running()
    if number == signal.SIGINT:
        os.killpg(one.process.pid, number)
    else:
        os.kill(one.process.pid, number)
    assert one.ends_with() == (128 + number, f"error: interrupted ({name})\n")
    assert list(one.folder.iterdir()) == []


def test_killed_without_a_word(run: Callable[..., Standalone]) -> None:
    """Nobody is left to end Lava's processes: they end with their parent."""
    one = run()
    one.wait_until_running()
    one.process.kill()
    assert one.ends_with() == (-signal.SIGKILL, "")


def test_time_limit(run: Callable[..., Standalone]) -> None:
    status, said = run("--time-limit", "4").ends_with()
    assert (status, said) == (4, "error: stopped at the time limit of 4 s\n")


@pytest.mark.slow
def test_two_runs_at_once(lava: Environment, bundle: Path, tmp_path: Path) -> None:
    feeds = feeds_for(mlp(4), 40)
    np.savez(tmp_path / "in.npz", x=feeds["x"])
    outputs = [tmp_path / f"{i}.npz" for i in range(2)]
    running = [
        subprocess.Popen([lava.python, bundle / "run.py", tmp_path / "in.npz", "-o", output])
        for output in outputs
    ]
    assert [one.wait(timeout=120) for one in running] == [0, 0]
    alone = LavaEngine().prepare(mlp(4), RunSettings()).run(feeds).counts
    for output in outputs:
        with np.load(output) as results:
            for name, counts in alone.items():
                assert np.array_equal(results[f"counts/{name}"], counts)


# the disk is full


def on_a_small_disk(folder: Path, kilobytes: int, *command: str | Path) -> tuple[int, str, str]:
    """Run a command where `folder` is a file system of its own; says what was left there."""
    if shutil.which("unshare") is None:
        missing("unshare", "no `unshare` to mount a small disk with")
    folder.mkdir()
    script = f'mount -t tmpfs -o size={kilobytes}k small "$0" && "$@"; echo $?; ls -A "$0"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, folder, *command],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if "mount" in done.stderr or "unshare" in done.stderr:
        missing("unshare", f"a small disk cannot be mounted here: {done.stderr}")
    status, _, left = done.stdout.partition("\n")
    return int(status), left, done.stderr


def test_disk_full_while_a_bundle_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    script = (
        "import errno, sys\n"
        "from tests.backends.lava.graphs import mlp\n"
        "from snnc.backends.lava.bundle import write_bundle\n"
        "try:\n"
        "    write_bundle(mlp(4), sys.argv[1])\n"
        "except OSError as error:\n"
        "    sys.exit(error.errno)\n"
    )
    status, left, _ = on_a_small_disk(
        folder, 24, sys.executable, "-c", script, folder / "net.loihi2"
    )
    assert (status, left) == (errno.ENOSPC, "")


def test_disk_full_while_results_are_written(
    lava: Environment, bundle: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "in.npz", x=feeds_for(mlp(4), 100)["x"])
    output = tmp_path / "disk" / "out.npz"
    command: list[str | Path] = [lava.python, bundle / "run.py", tmp_path / "in.npz", "-o", output]
    status, left, said = on_a_small_disk(tmp_path / "disk", 4, *command)
    assert (status, left) == (1, "")
    assert said == f"error: {output} cannot be written: No space left on device\n"


# the environment is not what it was


@pytest.fixture
def place(lava: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment that says it is ready; its Python is still to come."""
    folder = tmp_path / "env"
    (folder / "bin").mkdir(parents=True)
    (folder / "snnc-environment.json").write_text(json.dumps(dict(lava.versions)))
    monkeypatch.setenv("SNNC_LAVA_ENV", str(folder))
    return folder


def broken_run(place: Path) -> str:
    with pytest.raises(ChildFailed, match="the Lava environment is broken") as error:
        LavaEngine().prepare(mlp(1), RunSettings()).run(feeds_for(mlp(1), 1))
    assert error.value.where == str(place)
    assert error.value.hint == "remove that folder and run `snnc targets setup loihi`"
    return error.value.what


def test_environment_without_lava(lava: Environment, place: Path) -> None:
    (place / "bin" / "python").symlink_to(lava.python.resolve())  # the Python under the real one
    assert "lava-nc is not installed: pip install lava-nc==0.10.0" in broken_run(place)


def test_environment_of_another_python(place: Path) -> None:
    (place / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    found = sys.version.split()[0]
    assert f"Lava 0.10.0 needs Python 3.10, this is Python {found}" in broken_run(place)


def test_environment_with_half_a_numpy(lava: Environment, place: Path) -> None:
    """Lava is there, and what it needs was deleted."""
    site = lava.path / "lib" / "python3.10" / "site-packages"
    own = place / "lib" / "python3.10" / "site-packages"
    own.mkdir(parents=True)
    for entry in site.iterdir():
        if entry.name != "scipy":
            (own / entry.name).symlink_to(entry)
    (place / "pyvenv.cfg").write_text((lava.path / "pyvenv.cfg").read_text())
    (place / "bin" / "python").symlink_to(lava.python.resolve())
    said = broken_run(place)
    assert "scipy.sparse cannot be imported: ModuleNotFoundError: No module named 'scipy'" in said


def test_environment_whose_python_is_gone(place: Path) -> None:
    (place / "bin" / "python").symlink_to(place / "nowhere")
    with pytest.raises(MissingExtra, match="snnc targets setup loihi"):
        LavaEngine().prepare(mlp(1), RunSettings())
