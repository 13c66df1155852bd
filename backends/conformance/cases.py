"""Hypothesis strategies: random valid integer graphs with feeds, code and schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from snnc.backends.conformance.draft import Draft
from snnc.backends.conformance.motifs import MOTIFS, Source
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.codes import CODES, SCHEDULES, RunSettings
from snnc.ir.graph import Graph
from snnc.ir.nodes import Pattern
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


@st.composite
def cases(draw: st.DrawFn, code: str | None = None, schedule: str | None = None) -> Case:
    """A random valid integer graph that shows life on its feeds.

    Args:
        code, schedule: fix them; None: any.
    """
    settings = RunSettings(
        code or draw(st.sampled_from(CODES)),  # type: ignore[arg-type]
        schedule or draw(st.sampled_from(SCHEDULES)),  # type: ignore[arg-type]
    )
    draft = Draft(
        rng=np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        n_samples=draw(st.integers(2, 3)),
        n_frames=draw(st.sampled_from([1, 1, 1, 2, 3])),
    )
    source = Source(draft, most=15 if settings.code == "burst" else 255)
    _add_sources(draw, source)
    for motif in draw(st.lists(st.sampled_from(sorted(MOTIFS)), min_size=2, max_size=6)):
        MOTIFS[motif](source)
    graph = draft.finish(_read(draft), "random")
    validate_graph(graph)
    fed = [node.name for node in graph.sources if not isinstance(node, Pattern)]
    feeds = {name: draft.values[name] for name in fed}
    return Case(graph, feeds, settings, draft.n_frames, frozenset(draft.traits))


SHAPES: list[Shape] = [(6,), (12,), (3, 8), (4, 6), (1, 6, 6), (2, 5, 4), (3, 4, 4), (4, 5, 5)]
GRIDS = [(0, 1), (0, 4), (0, 15), (-1, 1), (-4, 3), (-8, 15), (0, 255), (-128, 127)]


def _add_sources(draw: st.DrawFn, source: Source) -> None:
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        shape, (lo, hi) = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(GRIDS))
        lo, hi = max(lo, -source.most), min(hi, source.most)
        kind = draw(st.sampled_from(["input", "input", "input", "host-count", "host-value"]))
        if kind == "input":
            source.draft.add_input(shape, lo, hi)
        elif kind == "host-count":
            source.draft.add_host_op(shape, lo, hi, "count")
        else:
            source.draft.add_host_op(shape, -1000, 1000, "value")
    if draw(st.sampled_from([True, False, False, False])):
        shape, (lo, hi) = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(GRIDS))
        lo, hi = max(lo, -source.most), min(hi, source.most)
        source.draft.add_pattern(shape, lo, hi, draw(st.sampled_from(["count", "value"])))


def _read(draft: Draft) -> list[str]:
    """The last node, and often one more."""
    emitting = list(draft.values)
    extra = emitting[draft.rng.integers(len(emitting))]
    chosen = {emitting[-1]: None}
    if draft.rng.random() < 0.4:
        chosen[extra] = None
    return list(chosen)
