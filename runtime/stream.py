"""`snnc.stream`: frame after frame through a model, with constant memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np

from snnc.backends.base import Counters, EngineResult, NodeCounters, SessionState
from snnc.ir.arrays import Array, FloatArray, IntArray, Shape
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError, NotExecutable, ShapeMismatch, WidthExceeded
from snnc.ir.graph import Graph
from snnc.ir.nodes import Input, Population, Product
from snnc.ir.schedule import make_schedule
from snnc.runtime.engines import open_engine
from snnc.runtime.feeds import Feeder, InputLoss, Samples
from snnc.runtime.model import Model, load
from snnc.runtime.outputs import OutputReader, Reading
from snnc.runtime.staged import patterns
from snnc.runtime.summary import host_macs

MOST_FRAMES = 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamFrame:
    """What one frame gave.

    Attributes:
        outputs: float64, the source's output shape of one frame, samples first.
        outputs_int: int64; None where the host computes the output.
        extra_outputs: further outputs of the model by name.
    """

    outputs: FloatArray
    outputs_int: IntArray | None
    extra_outputs: Mapping[str, FloatArray]


class Stream:
    """A model that keeps its state from frame to frame.

    Args:
        model: the model.
        engine: `event`, `dense` or `oracle`.
        settings: as of `snnc.run`.
        frames: for how many frames state that does not fade is bounded.

    Attributes:
        n_frames: frames so far.
        preparation: what is done to raw data before the model takes it.
    """

    def __init__(
        self, model: Model, engine: str | None, settings: RunSettings, frames: int
    ) -> None:
        graph = model.integer_graph
        self._settings = settings
        self._most = frames
        self._feeder = Feeder(model.file)
        self.preparation = model.preparation
        self._reader = OutputReader(graph)
        self._graph = graph
        self._session = open_engine(model, engine, self._settings, frames).session
        self._state: SessionState = {}
        self._projections: dict[str, Counters] = {}
        self._nodes: dict[str, NodeCounters] = {}
        self._n_samples = self._first = 0
        self.n_frames = 0
        _refuse_delays(graph)

    def step(self, x: Samples) -> StreamFrame:
        """Take the next frame.

        Args:
            x: one frame of each sample, shape (N, *shape); for several inputs by name. N stays
                what it is in the first frame.

        Raises:
            ShapeMismatch: another shape, or another number of samples.
            WidthExceeded: more frames than state was bounded for.
            DataError: NaN, infinite or out of range.
        """
        self._check_frames()
        result, readings = self._run(x)
        self._count(result)
        self.n_frames += 1
        self._first += 1
        first, *rest = (node.name for node in self._graph.outputs)
        return StreamFrame(
            outputs=readings[first].real,
            outputs_int=readings[first].integers,
            extra_outputs={name: readings[name].real for name in rest},
        )

    def warm_up(self) -> None:
        """Compute frames of zeros and forget them: what is prepared at the first use is ready then.

        The second goes on from a state, as all but the first of a sample do.
        """
        still = {i.name: np.full((1, *i.shape), _nothing(i), i.dtype) for i in self._feeder.inputs}
        with contextlib.suppress(DataError):  # of a host that divides by what is zero here
            for _ in range(min(2, self._most)):
                self._run(still)
        self._feeder.loss = InputLoss()
        self.reset()

    @property
    def frame_shape(self) -> Shape:
        """Of one frame of one sample of the first input."""
        return self._feeder.shape

    @property
    def frame_dtype(self) -> str:
        """Of the first input, as numpy names it."""
        return self._feeder.input.dtype

    @property
    def counters(self) -> dict[str, int]:
        """Totals by counter of all frames so far, as of one run over them."""
        n_ticks = make_schedule(self._graph, self._settings).n_ticks(max(self.n_frames, 1))
        nodes = [
            replace(c, neuron_updates=self._size(name) * n_ticks * self._n_samples)
            for name, c in self._nodes.items()
        ]
        return {
            **sum(self._projections.values(), Counters()).to_json(),
            **sum(nodes, NodeCounters()).to_json(),
            "host_macs": host_macs(self._graph) * self._n_samples * self.n_frames,
        }

    def reset(self) -> None:
        """Let the next frame be the first of new samples; counters go on."""
        self._state, self._first = {}, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._state = {}

    def _run(self, x: Samples) -> tuple[EngineResult, Mapping[str, Reading]]:
        given = x if isinstance(x, Mapping) else {self._feeder.input.name: np.asarray(x)}
        feeds = self._feeder.feeds(self._one_frame(given), first=0)
        feeds |= patterns(self._graph, self._n_samples, 1, self._first)
        result = self._session.run(feeds, record=self._reader.record, state=self._state)
        self._state = result.state or {}
        return result, self._reader.read(result)

    def _one_frame(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Every input as (N, 1, *shape)."""
        shapes = {node.name: node.shape for node in self._feeder.inputs}
        for name, x in given.items():
            if name in shapes and x.shape[1:] != shapes[name]:
                wanted = ", ".join(map(str, shapes[name]))
                raise ShapeMismatch(
                    f"a frame has shape {x.shape}, the model takes (N, {wanted})", where=name
                )
        n_samples = len(next(iter(given.values())))
        if self._state and n_samples != self._n_samples:
            raise ShapeMismatch(
                f"{n_samples} samples after {self._n_samples}: each keeps a state of its own"
            )
        self._n_samples = n_samples
        return {name: x[:, None] for name, x in given.items()}

    def _check_frames(self) -> None:
        kept = [p for p in self._graph.populations if p.model.has_state]
        lasting = [p for p in kept if not getattr(p.model, "forgets", False)]
        if lasting and self._first >= self._most:
            raise WidthExceeded(
                f"its membrane was bounded for {self._most} frames",
                where=lasting[0].module_path or lasting[0].name,
                hint="state the number of frames: snnc.stream(…, frames=N)",
            )

    def _count(self, result: EngineResult) -> None:
        for name, counters in result.counters.items():
            self._projections[name] = self._projections.get(name, Counters()) + counters
        for name, node in result.node_counters.items():
            self._nodes[name] = self._nodes.get(name, NodeCounters()) + node

    def _size(self, name: str) -> int:
        node = self._graph.nodes[name]
        return node.size if isinstance(node, Population | Product) else 0


