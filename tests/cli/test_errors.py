"""Errors: one JSON object, readable messages, exit codes, no half-written files."""

from __future__ import annotations

import errno
import io
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

import snnc.runtime.run as runner
from snnc.cli.terminal import say
from snnc.runtime.scale import work
from snnc.runtime.scale.local import LocalExecutor
from tests.cli.helpers import command_line, snnc
from tests.runtime.models import N_IN, save_model, save_samples


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return save_samples(tmp_path)


def raising(error: BaseException) -> Any:
    def run(*_args: Any, **_options: Any) -> None:
        raise error

    return run


def test_a_named_error_is_readable(data: Path) -> None:
    done = snnc("run", "nowhere.snnc", "--data", data)
    assert done.code == 1
    assert done.stderr == "error: nowhere.snnc: no such file [SNNC204]\n"
    assert not done.stdout


def test_a_hint_stands_on_its_own_line(model: Path) -> None:
    done = snnc("run", model, "--data", "digit")
    assert done.code == 1
    assert done.stderr.splitlines() == [
        "error: digit: no such file or data set [SNNC204]",
        "",
        "hint: did you mean `digits`?",
    ]


def test_a_named_error_as_json(model: Path) -> None:
    done = snnc("run", model, "--data", "digit", "--json")
    assert done.code == 1
    assert done.json == {
        "error": {
            "code": "SNNC204",
            "what": "no such file or data set",
            "where": "digit",
            "hint": "did you mean `digits`?",
        }
    }
    assert not done.stderr


def test_wrong_usage_that_only_the_work_finds_is_wrong_usage(model: Path, data: Path) -> None:
    done = snnc("run", model, "--data", data, "-o", "out.txt", "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "SNNC001"


def test_an_output_that_is_a_folder(model: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "out.npz").mkdir()
    done = snnc("run", model, "--data", data, "-o", tmp_path / "out.npz", "--force", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC203"


def test_a_full_disk_is_no_bug(model: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "out.npz")
    monkeypatch.setattr(runner, "run", raising(full))
    done = snnc("run", model, "--data", data)
    assert done.code == 1
    assert done.stderr.splitlines()[0] == (
        "error: out.npz: cannot write: No space left on device [SNNC002]"
    )


def test_what_may_not_be_opened_is_no_bug(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a model or an output in a folder that is closed to this user."""
    refused = PermissionError(errno.EACCES, "Permission denied", "closed/model.snnc")
    monkeypatch.setattr(runner, "run", raising(refused))
    done = snnc("run", model, "--data", data)
    assert done.code == 1
    assert done.stderr.splitlines() == [
        "error: closed/model.snnc: cannot be read or written: Permission denied [SNNC204]"
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_result_that_stdout_does_not_take() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command_line("hardware", "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "cannot write: No space left on device [SNNC002]" in done.stderr
    assert "Traceback" not in done.stderr


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "coloured"), [("1", False), ("", True)])
def test_no_color_is_kept_on_a_terminal(
    no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stderr", screen)
    say(click.style("error", fg="red"))
    assert screen.getvalue() == ("\x1b[31merror\x1b[0m\n" if coloured else "error\n")


def test_a_bug_says_that_it_is_one(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "run", raising(ZeroDivisionError("oh")))
    done = snnc_with_state(tmp_path, "run", model, "--data", data)
    assert done.code == 1
    assert "this is a bug in snnc: ZeroDivisionError: oh" in done.stderr
    assert "Traceback" not in done.stderr
    (log,) = (tmp_path / "snnc").iterdir()
    assert str(log) in done.stderr
    assert "Traceback" in log.read_text()

    done = snnc_with_state(tmp_path, "run", model, "--data", data, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC002"


def snnc_with_state(folder: Path, *args: str | Path) -> Any:
    return snnc(*args, env={"XDG_STATE_HOME": str(folder)})


def test_ctrl_c_is_130(model: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "run", raising(KeyboardInterrupt()))
    done = snnc("run", model, "--data", data)
    assert (done.code, done.stderr.strip()) == (130, "interrupted")
    done = snnc("run", model, "--data", data, "--json")
    assert done.code == 130
    assert done.json["error"]["code"] == "SNNC003"
    assert done.json["error"]["hint"] == "no file was left half-written"


def test_ctrl_c_says_what_is_kept(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LocalExecutor.run

    def stopped(self: LocalExecutor, *args: Any) -> Any:
        yield next(iter(original(self, *args)))
        raise KeyboardInterrupt

    args = ("run", model, "--data", data, "-o", tmp_path / "out.npz", "--engine", "oracle")
    with monkeypatch.context() as patch:
        patch.setattr(LocalExecutor, "run", stopped)
        patch.setattr(work, "batch_of", lambda *_: 6)
        done = snnc(*args, "--json")
    assert done.code == 130
    kept = f"6 of 20 samples are kept in {tmp_path / 'out.npz.part'}"
    assert done.json["error"]["hint"] == f"{kept}: `--resume` goes on from there"
    assert done.stderr.strip() == f"warning: {kept}: `--resume` goes on from there"
    assert snnc(*args, "--resume", "--json").json["n_resumed"] == 6


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_nothing_behind(
    model: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    data = tmp_path / "many.npy"
    np.save(data, np.zeros((3_000_000, N_IN), np.uint8))
    before = set(tmp_path.iterdir())
    args = ("run", model, "--data", data, "-o", tmp_path / "out.npz", "--engine", "oracle")
    child = subprocess.Popen(
        command_line(*args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a background job of a shell ignores Ctrl-C, and its children would as well
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: set(tmp_path.iterdir()) != before)
    child.send_signal(stop)
    stdout, _ = child.communicate(timeout=60)
    assert child.returncode == (130 if stop is signal.SIGINT else 143)
    assert not stdout
    assert set(tmp_path.iterdir()) == before


def wait_until(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_what_libraries_print_is_not_on_stdout(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = runner.run

    def chatty(*args: Any, **options: Any) -> Any:
        print("hello from a library")
        return original(*args, **options)

    monkeypatch.setattr(runner, "run", chatty)
    done = snnc("run", model, "--data", data, "--engine", "oracle", "--json")
    assert done.code == 0
    assert done.json["n_samples"] == 20
    assert "hello" in done.stderr
