"""Every `snnc` command line of the docs and of `--help` is one that snnc takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from snnc.cli.main import COMMANDS, cli
from tests.cli.helpers import Outcome, snnc

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
INLINE = re.compile(r"`(snnc [^`]+)`", re.S)


def lines_of(text: str) -> Iterator[str]:
    """Command lines that stand by themselves; those that go on in the next line in one."""
    whole = re.sub(r"\\\n\s*", "", text)
    for line in whole.splitlines():
        found = re.match(r"(?: {2,}|)(?:\$ )?(?:[A-Z_]+=\S+ )*(snnc [a-z].*)$", line)
        if found and (line[0] == " " or line.startswith("snnc ")):
            yield re.split(r" {3,}| \| | > |  #", found.group(1))[0]


def in_blocks() -> list[tuple[str, str]]:
    """Command lines in code blocks of the pages, and examples in helps; each with where it is."""
    found = []
    for page in PAGES:
        text = page.read_text()
        blocks = re.findall(r"^(?:    .*\n)+", text, re.M) + re.findall(
            r"^```.*?^```", text, re.M | re.S
        )
        found += [(page.name, line) for block in blocks for line in lines_of(block)]
    for name in COMMANDS:
        found += [(f"{name} --help", line) for line in lines_of(snnc(name, "--help").stdout)]
    return found


def parse(line: str, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Let snnc read a command line without doing what it says."""
    words = shlex.split(re.sub(r"[\[\]]", "", line))[1:]
    monkeypatch.setattr(click.Command, "invoke", lambda self, ctx: None)
    return snnc(*words)


def test_whole_command_lines_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = in_blocks()
    assert len(found) > 50
    assert {line.split()[1] for _, line in found} == set(COMMANDS)
    for where, line in found:
        done = parse(line, monkeypatch)
        assert done.code == 0, (where, line, done.stderr)
    wrong = parse("snnc run model.snnc --data x.npz --engin event", monkeypatch)
    assert wrong.code == 2
    assert parse("snnc run model.snnc", monkeypatch).code == 2


def options_of(words: list[str]) -> set[str]:
    """Of a command that is named in passing, all its options; or of its sub-command."""
    context = click.Context(cli)
    command = cli.get_command(context, words[0])
    assert command is not None, words
    if isinstance(command, click.Group) and len(words) > 1:
        command = command.get_command(context, words[1]) or command
    return {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)} | {"--help"}


def test_options_named_in_passing_exist() -> None:
    """In `snnc verify --code rate` and the like; the command too."""
    n_options = 0
    for page in PAGES:
        for text in INLINE.findall(page.read_text()):
            words = text.split()[1:]
            if words[0].startswith("-"):
                continue
            named = [w.partition("=")[0] for w in words if re.match(r"--?[a-z]", w)]
            unknown = set(named) - options_of(words)
            assert not unknown, (page.name, text)
            n_options += len(named)
    assert n_options > 20
