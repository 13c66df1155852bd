"""The peers' environment, and scripts that run in it or in snnc's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import one_thread

HERE = Path(__file__).resolve().parent
ROOT, SCRIPTS = HERE.parent, HERE / "peers"


def make_peers(folder: Path) -> Path:
    """The interpreter of the peers' environment; made where it is not complete yet."""
    python, done = folder / "bin" / "python", folder / "complete"
    if done.exists():
        return python
    print(f"making the peers' environment in {folder}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    constraints = SCRIPTS / "constraints.txt"
    named = [line for line in constraints.read_text().splitlines() if "==" in line]
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *named], check=True)
    subprocess.run([*pip, "--no-deps", "-r", SCRIPTS / "requirements.txt"], check=True)
    done.touch()
    return python


def run_script(
    python: Path, script: str, *arguments: str, limit: float | None = None
) -> tuple[list[dict[str, Any]], str]:
    """What a script of peers/ prints (a JSON object a line), and why it ended early, if it did.

    Args:
        python: interpreter.
        script: its name.
        arguments: of it.
        limit: seconds until it is stopped.
    """
    command = [str(python), "-W", "ignore", str(SCRIPTS / script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **one_thread()}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that it ends with the processes that it starts
    ) as child:
        try:
            out, err = child.communicate(timeout=limit)
            reason = last_line(err) if child.returncode else ""
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, err = child.communicate()
            reason = f"stopped after {limit:.0f} s"
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines], reason


def last_line(text: str) -> str:
    """What a program said last; a hint with the error that it belongs to."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "failed without a word"
    n = 2 if lines[-1].startswith("hint:") else 1
    return "; ".join(lines[-n:])[:300]
