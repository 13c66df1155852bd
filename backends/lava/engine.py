"""The Lava engine: real lava-nc processes, in an environment of their own."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snnc.backends.base import EngineResult, Feeds, SessionState, Trace
from snnc.backends.feeds import read_feeds
from snnc.backends.lava.bundle import program_files
from snnc.backends.lava.child import Finished, run_child
from snnc.backends.lava.environment import last_lines, need_environment
from snnc.backends.lava.events import (
    Recorded,
    node_counters,
    projection_counters,
    silent_events,
    trace_of,
)
from snnc.backends.lava.plan import LAVA_CODES, ConvStyle, Plan, make_plan
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import ChildFailed, DataError, NotExecutable, TimeLimit
from snnc.ir.graph import Graph

TIME_LIMIT = 600.0
"""Seconds of a run, unless the caller says otherwise."""

_START_UP = 30.0
"""Seconds that our own clock allows beyond the run's: Python and Lava have to start."""

_COMPLAINT = "error: "
"""How run.py begins the line that says what went wrong."""

_STATUS_TIME_LIMIT = 4
"""What the bundle's run.py ends with at its time limit."""

_STATUS_ENVIRONMENT = 5
"""The same where Python or its packages are not what it needs."""


@dataclass
class LavaEngine:
    """Runs a graph as Lava processes on this machine; bit for bit what Loihi's synapses compute.

    It writes a bundle of its own for each run and never executes code from a folder that it is
    given.

    Attributes:
        target: `loihi1` or `loihi2`.
        conv: convolutions as `sparse` matrices (fast here) or Lava's own `conv`.
        time_limit: seconds of one run.
    """

    target: str = "loihi2"
    conv: ConvStyle = "sparse"
    time_limit: float = TIME_LIMIT
    name: str = field(default="lava", init=False)
    kernels: frozenset[str] = field(default=frozenset({"lava"}), init=False)
    codes: frozenset[str] = field(default=LAVA_CODES, init=False)
    counts_synapses: bool = field(default=True, init=False)

    def prepare(self, graph: Graph, settings: RunSettings, *, n_frames: int = 1) -> LavaSession:
        """Check a graph and write its processes; see `Engine.prepare`.

        Raises:
            MissingExtra: the Lava environment is not set up.
        """
        need_environment()
        plan = make_plan(graph, settings, target=self.target, conv=self.conv, n_frames=n_frames)
        return LavaSession(plan, program_files(plan), n_frames, self.time_limit)


