"""Samples on their way through the event engine, every event handed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from snnc.backends import rate
from snnc.backends.base import Session, StreamingSession, Stretch
from snnc.backends.registry import get_engine
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError, NotExecutable
from snnc.ir.schedule import make_schedule
from snnc.ir.stages import crosses_host
from snnc.runtime.batches import batch_of
from snnc.runtime.data import DataSet
from snnc.runtime.engines import open_session
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import Model
from snnc.runtime.trace_files import TraceHead
from snnc.runtime.trace_select import Selection, Tally


@dataclass(frozen=True, kw_only=True)
class TraceRequest:
    """What of a trace is asked for.

    Attributes:
        samples: the first one and the one behind the last; None: from the start, to the end.
        several: is it a trace of several samples (even if it holds one)?
        membranes: are they recorded at every tick?
        populations: whose events and membranes are kept; none: all.
        ticks: first tick that is kept and the one behind the last; None: all.
        settings: code and schedule.
    """

    samples: tuple[int | None, int | None]
    several: bool
    membranes: bool
    populations: Sequence[str]
    ticks: tuple[int | None, int | None]
    settings: RunSettings


class TraceRun:
    """An engine that is ready to trace.

    Args:
        model: to trace.
        data: all samples.
        request: what is asked for.

    Attributes:
        head: of the trace.

    Raises:
        DataError: there are no such samples, ticks or populations.
        NotExecutable: the engine cannot run the model so.
    """

    def __init__(self, model: Model, data: DataSet, request: TraceRequest) -> None:
        self._model, self._data, self._settings = model, data, request.settings
        self._feeder = Feeder(model.file)
        graph = model.integer_graph
        self._n_frames = self._feeder.n_frames(data.samples, data.name)
        self._samples = _span(request.samples, data)
        session = rate.open_session(get_engine("event"), graph, request.settings, self._n_frames)
        if not isinstance(session, StreamingSession):
            raise NotExecutable("engine `event` gives no traces")
        self._session = session
        self._staged: Session | None = None
        shapes = {n.name: n.shape for n in graph.populations if n.name in session.names}
        n_ticks = make_schedule(graph, request.settings).n_ticks(self._n_frames)
        self._selection = Selection.make(
            session.names,
            shapes if request.membranes else (),
            n_ticks,
            request.populations,
            request.ticks,
        )
        self.head = TraceHead(
            samples=self._samples,
            several=request.several,
            code=request.settings.code,
            schedule=request.settings.schedule,
            n_ticks=n_ticks,
            ticks=self._selection.ticks,
            names=self._selection.names,
            values=frozenset(n for n in self._selection.names if graph.emits(n) == "value"),
            membranes={n: s for n, s in shapes.items() if n in self._selection.membranes},
        )

    def tally(self) -> Tally:
        """Sums over what is kept, none yet."""
        return Tally(self.head.names, self.head.values)

    def stretches(self) -> Iterator[Stretch]:
        """What is kept, sample after sample, in the order of traces."""
        first, end = self._samples
        size = batch_of(self._model.integer_graph, self._n_frames)
        for at in range(first, end, size):
            feeds = self._feeds(at, min(at + size, end))
            for part in self._session.stretches(feeds, membranes=tuple(self.head.membranes)):
                yield self._selection.of(replace(part, sample=at + part.sample))

    def _feeds(self, first: int, end: int) -> Mapping[str, Array]:
        x = self._data.read(slice(first, end))
        feeds = self._feeder.feeds(x, first=first, where=self._data.name)
        if not crosses_host(self._model.integer_graph):
            return feeds
        # a first run stage by stage tells what the host hands over; the clock then runs through
        if self._staged is None:
            engine = get_engine("event")
            self._staged = open_session(engine, self._model, self._settings, self._n_frames)
        return dict(self._staged.run(feeds).counts)


def _span(asked: tuple[int | None, int | None], data: DataSet) -> tuple[int, int]:
    """Samples that there are."""
    first, end = asked[0] or 0, len(data) if asked[1] is None else asked[1]
    if not 0 <= first < end <= len(data):
        one, last = end == first + 1, len(data) - 1
        asked_for = f"sample {first}" if one else f"part {first}:{end} of the samples"
        raise DataError(f"there is no {asked_for}, only 0 to {last}", where=data.name)
    return first, end
