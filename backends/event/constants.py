"""Which constants of the cost model hold: measured once on this machine, or those that are shipped.

They are kept beside the compiled kernels, under a key of the kernels' sources, the CPU and what
code is made for. They decide which kernel is taken, never what it computes.

`SNNC_COSTS` says what happens at the first start: `auto` measures, `stored` takes what an
earlier start has measured but measures nothing (workers of a run do so), `off` takes those that
are shipped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.registry import cpu_target

from snnc.backends.event.costs import SHIPPED, Costs
from snnc.backends.event.frames import run_frames
from snnc.backends.event.jit import source_stamp
from snnc.backends.event.probe import LIMIT, measure
from snnc.ir.errors import SnncError
from snnc.ir.file import atomic_path

VARIABLE = "SNNC_COSTS"
MODES = ("auto", "stored", "off")
_LOG = logging.getLogger("snnc.backends.event")
_STALE = 120.0
"""Seconds after which a lock is of a process that has ended."""


@dataclass(frozen=True, kw_only=True)
class Constants:
    """Constants, and where they come from.

    Attributes:
        costs: the constants that hold.
        measured: when they were measured here, ISO 8601; None: they are the shipped ones, and
            nothing has been measured.
        note: why these.
        path: where they are kept; None: nowhere.
    """

    costs: Costs
    measured: str | None
    note: str
    path: str | None

    def to_json(self) -> dict[str, Any]:
        """As `snnc doctor --json` shows it."""
        return {
            "source": "shipped" if self.costs == SHIPPED else "measured",
            "measured": self.measured,
            "note": self.note,
            "path": self.path,
            "picoseconds": asdict(self.costs),
        }


def shipped(note: str, path: Path | None = None) -> Constants:
    """The shipped constants."""
    return Constants(
        costs=SHIPPED, measured=None, note=note, path=None if path is None else str(path)
    )


@cache
def constants() -> Constants:
    """What holds in this process; measured now, if that is wanted and has not been done."""
    mode = os.environ.get(VARIABLE, "auto")
    if mode not in MODES:
        _LOG.warning("%s is `%s`, not one of %s: ignored", VARIABLE, mode, ", ".join(MODES))
        mode = "auto"
    path = place()
    if mode == "off":
        return shipped(f"{VARIABLE} is off")
    if path is None:
        return shipped("there is no folder to keep others in")
    found = _read(path)
    if found is not None:
        return found
    if mode == "stored":
        return shipped("nothing has been measured here", path)
    if (busy := _others()) > _cpus() / 2:
        return shipped(f"not measured yet: other programs are running (load {busy:.1f})", path)
    return measure_costs(path)


def measure_costs(path: Path | None = None) -> Constants:
    """Measure now, and keep what was found."""
    path = path or place()
    if path is None:
        return shipped("there is no folder to keep others in")
    with _alone(path) as obstacle:
        if obstacle is not None:
            return shipped(obstacle, path)
        start = time.perf_counter()
        costs, note = measure(SHIPPED)
        _LOG.info("measured what kernels cost here, in %.1f s", time.perf_counter() - start)
        found = Constants(
            costs=costs,
            measured=datetime.now(UTC).isoformat(timespec="seconds"),
            note=note,
            path=str(path),
        )
        try:
            with atomic_path(path, force=True) as temporary:
                temporary.write_text(json.dumps(found.to_json(), indent=1) + "\n")
        except (SnncError, OSError):
            return replace(found, note=f"{note}; they could not be kept", path=None)
    constants.cache_clear()
    return found


def place() -> Path | None:
    """Where the constants of this machine are kept; None: kernels are not kept either."""
    kernels: Any = getattr(run_frames, "_cache", None)
    folder = getattr(kernels, "cache_path", None)
    if folder is None:
        return None
    made_for = cpu_target.target_context.codegen().magic_tuple()
    key = (source_stamp(Path(__file__).parent), made_for, _cpu())
    return Path(folder) / f"costs-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> Constants | None:
    """What is kept; None: nothing, or nothing of use."""
    try:
        values = json.loads(path.read_text())
        costs = Costs(**{name: float(v) for name, v in values["picoseconds"].items()})
        found = Constants(
            costs=costs,
            measured=str(values["measured"]),
            note=str(values["note"]),
            path=str(path),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    bounds = zip(asdict(costs).values(), asdict(SHIPPED).values(), strict=True)
    slack = 1.001  # what a decimal number has lost
    within = all(s / LIMIT / slack <= c <= s * LIMIT * slack for c, s in bounds)
    return found if within else None


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[str | None]:
    """Keep others from measuring; or why this process cannot measure, or could not keep it."""
    lock = path.with_suffix(".lock")
    cannot = f"nothing can be kept in {path.parent}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        yield f"{cannot}: {error.strerror}"
        return
    with contextlib.suppress(OSError):
        if time.time() - lock.stat().st_mtime > _STALE:
            lock.unlink()
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        yield "another process is measuring"
        return
    except OSError as error:
        yield f"{cannot}: {error.strerror}"
        return
    try:
        yield None
    finally:
        lock.unlink(missing_ok=True)


def _cpu() -> str:
    """The CPU's name."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _others() -> float:
    """The load that other programs make; 0 where it is not known."""
    return max(os.getloadavg()[0] - 1, 0.0) if hasattr(os, "getloadavg") else 0.0
