"""What a backend is: engines that run integer graphs, their results, their counters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import add
from typing import Protocol, Self, TypeAlias, runtime_checkable

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.limits import Limits

Feeds: TypeAlias = Mapping[str, IntArray]
"""Counts (or host values) of every source node: int64, shape (N, T, *shape)."""

SessionState: TypeAlias = Mapping[str, Mapping[str, Array]]
"""What passes from frame to frame: by node and name, shape (N, …); names as the node's neuron model
has them. In code `delta` also `LAST` of every node that emits; what membranes keep follows.
Where a membrane is bounded for a number of frames only, also `FRAMES`."""

LAST = "last count"
"""Name in a `SessionState` of the count or value that a node had in the frame before."""
FRAMES = "frames so far"
"""Name in a `SessionState` of how many frames lie behind each sample, int64, shape (N,)."""
BESIDE = LAST, FRAMES
"""Names in a `SessionState` beside those of neuron models."""


def last_counts(state: SessionState) -> dict[str, IntArray]:
    """By node what it emitted last, shape (N, *shape); nothing where samples begin."""
    return {name: held[LAST] for name, held in state.items() if LAST in held}


@dataclass(frozen=True)
class Sums:
    """Integers that add up over samples and frames."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(add, vars(self).values(), vars(other).values()))

    def to_json(self) -> dict[str, int]:
        """Counters by name."""
        return {f.name: int(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Counters(Sums):
    """Synaptic operations of one projection (or product), summed over samples and frames.

    Attributes:
        synaptic_events: events x fan-out; what graded hardware does. Events count where they
            arrive: what would arrive after a sample's end is gone with the state.
        unit_spike_operations: |payload| x fan-out; the SynOps of the papers.
        effective_acs: NeuroBench's rule: events x non-zero fan-out, where every payload of the
            projection at that tick and sample is in {-1, 0, 1}.
        effective_macs: likewise, where one payload is not.
        dense_macs: multiply-accumulates of the non-spiking network.
    """

    synaptic_events: int = 0
    unit_spike_operations: int = 0
    effective_acs: int = 0
    effective_macs: int = 0
    dense_macs: int = 0


@dataclass(frozen=True)
class NodeCounters(Sums):
    """What one node did, summed over samples and frames.

    Attributes:
        events: events emitted.
        spikes: sum of |payload| over them where the node emits counts; values are no spikes.
        neuron_updates: neurons x ticks of the run: a clocked chip updates each neuron each tick.
        neuron_latches: neurons x frames.
        max_pool_inputs: events that reach a maximum x windows that each one is in.
    """

    events: int = 0
    spikes: int = 0
    neuron_updates: int = 0
    neuron_latches: int = 0
    max_pool_inputs: int = 0


@dataclass(frozen=True)
class EngineResult:
    """Integers of a run.

    Attributes:
        counts: by node, sources included: the latched count or value of every frame, int64,
            shape (N, T, *shape).
        counters: by projection that carries events, and by product (under its node's name);
            empty where the engine does not count synapses (see `Engine.counts_synapses`).
        node_counters: by node.
        n_samples: samples that were run.
        n_ticks: ticks of one sample.
        reals: by host operator with a real result: float64, shape (N, T, *shape).
        state: what the next frames start from; None unless the run was given a state.
    """

    counts: Mapping[str, IntArray]
    counters: Mapping[str, Counters]
    node_counters: Mapping[str, NodeCounters]
    n_samples: int
    n_ticks: int
    reals: Mapping[str, FloatArray] = field(default_factory=dict)
    state: SessionState | None = None


@dataclass(frozen=True)
class Trace:
    """Every event of one sample, sorted by tick, population (topological order), neuron.

    Attributes:
        tick, population, neuron, payload: int64, shape (n_events,); `population` indexes `names`.
        names: emitting nodes in topological order.
        n_ticks: length of the run.
        membranes: by node, shape (n_ticks, *shape), the membrane at the end of each tick before
            a latch clears it; None unless asked for.
    """

    tick: IntArray
    population: IntArray
    neuron: IntArray
    payload: IntArray
    names: tuple[str, ...]
    n_ticks: int
    membranes: Mapping[str, IntArray] | None = None


@dataclass(frozen=True)
class Stretch:
    """A part of a sample's trace; stretch after stretch they make the whole.

    Attributes:
        sample: which of those that were fed.
        tick, population, neuron, payload: as those of a `Trace`.
        first: tick of the first membranes.
        membranes: by node, shape (ticks in a row, *shape); None unless asked for.
    """

    sample: int
    tick: IntArray
    population: IntArray
    neuron: IntArray
    payload: IntArray
    first: int = 0
    membranes: Mapping[str, IntArray] | None = None


def joined(parts: Sequence[Stretch]) -> Stretch:
    """The stretches of one sample as one; of a sample that is silent there may be none."""
    if len(parts) == 1:
        return parts[0]

    def column(pick: Callable[[Stretch], IntArray]) -> IntArray:
        return np.concatenate([np.zeros(0, dtype=np.int64), *map(pick, parts)])

    seen = [part.membranes for part in parts if part.membranes is not None]
    names = seen[0] if seen else ()
    return Stretch(
        sample=parts[0].sample if parts else 0,
        tick=column(lambda part: part.tick),
        population=column(lambda part: part.population),
        neuron=column(lambda part: part.neuron),
        payload=column(lambda part: part.payload),
        first=parts[0].first if parts else 0,
        membranes={k: np.concatenate([m[k] for m in seen]) for k in names} if seen else None,
    )


@runtime_checkable
class Session(Protocol):
    """A graph made ready to run."""

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples.

        Args:
            feeds: counts of every source node, shape (N, T, *shape).
            record: nodes whose counts are wanted; None: all.
            state: where the samples go on; nodes that it does not name start from rest. The
                result's own state continues it. None: samples begin and end here.

        Threads may share a session. One that keeps its tensors from run to run lets them wait.
        """


@runtime_checkable
class TracingSession(Session, Protocol):
    """A session that knows every tick."""

    def trace(self, feeds: Feeds, *, membranes: bool = False) -> Trace:
        """Run one sample (N = 1) and return every event."""


@runtime_checkable
class StreamingSession(TracingSession, Protocol):
    """A session that hands on events while it runs, so that memory holds a stretch of them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Emitting nodes in topological order: those of a `Trace`."""

    def stretches(self, feeds: Feeds, *, membranes: Collection[str] = ()) -> Iterator[Stretch]:
        """Run N samples, one after the other; all that they emit, in the order of traces.

        Args:
            feeds: counts of every source node, shape (N, T, *shape).
            membranes: populations whose membranes are recorded at every tick.
        """


@runtime_checkable
class Engine(Protocol):
    """A backend that executes integer graphs.

    Attributes:
        name: as on the command line.
        kernels: families of kernels that it computes with; two engines that share one do not
            count as two computations.
        codes: event codes that it can run.
        counts_synapses: does its result hold counters of projections?
        needs: name of an extra or environment that must be there, or None.
    """

    name: str
    kernels: frozenset[str]
    codes: frozenset[str]
    counts_synapses: bool

    def prepare(self, graph: Graph, settings: RunSettings, *, n_frames: int = 1) -> Session:
        """Compile an integer graph.

        Raises:
            NotExecutable: a node, code or schedule that the engine does not have.
            WidthExceeded: a bound passes the engine's width.
        """


@dataclass(frozen=True)
class Target:
    """A chip (or the simulators) that graphs can be converted for.

    Attributes:
        name: as on the command line.
        limits: what it can carry.
        settings: default code and schedule.
        weight_bits: default width of weights.
        bundle: does `convert` write a Lava bundle beside the .snnc? For Lava's own targets.
        description: one line for `snnc targets`.
    """

    name: str
    limits: Limits
    settings: RunSettings = field(default_factory=RunSettings)
    weight_bits: int = 8
    bundle: bool = False
    description: str = ""


@dataclass(frozen=True)
class Backend:
    """What an entry point of the group `snnc.backends` provides.

    Attributes:
        name: of the backend.
        engine: makes its engine; None for a backend that only writes files.
        targets: that it serves.
    """

    name: str
    engine: Engine | None = None
    targets: tuple[Target, ...] = ()
