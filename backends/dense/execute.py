"""Runs a compiled graph on ONNX Runtime, rows at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.backends.base import LAST, SessionState
from snnc.backends.dense.binding import Binding
from snnc.backends.dense.seen import Tray
from snnc.ir.arrays import Array, IntArray
from snnc.ir.neurons import State

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from snnc.backends.dense.program import Program

logger = logging.getLogger(__name__)

MOST_NODES = 500
"""ONNX nodes of one session: to prepare one takes time that grows faster than its nodes."""
MOST_BINDINGS = 2
"""Numbers of rows whose tensors are kept: of whole batches, and of the last."""
INEXACT_FUSIONS = ["ConvMulFusion", "MatMulScaleFusion"]
"""Graph optimisations that move a factor into weights, where products would be rounded."""


@dataclass(frozen=True)
class Memory:
    """What passes from frame to frame.

    Attributes:
        membranes: graph inputs by name.
        foreign: state of the models that run their own numpy kernel, by node.
    """

    membranes: dict[str, Array]
    foreign: dict[str, State]


@dataclass(frozen=True)
class Stage:
    """A session of a part of a program, and what it gives."""

    session: InferenceSession
    outputs: tuple[str, ...]


class Executor:
    """ONNX Runtime sessions of one program, one or more in a row for each set of outputs.

    Args:
        threads: of ONNX Runtime; None: as OMP_NUM_THREADS says, else all cores.

    Attributes:
        tray: what nodes emitted in the last frame, as far as it is counted outside of the graph.
    """

    def __init__(self, program: Program, threads: int | None) -> None:
        self.program = program
        self.threads = threads
        self._has_cuda = has_cuda()
        self._computed = {name for node in program.builder.nodes for name in node.output}
        self._sessions: dict[tuple[str, ...], list[Stage]] = {}
        self._bindings: dict[tuple[tuple[str, ...], int], Binding] = {}
        self._wanted: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.tray = Tray(program.seen, 0)

    def fresh(self, rows: int) -> Memory:
        """The memory at the start of some samples."""
        types = self.program.builder.types
        membranes = {
            name: np.zeros((rows, *shape), dtype=np.dtype(types[self.program.entry(name)]))
            for name, (_, shape) in self.program.states.items()
        }
        foreign = {
            f.node.name: f.node.model.initial_state((rows, *f.node.shape))
            for f in self.program.foreign
        }
        return Memory(membranes, foreign)

    def from_state(self, state: SessionState, samples: slice) -> Memory:
        """The memory from which some samples go on; what `state` does not name is at rest."""
        fresh = self.fresh(samples.stop - samples.start)
        if not state:
            return fresh
        membranes = dict(fresh.membranes)
        for name, rest in fresh.membranes.items():
            node, kept = _address(name)
            if kept in state.get(node, {}):
                membranes[name] = state[node][kept][samples].astype(rest.dtype)
        foreign = {
            node: {
                kept: state[node][kept][samples] if kept in state.get(node, {}) else rest
                for kept, rest in held.items()
            }
            for node, held in fresh.foreign.items()
        }
        return Memory(membranes, foreign)

    def to_state(self, memories: Sequence[Memory]) -> SessionState:
        """What samples go on from, those of all chunks one after the other."""
        state: dict[str, dict[str, Array]] = {}
        if not memories:
            return state
        for name in memories[0].membranes:
            node, kept = _address(name)
            array = np.concatenate([m.membranes[name] for m in memories])
            state.setdefault(node, {})[kept] = array.astype(np.int64)
        for node, held in memories[0].foreign.items():
            for kept in held:
                array = np.concatenate([m.foreign[node][kept] for m in memories])
                state.setdefault(node, {})[kept] = array
        return state

    def frame(
        self, feeds: dict[str, IntArray], memory: Memory, names: tuple[str, ...]
    ) -> tuple[dict[str, Array], Memory]:
        """The program's frames of some samples: the tensors of `names` and of all counters; memory.

        Tensors are valid until the next frames.

        Args:
            feeds: (rows, *shape) by source node, frame by frame, sample by sample.
        """
        program = self.program
        given = {program.entry(name): array for name, array in memory.membranes.items()}
        given |= {feed_input(name): feed for name, feed in feeds.items()}
        if names not in self._wanted:
            self._wanted[names] = self._wanted_for(names)
        rows = len(next(iter(feeds.values())))
        bound = self._bound(self._wanted[names], rows)
        if bound is not None:
            fetched = bound.run(given)
            self.tray = bound.tray
            membranes = {name: fetched[new].copy() for name, (new, _) in program.states.items()}
            return fetched, Memory(membranes, {})
        types = program.builder.types
        given = {name: x.astype(np.dtype(types[name]), copy=False) for name, x in given.items()}
        foreign = {}
        for f in program.foreign:
            i = self._fetch((f.membrane,), given)[f.membrane].astype(np.int64)
            state = memory.foreign[f.node.name]
            k, foreign[f.node.name] = f.node.latch(i, state)
            given[f.count] = k.astype(np.dtype(types[f.count]))
        fetched = self._fetch(self._wanted[names], given)
        if self.tray.rows != rows:
            self.tray = Tray(program.seen, rows)
        self.tray.fill(fetched)
        membranes = {name: fetched[new] for name, (new, _) in program.states.items()}
        return fetched, Memory(membranes, foreign)

    def _wanted_for(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Tensors that sessions have to compute for the counts of some nodes."""
        program = self.program
        wanted = [program.wires[name].name for name in names]
        wanted += [seen.tensor for seen in program.seen]
        wanted += program.sums + program.by_row
        wanted += [new for new, _ in program.states.values()]
        return tuple(name for name in dict.fromkeys(wanted) if name in self._computed)

    def _bound(self, outputs: tuple[str, ...], rows: int) -> Binding | None:
        """A session of everything with its tensors in place, where one can be had."""
        program = self.program
        if program.foreign or not outputs or self._has_cuda:
            return None
        key = outputs, rows
        if key not in self._bindings:
            if outputs not in self._sessions:
                self._sessions[outputs] = self._make(outputs, {})
            if len(self._sessions[outputs]) > 1:
                return None
            (stage,) = self._sessions[outputs]
            while len(self._bindings) >= MOST_BINDINGS:
                del self._bindings[next(iter(self._bindings))]
            self._bindings[key] = Binding(stage.session, program, stage.outputs, rows)
        return self._bindings[key]

    def _fetch(self, outputs: tuple[str, ...], given: dict[str, Array]) -> dict[str, Array]:
        """Tensors by name; one that is given needs no session."""
        if outputs and outputs not in self._sessions:
            self._sessions[outputs] = self._make(outputs, given)
        known = dict(given)
        for stage in self._sessions[outputs] if outputs else ():
            values = compute(stage.session, stage.outputs, known)
            known |= dict(zip(stage.outputs, values, strict=True))
        return known

    def _make(self, outputs: tuple[str, ...], given: dict[str, Array]) -> list[Stage]:
        """Sessions for some outputs, on the GPU where that gives the CPU's integers.

        Args:
            given: what to compare them on, where there is a GPU.
        """
        stages, known = [], dict(given)
        for part in self.program.builder.parts(outputs, MOST_NODES):
            stage = Stage(make_session(part.model, self.threads), part.outputs)
            if self._has_cuda:
                stage, values = self._on_gpu(part.model, stage, known)
                known |= dict(zip(part.outputs, values, strict=True))
            stages.append(stage)
        return stages

    def _on_gpu(
        self, model: bytes, stage: Stage, given: dict[str, Array]
    ) -> tuple[Stage, list[Array]]:
        """A stage on the GPU where that gives the CPU's integers, and the CPU's tensors."""
        on_gpu = make_session(model, self.threads, cuda=True)
        values = compute(stage.session, stage.outputs, given)
        others = compute(on_gpu, stage.outputs, given)
        if all(np.array_equal(a, b) for a, b in zip(values, others, strict=True)):
            return Stage(on_gpu, stage.outputs), values
        logger.warning("the GPU does not give the CPU's integers; running on the CPU")
        return stage, values