@dataclass(frozen=True)
class LavaSession:
    """A network held in memory; every run starts afresh.

    Attributes:
        plan: what it was written from.
        files: that run, by path.
        n_frames: frames for which membranes were bounded.
        time_limit: seconds of one run.
    """

    plan: Plan
    files: dict[str, bytes]
    n_frames: int
    time_limit: float

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples, all of them in one start of Lava; see `Session.run`.

        Raises:
            NotExecutable: it shall go on from an earlier run.
            TimeLimit: it took longer than the engine's time limit.
            ChildFailed: a process of the network failed.
        """
        if state is not None:
            raise NotExecutable(
                "Lava starts every run from rest; it cannot go on from an earlier one",
                hint="stream on the event or the dense engine",
            )
        recorded = self._record(feeds)
        wanted = recorded.counts if record is None else [n for n in recorded.counts if n in record]
        return EngineResult(
            counts={name: recorded.counts[name] for name in wanted},
            counters=projection_counters(self.plan, recorded),
            node_counters=node_counters(self.plan, recorded),
            n_samples=recorded.n_samples,
            n_ticks=self.plan.schedule.n_ticks(recorded.n_frames),
        )

    def trace(self, feeds: Feeds, *, membranes: bool = False) -> Trace:
        """Every event of one sample, as it travelled in Lava.

        Raises:
            NotExecutable: membranes are asked for.
        """
        if membranes:
            raise NotExecutable(
                "Lava reads membranes only between runs", hint="trace them with the event engine"
            )
        recorded = self._record(feeds)
        if recorded.n_samples != 1:
            raise DataError(f"a trace is of one sample, got {recorded.n_samples}")
        return trace_of(self.plan, recorded)

    def _record(self, feeds: Feeds) -> Recorded:
        given = read_feeds(self.plan.graph, feeds, self.n_frames)
        n_samples, n_frames = next(iter(given.values())).shape[:2]
        with tempfile.TemporaryDirectory(prefix="snnc-lava-") as folder:
            counts, events = self._run_bundle(Path(folder), given)
        running = {node.name for node in self.plan.nodes}
        for name, feed in given.items():
            if name not in running:
                counts[name] = feed
                events[name] = silent_events(self.plan, self.plan.graph.nodes[name], feed)
        names = [name for name in self.plan.graph.nodes if name in counts]
        return Recorded(
            counts={name: counts[name] for name in names},
            events={name: events[name] for name in names},
            n_samples=n_samples,
            n_frames=n_frames,
        )

    def _run_bundle(
        self, folder: Path, feeds: dict[str, IntArray]
    ) -> tuple[dict[str, IntArray], dict[str, IntArray]]:
        for name, data in self.files.items():
            file = folder / "bundle" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        n_samples, n_frames = next(iter(feeds.values())).shape[:2]
        inputs, results = folder / "inputs.npz", folder / "results.npz"
        _write_npz(inputs, feeds)
        finished = run_child(
            [
                need_environment().python,
                folder / "bundle" / "run.py",
                inputs,
                "--output",
                results,
                "--samples",
                str(n_samples),
                "--frames",
                str(n_frames),
                "--time-limit",
                f"{self.time_limit:g}",
                "--supervised",
            ],
            time_limit=self.time_limit + _START_UP,
            where=f"Lava run of {self.plan.graph.name}",
            folder=folder,
            scratch=folder,
        )
        _check(finished, self.plan.graph.name)
        counts: dict[str, IntArray] = {}
        events: dict[str, IntArray] = {}
        with np.load(results, allow_pickle=False) as archive:
            for member in archive.files:
                kind, name = member.split("/", 1)
                (counts if kind == "counts" else events)[name] = archive[member]
        return counts, events


def _check(finished: Finished, name: str) -> None:
    """Turn what the child said into an error of ours."""
    if not finished.status:
        return
    where = f"Lava run of {name}"
    said = _complaint(finished.stderr)
    if finished.status == _STATUS_TIME_LIMIT:
        raise TimeLimit(
            said,
            where=where,
            hint="give more time with --time-limit, or fewer samples with --limit",
        )
    if finished.status == _STATUS_ENVIRONMENT:
        broken = need_environment().path
        raise ChildFailed(
            f"the Lava environment is broken: {said}",
            where=str(broken),
            hint="remove that folder and run `snnc targets setup loihi`",
        )
    seen = _traceback(finished.stderr)
    hint = f"this is a bug in snnc or in Lava; please report it with\n{seen}" if seen else None
    raise ChildFailed(said, where=where, hint=hint)


def _complaint(text: str) -> str:
    """The sentence that run.py ended with; without one, the last that was said."""
    lines = [line for line in text.splitlines() if line.startswith(_COMPLAINT)]
    if lines:
        return lines[-1].removeprefix(_COMPLAINT)
    return last_lines(_traceback(text) or text, 1)


def _traceback(text: str) -> str | None:
    """The last traceback, without what stands around it."""
    start = text.rfind("Traceback (most recent call last)")
    if start < 0:
        return None
    head, *rest = text[start:].splitlines()
    lines = [head]
    for line in rest:
        lines.append(line)
        if line and not line[0].isspace():
            break
    return "\n".join(lines)


def _write_npz(path: Path, arrays: dict[str, IntArray]) -> None:
    """As `numpy.savez`, whose keywords cannot have every name."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
