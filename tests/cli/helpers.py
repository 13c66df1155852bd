"""Calling the command line, and comparing what it prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from snnc.cli.main import cli

SNAPSHOTS = Path(__file__).parent / "snapshots"
SCHEMAS = Path(__file__).parents[2] / "docs" / "json"


@dataclass(frozen=True)
class Outcome:
    """Exit code and streams of one call."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        lines = self.stdout.splitlines()
        assert len(lines) == 1, self.stdout
        return json.loads(lines[0])


def snnc(*args: str | Path, env: dict[str, str | None] | None = None) -> Outcome:
    """Call the command line in this process, at 80 columns without colour."""
    variables = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", **(env or {})}
    result = CliRunner(env=variables).invoke(cli, [str(a) for a in args], prog_name="snnc")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


def command_line(*args: str | Path) -> list[str]:
    """The words that start snnc as a process of its own."""
    return [sys.executable, "-m", "snnc", *(str(a) for a in args)]


def snnc_process(*args: str | Path, cwd: Path | None = None) -> Outcome:
    """Call the command line as a process of its own."""
    done = subprocess.run(
        command_line(*args), capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def check_snapshot(name: str, text: str) -> None:
    """Compare with `snapshots/<name>.txt`; SNNC_UPDATE_SNAPSHOTS=1 writes it."""
    text = "\n".join(line.rstrip() for line in _mask(text).splitlines()) + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("SNNC_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def _mask(text: str) -> str:
    """Replace what differs from run to run and machine to machine."""
    text = re.sub(r"(seconds +)[\d.e-]+", r"\1<s>", text)
    return re.sub(r"/\S*/(?=[\w.-]+)", "<folder>/", text)


def check_schema(command: str, value: Any) -> None:
    """Does a `--json` object follow docs/json/<command>.json?"""
    import jsonschema

    schema = json.loads((SCHEMAS / f"{command}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(value)
