"""The event engine: what it can do, and how a graph is made ready for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph

if TYPE_CHECKING:
    from snnc.backends.event.compile import Method
    from snnc.backends.event.session import EventSession


class EventEngine:
    """The event-driven simulator: compiled kernels, true ticks, events and membranes.

    Args:
        jobs: threads; None: as `OMP_NUM_THREADS` says, else one for each CPU at hand.
        tick_by_tick: see `EventSession`.
        method: how events are delivered, see `Method`; the results are the same.
    """

    name = "event"
    kernels = frozenset({"event"})
    codes = frozenset({"burst", "graded", "delta"})
    counts_synapses = True
    needs = None

    def __init__(
        self, jobs: int | None = None, *, tick_by_tick: bool = False, method: Method = "any"
    ) -> None:
        self.jobs = jobs
        self.tick_by_tick = tick_by_tick
        self.method = method

    def prepare(self, graph: Graph, settings: RunSettings, *, n_frames: int = 1) -> EventSession:
        """Compile an integer graph; see `Engine.prepare`."""
        # numba takes most of a second to import: only who runs pays for it
        from snnc.backends.event.compile import Compiler
        from snnc.backends.event.constants import constants
        from snnc.backends.event.costs import SHIPPED, has_windows
        from snnc.backends.event.jit import told
        from snnc.backends.event.session import EventSession
        from snnc.backends.feeds import check_code, check_graph
        from snnc.ir.schedule import make_schedule

        check_code(self.name, self.codes, settings)
        ranges = check_graph(graph, settings, n_frames)
        schedule = make_schedule(graph, settings)
        jobs = default_jobs() if self.jobs is None else self.jobs
        with told():
            chooses = self.method == "any" and has_windows(graph)
            costs = constants().costs if chooses else SHIPPED
            compiled = Compiler(graph, settings, schedule, ranges, self.method, costs).build()
            return EventSession(
                compiled, n_frames=n_frames, jobs=jobs, tick_by_tick=self.tick_by_tick
            )


def default_jobs() -> int:
    """`OMP_NUM_THREADS`, or the CPUs that this process may use."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdigit() and int(stated) > 0:
        return int(stated)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
