"""How errors are shown and which exit code they give."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

import click

from snnc.cli.terminal import say
from snnc.ir.errors import (
    BadInputFile,
    Interrupted,
    MissingExtra,
    SnncError,
    UnexpectedError,
    WrongUsage,
)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
"""What the system refuses over a file that the user named, wherever it is found out."""
_POSIX = ("fcntl", "resource")
"""Modules of the standard library that Windows' Python lacks."""


def report_error(error: BaseException, *, as_json: bool) -> int:
    """Show `error` and return the exit code.

    With `as_json` stdout gets one object `{"error": {code, what, where, hint}}`; otherwise
    stderr gets a message, with the hint on its own line.
    """
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else EXIT_FAILED
    if isinstance(error, BrokenPipeError):
        _close_stdout()
        return EXIT_FAILED
    named, status = _name(error)
    if not (as_json and _print_json(named)):
        _show(named, error)
    return status


def _print_json(named: SnncError) -> bool:
    """Print the error's object; False where stdout takes nothing (a full disk behind it)."""
    try:
        click.echo(json.dumps({"error": named.to_json()}))
    except OSError:
        _close_stdout()
        return False
    return True


def _name(error: BaseException) -> tuple[SnncError, int]:
    """The named error that stands for `error`, and its exit code."""
    if isinstance(error, SnncError):
        return error, EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_FAILED
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else None
        hint = f"see `{where} --help`" if where else None
        return WrongUsage(_without_stop(error.format_message()), where=where, hint=hint), EXIT_USAGE
    if _is_interrupt(error):
        return Interrupted("interrupted", hint=_kept(error)), EXIT_INTERRUPTED
    if isinstance(error, ModuleNotFoundError) and error.name in _POSIX:
        what = f"this needs a POSIX system: Python has no `{error.name}` here"
        return MissingExtra(what, hint="on Windows, install and run snnc in WSL 2"), EXIT_FAILED
    if isinstance(error, MemoryError):
        what = "there is not enough memory for this"
        hint = "convert a smaller model, or run fewer samples at once with `--limit`"
        return UnexpectedError(what, hint=hint), EXIT_FAILED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = None if error.filename is None else str(error.filename)
        what = f"cannot write: {error.strerror}"
        return UnexpectedError(what, where=where, hint="free some space"), EXIT_FAILED
    if isinstance(error, OSError) and error.errno in _NOT_OURS and error.filename is not None:
        what = f"cannot be read or written: {error.strerror}"
        return BadInputFile(what, where=os.fsdecode(error.filename)), EXIT_FAILED
    return _bug(error), EXIT_FAILED


def _is_interrupt(error: BaseException) -> bool:
    """Is this Ctrl-C? (click turns an end of file into an abort as well: that is a bug of ours.)"""
    if isinstance(error, click.Abort):
        return not isinstance(error.__cause__, EOFError)
    return isinstance(error, KeyboardInterrupt)


def _kept(error: BaseException) -> str:
    """What is left of interrupted work, as it noted on the exception."""
    caught = error if error.__cause__ is None else error.__cause__
    notes = getattr(caught, "__notes__", [])
    return "; ".join(notes) or "no file was left half-written"


def _without_stop(sentence: str) -> str:
    return sentence.strip().removesuffix(".")


def _bug(error: BaseException) -> UnexpectedError:
    log = _write_log(error)
    what = f"this is a bug in snnc: {type(error).__name__}: {error}"
    hint = "please report it" + (f" with the traceback in {log}" if log else "")
    return UnexpectedError(what, hint=hint)


def _write_log(error: BaseException) -> Path | None:
    """Write the traceback to a log file; None where nothing can be written."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    name = f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = "".join(traceback.format_exception(error))
    for folder in (Path(state) / "snnc", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            path.write_text(f"{' '.join(sys.argv)}\n\n{text}", encoding="utf-8")
        except OSError:
            continue
        return path
    return None


def _show(named: SnncError, error: BaseException) -> None:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        say(error.ctx.get_usage())
    if isinstance(named, Interrupted):
        say(click.style("interrupted", fg="yellow"))
        return
    place = f"{named.where}: " if named.where and not isinstance(named, WrongUsage) else ""
    say(f"{click.style('error', fg='red', bold=True)}: {place}{named.what} [{named.code}]")
    if named.hint:
        say(f"\n{click.style('hint', fg='cyan', bold=True)}: {named.hint}")


def _close_stdout() -> None:
    """The reader is gone: keep the interpreter from complaining about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
