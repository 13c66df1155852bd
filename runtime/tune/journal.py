"""What was measured so far, in a file that survives any end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from snnc.ir.errors import BadInputFile, DamagedFile, OutputExists
from snnc.runtime.scale.store import compare, disk_error
from snnc.runtime.tune.grid import Setting

_log = logging.getLogger(__name__)
_FORMAT = "snnc tune 1"


class Journal:
    """Measurements by setting and number of samples; a line of JSON each.

    The first line says what they depend on. A last line that a kill cut off is dropped.

    Args:
        path: of the file.
        stream: the file, locked; None: nothing is written.
        held: measurements that are there already.
    """

    def __init__(
        self, path: Path | None, stream: FileIO | None, held: dict[str, dict[str, Any]]
    ) -> None:
        self._path, self._stream = path, stream
        self._held = held
        self.n_resumed = len(held)

    def __len__(self) -> int:
        return len(self._held)

    def get(self, setting: Setting, n: int) -> dict[str, Any] | None:
        """What was measured on the first n samples: `report`, or the `error` of a refusal."""
        return self._held.get(_key(setting, n))

    def add(self, setting: Setting, n: int, found: dict[str, Any]) -> None:
        """Keep a measurement.

        Raises:
            DiskFull: it cannot be written.
        """
        key = _key(setting, n)
        self._held[key] = found
        if self._stream is not None and self._path is not None:
            _append(self._path, self._stream, {"setting": key, **found})


@contextlib.contextmanager
def journal(
    path: Path | None, identity: Mapping[str, Any], *, resume: bool, force: bool
) -> Iterator[Journal]:
    """A journal that is removed at the end, and kept where the end is an error or Ctrl-C.

    Args:
        path: of the file; None: nothing is kept.
        identity: everything that measurements depend on.
        resume: go on with what is there.
        force: begin anew where something is there.

    Raises:
        OutputExists: one is there and neither was given, or another process writes to it.
        OtherRun: it is that of another source, other data or settings.
        DamagedFile: it is no journal, or damaged.
        BadInputFile: it cannot be opened.
    """
    if path is None:
        yield Journal(None, None, {})
        return
    stream = _locked(path)
    with stream:
        found = _opened(path, stream, dict(identity), resume=resume, force=force)
        try:
            yield found
        except BaseException as error:
            if not len(found):
                path.unlink()
                raise
            kept = f"{len(found)} measurements are kept in {path}: `--resume` goes on from there"
            _log.warning("%s", kept)
            error.add_note(kept)
            raise
        path.unlink()


def _key(setting: Setting, n: int) -> str:
    return json.dumps({**setting.to_json(), "n_samples": n})


def _locked(path: Path) -> FileIO:
    try:
        stream = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
    except OSError as error:
        raise BadInputFile(f"cannot write there: {error.strerror}", where=str(path)) from error
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise OutputExists("another run is writing this", where=str(path)) from error
    return stream


def _opened(
    path: Path, stream: FileIO, identity: dict[str, Any], *, resume: bool, force: bool
) -> Journal:
    plain = json.loads(json.dumps(identity))
    lines = [] if force and not resume else _lines(path, stream)
    if not lines:
        stream.truncate(0)
        stream.seek(0)
        try:
            _append(path, stream, {"format": _FORMAT, "identity": plain})
        except BaseException:
            path.unlink()  # it is empty
            raise
        return Journal(path, stream, {})
    if not resume:
        raise OutputExists(
            f"tuning that was stopped left {len(lines) - 1} measurements",
            where=str(path),
            hint="go on with `--resume`, or begin anew with `--force`",
        )
    compare(lines[0]["identity"], plain, path)
    return Journal(path, stream, {line.pop("setting"): line for line in lines[1:]})


def _lines(path: Path, stream: FileIO) -> list[dict[str, Any]]:
    """Whole lines; what a kill cut off is cut off the file, too."""
    content = stream.readall()
    whole = content.rfind(b"\n") + 1
    try:
        lines = [json.loads(line) for line in content[:whole].splitlines()]
        if lines and (lines[0]["format"] != _FORMAT or not isinstance(lines[0]["identity"], dict)):
            raise ValueError("its first line is another's")  # noqa: TRY301
        for line in lines[1:]:
            if not isinstance(line["setting"], str) or not line.keys() & {"report", "error"}:
                raise ValueError("a line is no measurement")  # noqa: TRY301
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFile(
            f"this is no journal of `snnc tune`: {error}",
            where=str(path),
            hint="begin anew with `--force`",
        ) from None
    os.ftruncate(stream.fileno(), whole)
    stream.seek(whole)
    return lines


def _append(path: Path, stream: FileIO, value: Mapping[str, Any]) -> None:
    start = stream.tell()
    data = memoryview(json.dumps(value, allow_nan=False).encode() + b"\n")
    try:
        while data:
            data = data[stream.write(data) :]
        os.fsync(stream.fileno())
    except OSError as error:
        os.ftruncate(stream.fileno(), start)
        raise disk_error(error, path) from error
