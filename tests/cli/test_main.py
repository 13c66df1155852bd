"""The group: help, names, exit codes, what is imported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.cli.main import COMMANDS
from tests.cli.helpers import check_snapshot, snnc, snnc_process
from tests.runtime.models import samples, save_model


def test_help() -> None:
    done = snnc("--help")
    assert done.code == 0
    check_snapshot("help", done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str) -> None:
    done = snnc(command, "--help")
    assert done.code == 0
    assert "--json" in done.stdout
    check_snapshot(f"help-{command}", done.stdout)


def test_no_command_shows_help() -> None:
    done = snnc()
    assert done.code == 2
    assert not done.stdout
    assert done.stderr == snnc("--help").stdout


def test_version() -> None:
    done = snnc("--version")
    assert done.code == 0
    assert done.stdout.startswith("snnc ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rnu"], "no such command `rnu`; did you mean `run`?"),
        (["run", "m.snnc", "--dat", "d.npz"], "--data"),
        (["run", "m.snnc"], "Missing option '--data'"),
        (["run", "m.snnc", "--data", "d.npz", "--code", "bursts"], "'burst', 'graded'"),
        (["run", "m.snnc", "--data", "d.npz", "--limit", "0"], "--limit"),
        (["convert", "m.pt", "--weight-bits", "17"], "2<=x<=16"),
        (["convert", "m.pt", "--input-shape", "1,x"], "no list of integers"),
        (["convert", "m.pt", "--input-range", "0"], "no pair of numbers"),
    ],
)
def test_wrong_usage_exits_with_2(args: list[str], said: str) -> None:
    done = snnc(*args)
    assert done.code == 2
    assert said in done.stderr
    assert "hint: see `snnc" in done.stderr
    assert not done.stdout

    done = snnc(*args, "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "SNNC001"
    assert said in done.json["error"]["what"]


def test_commands_alone_load_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, importlib\n"
        "from snnc.cli.main import COMMANDS\n"
        "for name in COMMANDS: importlib.import_module(f'snnc.cli.{name}')\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'numba', 'numpy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_system_without_posix_is_told_so(tmp_path: Path) -> None:
    """As on Windows, whose Python lacks these modules; help and traces are there all the same."""
    import subprocess
    import sys

    code = (
        "import sys\n"
        "posix = 'fcntl', 'grp', 'pty', 'pwd', 'resource', 'syslog', 'termios', 'tty'\n"
        "sys.modules.update(dict.fromkeys(posix))\n"
        "from snnc.cli.main import cli\n"
        "cli.main(sys.argv[1:], prog_name='snnc')\n"
    )

    def call(*args: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)

    assert call("--help").returncode == 0
    model, data = save_model(tmp_path), tmp_path / "d.npz"
    np.savez(data, x=samples(3)[0])
    done = call("trace", model, "--data", data, "--sample", "0")
    assert done.returncode == 0, done.stderr
    done = call("run", model, "--data", data)
    assert done.returncode == 1
    assert "error: this needs a POSIX system: Python has no `fcntl` here [SNNC504]" in done.stderr
    assert "WSL 2" in done.stderr
    assert "Traceback" not in done.stderr


def test_runs_as_a_module() -> None:
    done = snnc_process("--help")
    assert done.code == 0
    assert done.stdout.startswith("Usage: snnc ")
