"""What every engine checks before it runs: the graph's width, the shape and range of feeds."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from snnc.backends.base import Feeds
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError, NotExecutable, WidthExceeded
from snnc.ir.graph import Graph
from snnc.ir.limits import SIM
from snnc.ir.nodes import HostOp, Input, Pattern, Population
from snnc.ir.ranges import NodeRange, analyse
from snnc.ir.widths import check_width


def check_code(engine: str, codes: Collection[str], settings: RunSettings) -> None:
    """Refuse an event code that an engine does not have.

    Raises:
        NotExecutable: with the codes that it has.
    """
    if settings.code not in codes:
        raise NotExecutable(
            f"engine `{engine}` does not run the event code `{settings.code}`",
            hint=f"it runs {', '.join(sorted(codes))}",
        )


def check_graph(graph: Graph, settings: RunSettings, n_frames: int) -> dict[str, NodeRange]:
    """Bounds of a graph that an int64 engine can run for samples of `n_frames` frames.

    Raises:
        NotExecutable: the graph is in float form.
        GraphError: it is not well-formed.
        WidthExceeded: a bound passes 63 bits.
    """
    if graph.form != "integer":
        raise NotExecutable("engines run the integer form", where=graph.name)
    graph.validate()
    ranges = analyse(graph, settings, n_frames)
    check_width(graph, ranges, SIM)
    return ranges


def read_feeds(graph: Graph, feeds: Feeds, n_frames: int) -> dict[str, IntArray]:
    """Feeds of every source node as int64 arrays of shape (N, T, *shape).

    Args:
        n_frames: frames for which the membranes that live across frames were bounded.

    Patterns that are not fed begin at their first frame.

    Raises:
        DataError: a feed is missing, has the wrong shape or dtype, or leaves its node's range.
        PatternEnds: more frames than a pattern has.
        WidthExceeded: more frames than membranes were bounded for.
    """
    return FeedReader(graph, n_frames).read(feeds)


class FeedReader:
    """Reads the feeds of run after run: what a graph says of them is looked up once.

    Args:
        n_frames: as those of `read_feeds`.
    """

    def __init__(self, graph: Graph, n_frames: int) -> None:
        self._sources = [(source, _comes(source)) for source in graph.sources]
        self._patterns = graph.patterns
        self._bounded = bounded(graph)[:1]
        self._n_frames = n_frames

    def read(self, feeds: Feeds) -> dict[str, IntArray]:
        """Feeds of every source node; see `read_feeds`."""
        wanted = [s for s, comes in self._sources if not comes or s.name in feeds]
        read = {source.name: _read(source, feeds) for source in wanted}
        leading = {array.shape[:2] for array in read.values()}
        if len(leading) != 1:
            raise DataError(f"feeds differ in samples and frames: {sorted(leading)}")
        n_samples, n_given = next(iter(leading))
        for pattern in self._patterns:
            if pattern.name not in read:
                frames = pattern.frames(n_given)
                read[pattern.name] = np.repeat(frames[None], n_samples, axis=0)
        for population in self._bounded:
            check_frames(population, 0, n_given, self._n_frames)
        return read


def _comes(source: Input | HostOp) -> bool:
    """Does a source need no data?"""
    return isinstance(source, Pattern)


def bounded(graph: Graph) -> list[Population]:
    """Populations whose membranes are bounded for some number of frames."""
    return [p for p in graph.populations if not p.model.forgets]


def check_frames(population: Population, before: int, n_given: int, n_frames: int) -> None:
    """Refuse more frames than a membrane was bounded for.

    Args:
        before: frames that lie behind the samples already.
        n_given: further ones.

    Raises:
        WidthExceeded: with both numbers.
    """
    if before + n_given > n_frames:
        after = f" after {before}" if before else ""
        raise WidthExceeded(
            f"its membrane was bounded for {n_frames} frames, the data has {n_given}{after}",
            where=population.name,
            hint="state the number of frames when the engine is prepared",
        )


def _read(source: Input | HostOp, feeds: Feeds) -> IntArray:
    if source.name not in feeds:
        raise DataError("no feed", where=source.name)
    given: Array = np.asarray(feeds[source.name])
    if given.dtype.kind not in "iub":
        raise DataError(f"counts are integers, got {given.dtype}", where=source.name)
    if given.shape[2:] != source.shape or given.ndim < 2 or not given.shape[1]:
        raise DataError(
            f"feeds have shape (samples, frames, *{source.shape}), got {given.shape}",
            where=source.name,
        )
    if given.size and not _in_range(given, source):
        raise DataError(
            f"counts run from {source.lo} to {source.hi}, "
            f"got {int(given.min())} … {int(given.max())}",
            where=source.name,
        )
    return given.astype(np.int64, copy=False)


def _in_range(given: Array, source: Input | HostOp) -> bool:
    """Does every count lie in its source's range? Without the detours of `min` and `max`."""
    if source.lo == 0 and given.dtype == np.int64:
        # what is negative is huge without its sign, so one look is enough
        return bool(np.maximum.reduce(given.view(np.uint64), axis=None) <= source.hi)
    least, most = np.minimum.reduce(given, axis=None), np.maximum.reduce(given, axis=None)
    return source.lo <= int(least) and int(most) <= source.hi
