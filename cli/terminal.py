"""What a command shows: its result on stdout, notes and progress on stderr."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from snnc.runtime.progress import Progress

PLAIN_INTERVAL = 10.0
"""Seconds between progress lines where stderr is no terminal."""


class Result(Protocol):
    """What a runtime function returns."""

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""


class Terminal:
    """One command's view of stdout and stderr.

    While the command works, stdout belongs to nobody: whatever libraries print goes to stderr,
    so that a result on stdout is alone there.

    Args:
        as_json: `--json` was given.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @contextlib.contextmanager
    def work(self) -> Iterator[Progress]:
        """Run the body with stdout kept clean; yields where progress is told."""
        _set_up_logging()
        with _stdout_to_stderr(), warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            if sys.stderr.isatty():
                with _bar() as progress:
                    yield progress
            else:
                yield PlainProgress()

    def show(self, result: Result, render: Callable[[], Iterable[RenderableType]]) -> None:
        """Print `result`: its JSON object, or what `render` makes of it for people."""
        if self.as_json:
            click.echo(json.dumps(result.to_json(), allow_nan=False))
            return
        console = stdout_console()
        for part in render():
            console.print(part)


def say(text: str) -> None:
    """Write `text` to stderr; without colour where NO_COLOR asks for that."""
    click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)


def stdout_console() -> Console:
    """A rich console on the current stdout; 80 columns where it is no terminal."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, soft_wrap=False)


class PlainProgress:
    """Progress as plain lines: one when a stage ends, others at most every ten seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._began: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        since, first = self._began.setdefault(stage, (now, done))
        if done < total and now - self._last < PLAIN_INTERVAL:
            return
        self._last = now
        say(f"{stage}: {done}/{total}{_pace(now - since, done - first, total - done)}")


def _pace(seconds: float, done: int, left: int) -> str:
    """How many a second, and how long the rest will take."""
    if not done or seconds <= 0:
        return ""
    rate = done / seconds
    return f", {rate:.3g}/s" + (f", {_duration(left / rate)} left" if left else "")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate)
    console = Console(file=sys.stderr)
    with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}
        began: dict[str, tuple[float, int]] = {}

        def progress(stage: str, done: int, total: int) -> None:
            now = time.monotonic()
            if stage not in tasks:
                # what an earlier run had done says nothing of the pace of this one
                tasks[stage] = bar.add_task(stage, total=total, completed=done, rate="")
                began[stage] = (now, done)
            since, first = began[stage]
            rate = _pace(now - since, done - first, 0).removeprefix(", ")
            bar.update(tasks[stage], completed=done, total=total, rate=rate)

        yield progress


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send what Python code and C libraries print to stderr."""
    sys.stdout.flush()
    with contextlib.ExitStack() as stack:
        if _is_descriptor(sys.stdout, 1) and _is_descriptor(sys.stderr, 2):
            saved = os.dup(1)
            os.dup2(2, 1)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, 1)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def _is_descriptor(stream: Any, number: int) -> bool:
    try:
        return bool(stream.fileno() == number)
    except (AttributeError, OSError, ValueError):
        return False


class _NoteHandler(logging.Handler):
    """`note: …` and `warning: …` lines on the current stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        word, colour = (
            ("warning", "yellow") if record.levelno >= logging.WARNING else ("note", "cyan")
        )
        say(f"{click.style(word, fg=colour)}: {record.getMessage()}")


def _set_up_logging() -> None:
    """Show snnc's own notes; other libraries' chatter only from errors on."""
    log = logging.getLogger("snnc")
    log.handlers[:] = [_NoteHandler()]
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.getLogger().setLevel(logging.ERROR)