def _nothing(node: Input) -> int:
    """Of the values that an input takes the one next to zero."""
    if not node.grid:
        return 0
    return min(max(0, node.lo + node.zero_point), node.hi + node.zero_point)


def _refuse_delays(graph: Graph) -> None:
    for p in graph.projections.values():
        if p.frames:
            raise NotExecutable(
                f"brings what `{p.source}` emitted {p.frames} frames ago, which a stream does not "
                "carry from call to call",
                where=f"projection {p.name}",
                hint="run whole samples: snnc.run",
            )


def stream(
    model: Model | str | os.PathLike[str],
    *,
    engine: str | None = None,
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    frames: int = MOST_FRAMES,
) -> Stream:
    """Open a model for frame after frame, with constant memory; the first is as fast as others.

        with snnc.stream("model.snnc") as s:
            for frame in camera:
                print(s.step(frame).outputs, s.counters)

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        engine: `event`, `dense` or `oracle`; None: event.
        code: `burst`, `graded`, `delta` or `rate`; None: the model's.
        schedule: `sequential` or `pipelined`; None: the model's.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: the model's.
        frames: for how many frames state that does not fade is bounded.

    Raises:
        SnncError: by its subclass: an unreadable model, a membrane that could pass its width.
    """
    model = model if isinstance(model, Model) else load(model)
    settings = model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools)
    found = Stream(model, engine, settings, frames)
    found.warm_up()
    return found
