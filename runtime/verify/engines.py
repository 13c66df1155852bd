"""Promise 2: engines compute the same integers, each compared with one that shares no kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.backends import rate
from snnc.backends.base import Engine, EngineResult, Feeds
from snnc.backends.registry import get_engine
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population, Product
from snnc.runtime.engines import OpenEngine, open_engine
from snnc.runtime.model import Model
from snnc.runtime.verify.difference import Difference, first_of

PREFERRED = ("event", "dense", "oracle")
"""Engines to choose from where none is named, and as second computation."""
LAVA = "lava"


@dataclass
class Comparison:
    """One engine against another one.

    Attributes:
        engine: under test.
        against: the engine it is compared with; None where none without common kernels is there.
        n_values: compared counts and values.
        n_mismatches: that differ.
        first: the first difference.
        by_population: differences by node.
        missing: nodes that one of the two gave no integers for.
    """

    engine: str
    against: str | None
    n_values: int = 0
    n_mismatches: int = 0
    first: Difference | None = None
    by_population: dict[str, int] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    @property
    def ok(self) -> bool:
        """There was a second computation, it gave every value, and none differed."""
        return self.against is not None and not self.missing and self.n_mismatches == 0

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {
            "engine": self.engine,
            "against": self.against,
            "ok": self.ok,
            "n_values": self.n_values,
            "n_mismatches": self.n_mismatches,
            "first_difference": self.first.to_json() if self.first else None,
        }


class EngineCheck:
    """Runs several engines on the same feeds and compares every node's integers.

    Args:
        graph: the integer form.
        opened: engines, ready to run, by name.
        n_frames: frames of each sample.
    """

    def __init__(self, graph: Graph, opened: Mapping[str, OpenEngine], n_frames: int = 1) -> None:
        self.graph = graph
        self.n_frames = n_frames
        self._opened = opened
        kernels = {name: kernels_of(engine) for name, engine in opened.items()}
        self.comparisons = [
            Comparison(engine=name, against=_partner(name, kernels)) for name in opened
        ]

    def add(self, feeds: Feeds, first: int) -> EngineResult:
        """Compare one batch; the result of the first engine.

        What the host makes of events is computed once, from the first engine's integers, and fed
        to every engine.

        Args:
            feeds: counts of every source node.
            first: index of the first sample.
        """
        results: dict[str, EngineResult] = {}
        for name, engine in self._opened.items():
            results[name] = engine.session.run(feeds)
            if len(results) == 1:
                feeds = self._with_host(feeds, results[name])
        counts = {name: result.counts for name, result in results.items()}
        for comparison in _once(self.comparisons):
            assert comparison.against is not None
            self._compare(comparison, counts[comparison.engine], counts[comparison.against], first)
        self._mirror()
        return next(iter(results.values()))

    def _with_host(self, feeds: Feeds, result: EngineResult) -> Feeds:
        fed = [host for host in self.graph.host_ops if host in self.graph.sources]
        given: dict[str, Any] = {host.name: result.counts[host.name] for host in fed}
        return {**given, **result.reals, **feeds}

    def _compare(
        self,
        comparison: Comparison,
        got: Mapping[str, IntArray],
        expected: Mapping[str, IntArray],
        first: int,
    ) -> None:
        for name, node in self.graph.nodes.items():
            if name not in expected or name not in got:
                if isinstance(node, Population | Product):
                    comparison.missing.add(name)
                continue
            comparison.n_values += expected[name].size
            wrong = got[name] != expected[name]
            n = int(np.count_nonzero(wrong))
            if not n:
                continue
            comparison.n_mismatches += n
            comparison.by_population[name] = comparison.by_population.get(name, 0) + n
            where = first_of(wrong)
            sample = first + where[0]
            if comparison.first is not None and comparison.first.sample <= sample:
                continue
            assert comparison.against is not None
            comparison.first = Difference(
                sample=sample,
                frame=where[1],
                population=name,
                module_path=node.module_path or name,
                neuron=int(np.ravel_multi_index(where[2:], wrong.shape[2:])),
                expected=int(expected[name][where]),
                got=int(got[name][where]),
                between=(comparison.against, comparison.engine),
            )

    def _mirror(self) -> None:
        """A pair that compares with each other is computed once and counts for both."""
        done = {(c.engine, c.against): c for c in _once(self.comparisons)}
        for c in self.comparisons:
            twin = done.get((c.against or "", c.engine))
            if twin is not None and (c.engine, c.against) not in done:
                c.n_values, c.n_mismatches, c.first = twin.n_values, twin.n_mismatches, twin.first
                c.by_population, c.missing = twin.by_population, twin.missing


def _once(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons without those that mirror an earlier one."""
    found: list[Comparison] = []
    for c in comparisons:
        mirrored = any(c.engine == d.against and c.against == d.engine for d in found)
        if c.against is not None and not mirrored:
            found.append(c)
    return found


def kernels_of(opened: OpenEngine) -> frozenset[str]:
    """Kernel families of a session; an engine without its own kernel runs the plain one."""
    own = getattr(opened.session, "kernels", None)
    return frozenset(own) if own else get_engine(opened.name).kernels


def _partner(name: str, kernels: Mapping[str, frozenset[str]]) -> str | None:
    """The first other engine that shares no kernel."""
    others = (other for other in kernels if other != name)
    return next((other for other in others if not kernels[other] & kernels[name]), None)


def open_engines(
    model: Model, asked: Sequence[str], settings: RunSettings, n_frames: int
) -> tuple[dict[str, OpenEngine], list[str]]:
    """The engines to compare, ready to run, and notes on what was chosen.

    Engines that the user names must run; of the default ones, those that cannot run the graph
    are left out with a note. Where no two of them are independent, another one joins.

    Raises:
        NotExecutable: an engine that was asked for cannot run the graph or the settings.
    """
    default = ["event", "dense", *([LAVA] if model.bundle else [])]
    names = list(dict.fromkeys(asked)) or default
    opened: dict[str, OpenEngine] = {}
    notes: list[str] = []
    for name in names:
        try:
            opened[name] = open_engine(model, name, settings, n_frames)
        except NotExecutable as error:
            if asked:
                raise
            notes.append(f"engine {name} is left out: {error.what}")
    for name in PREFERRED:
        kernels = {n: kernels_of(engine) for n, engine in opened.items()}
        if opened and all(_partner(n, kernels) for n in kernels):
            break
        if name in opened or not _can_run(get_engine(name), settings):
            continue
        try:
            joined = open_engine(model, name, settings, n_frames)
        except NotExecutable:
            continue
        if any(not kernels_of(joined) & used for used in kernels.values()) or not opened:
            opened[name] = joined
            notes.append(f"engine {name} joins as an independent second computation")
    return opened, notes


def _can_run(engine: Engine, settings: RunSettings) -> bool:
    return settings.code in rate.codes_of(engine)
