"""Hypothesis strategies: random valid integer graphs with feeds, code and schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from snnc.backends.conformance.draft import Draft
from snnc.backends.conformance.motifs import MOTIFS, Source
from snnc.backends.feeds import check_graph
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.codes import CODES, RATE_RESETS, SCHEDULES, Rate, RunSettings
from snnc.ir.errors import NotExecutable, WidthExceeded
from snnc.ir.graph import Graph
from snnc.ir.nodes import Pattern
from snnc.ir.rate import as_run
from snnc.ir.schedule import make_schedule
from snnc.ir.validate import validate_graph


@dataclass(frozen=True)
class Case:
    """A graph, what it is fed with, and how it runs.

    Attributes:
        graph: integer form.
        feeds: (N, T, *shape) by source node that needs data.
        settings: code and schedule.
        n_frames: T.
        traits: what the draw put in ("residual", "rounding:half-even", …).
    """

    graph: Graph
    feeds: dict[str, IntArray]
    settings: RunSettings
    n_frames: int
    traits: frozenset[str]

    def __repr__(self) -> str:
        nodes = ", ".join(f"{n.name}{list(n.shape)}" for n in self.graph.nodes.values())
        return f"Case({self.settings}, {self.n_frames} frames: {nodes}; {sorted(self.traits)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What hypothesis prints of a failing example; the arrays would fill the screen."""
        printer.text(repr(self))


EXACT_CODES = tuple(code for code in CODES if code != "rate")
EXACT_MOTIFS = [*sorted(MOTIFS), "spiking-layer", "spiking-layer"]
"""All models but two come from that one: it stands here three times."""
RATE_MOTIFS = ["layer", "layer", "residual", "branches", "concat", "max-pool"]
"""Without what has no rate."""


def rates() -> st.SearchStrategy[Rate]:
    """Settings of code `rate`; max-pools become averages."""
    return st.builds(
        Rate,
        ticks=st.sampled_from([1, 2, 5, 8, 16]),
        reset=st.sampled_from(RATE_RESETS),
        pools=st.just("average"),
    )


def _has_rate(graph: Graph, settings: RunSettings) -> bool:
    """Can neurons that fire while they integrate stand for a graph, within 63 bits?"""
    try:
        check_graph(*as_run(graph, settings, 1))
    except (NotExecutable, WidthExceeded):
        return False
    return True


def is_executable(graph: Graph, settings: RunSettings, n_frames: int) -> bool:
    """Can a graph run in its code and in `delta`?

    Is every loop closed within the frames that it has (in a pipeline a long one is not), and do all
    integers keep within what holds them?
    """
    try:
        for each in (settings, replace(settings, code="delta")):
            make_schedule(graph, each)
            check_graph(graph, each, n_frames)
    except (NotExecutable, WidthExceeded):
        return False
    return True


@st.composite
def cases(draw: st.DrawFn, code: str | None = None, schedule: str | None = None) -> Case:
    """A random valid integer graph that shows life on its feeds.

    Args:
        code, schedule: fix them; None: any, of the codes those that are exact.
    """
    code = code or draw(st.sampled_from(EXACT_CODES))
    settings = RunSettings(
        code,  # type: ignore[arg-type]
        schedule or draw(st.sampled_from(SCHEDULES)),  # type: ignore[arg-type]
        draw(rates()) if code == "rate" else None,
    )
    draft = Draft(
        rng=np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        n_samples=draw(st.integers(2, 3)),
        n_frames=draw(st.sampled_from([1, 2, 3, 4] if settings.sends_changes else [1, 1, 1, 2, 3])),
    )
    source = Source(draft, most=15 if settings.code == "burst" else 255)
    _add_sources(draw, source, ["count"] if settings.rate else ["count", "value"])
    motifs = EXACT_MOTIFS if settings.rate is None else RATE_MOTIFS
    for motif in draw(st.lists(st.sampled_from(motifs), min_size=2, max_size=6)):
        MOTIFS[motif](source)
    graph = draft.finish(_read(draft), "random")
    validate_graph(graph)
    if settings.rate is None and not is_executable(graph, settings, draft.n_frames):
        reject()
    if settings.rate is not None and not _has_rate(graph, settings):
        reject()
    fed = [node.name for node in graph.sources if not isinstance(node, Pattern)]
    feeds = {name: draft.values[name] for name in fed}
    return Case(graph, feeds, settings, draft.n_frames, frozenset(draft.traits))


SHAPES: list[Shape] = [(6,), (12,), (3, 8), (4, 6), (1, 6, 6), (2, 5, 4), (3, 4, 4), (4, 5, 5)]
GRIDS = [(0, 1), (0, 4), (0, 15), (-1, 1), (-4, 3), (-8, 15), (0, 255), (-128, 127)]


def _add_sources(draw: st.DrawFn, source: Source, results: list[str]) -> None:
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        shape, (lo, hi) = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(GRIDS))
        lo, hi = max(lo, -source.most), min(hi, source.most)
        hosts = [f"host-{result}" for result in results]
        kind = draw(st.sampled_from(["input", "input", "input", *hosts]))
        if kind == "input":
            source.draft.add_input(shape, lo, hi)
        elif kind == "host-count":
            source.draft.add_host_op(shape, lo, hi, "count")
        else:
            source.draft.add_host_op(shape, -1000, 1000, "value")
    if draw(st.sampled_from([True, False, False, False])):
        shape, (lo, hi) = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(GRIDS))
        lo, hi = max(lo, -source.most), min(hi, source.most)
        source.draft.add_pattern(shape, lo, hi, draw(st.sampled_from(results)))


def _read(draft: Draft) -> list[str]:
    """The last node, and often one more."""
    emitting = list(draft.values)
    extra = emitting[draft.rng.integers(len(emitting))]
    chosen = {emitting[-1]: None}
    if draft.rng.random() < 0.4:
        chosen[extra] = None
    return list(chosen)