def feed_input(node: str) -> str:
    """The graph input that holds what a source node is fed."""
    return f"feed:{node}"


def past_input(node: str, frames: int) -> str:
    """The graph input that holds what a node emitted some frames ago."""
    return f"past {frames}:{node}"


def _address(tensor: str) -> tuple[str, str]:
    """Node and name of the state that a graph input holds.

    They are called `state:NODE:NAME`, and as `past_input` says.
    """
    last = past_input("", 1)
    if tensor.startswith(last):
        return tensor.removeprefix(last), LAST
    node, _, kept = tensor.removeprefix("state:").rpartition(":")
    return node, kept


def compute(
    session: InferenceSession, outputs: Sequence[str], given: dict[str, Array]
) -> list[Array]:
    """Tensors of a session, which takes of `given` what it needs."""
    inputs = {i.name: given[i.name] for i in session.get_inputs()}
    values: list[Array] = session.run(list(outputs), inputs)
    return values


def make_session(model: bytes, threads: int | None, *, cuda: bool = False) -> InferenceSession:
    """An ONNX Runtime session that rounds nowhere: TF32, Winograd and FFT stay off."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # as they were added: what counts a tensor stands beside what makes it
    options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
    providers: list[Any] = ["CPUExecutionProvider"]
    if cuda:
        # the default algorithm is an implicit matrix product; a search could pick Winograd
        exact = {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
        providers.insert(0, ("CUDAExecutionProvider", exact))
    return ort.InferenceSession(
        model, options, providers=providers, disabled_optimizers=INEXACT_FUSIONS
    )


def n_threads(asked: int | None) -> int:
    """Threads as asked, else as OMP_NUM_THREADS says; 0: what ONNX Runtime finds."""
    return asked or int(os.environ.get("OMP_NUM_THREADS") or 0)


def has_cuda() -> bool:
    """Can ONNX Runtime use a GPU?"""
    import onnxruntime as ort

    return "CUDAExecutionProvider" in ort.get_available_providers()
