"""The float graph under teacher forcing: every node is fed the source's own values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np

from snnc.ir.arrays import Array, BoolArray, FloatArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product
from snnc.runtime.host import HostPart
from snnc.runtime.verify.difference import Difference, NearThreshold, Tally, first_of
from snnc.runtime.verify.floatform import FloatForm, Reals
from snnc.runtime.verify.margins import near_threshold
from snnc.runtime.verify.stateful import membrane_bound, membranes, stateful_model
from snnc.runtime.verify.values import SourceValues

LISTED = 20
"""Near-threshold differences listed for each population."""
HOST_TOLERANCE = 1e-4
"""Largest difference of a host operator's real values, of the largest one in the batch."""
ON_GRID = 1e-3
"""How far a source's count may lie from an integer."""


@dataclass
class Frames:
    """One batch while it is compared: values and where differences stand so far."""

    first: int
    reals: dict[str, FloatArray]
    i: dict[str, FloatArray] = field(default_factory=dict)
    bounds: dict[str, FloatArray] = field(default_factory=dict)
    errors: dict[str, FloatArray] = field(default_factory=dict)
    """Rounding in real values that the source does not show, so that they are not forced."""


class TeacherForcing:
    """Compares float graph and source node by node, each fed the source's own values.

    Args:
        graph: the float form.
        n_frames: frames of each sample, to name them.
        emulated: ONNX Runtime emulates quantised operators, in float32 or with kernels that
            saturate on some processors: its differences are counted and are no fault.
        parts: what the host computes; fed with the source's own values it has to give the
            source's.
    """

    def __init__(
        self,
        graph: Graph,
        n_frames: int = 1,
        *,
        emulated: bool = False,
        parts: Sequence[HostPart] = (),
    ) -> None:
        self.form = FloatForm(graph)
        self._has_state = any(stateful_model(node) is not None for node in graph.nodes.values())
        self.n_frames = n_frames
        self._parts = parts
        self.emulated = emulated
        names = [node.name for node in self.form.checked]
        hosts = [node.name for node in graph.host_ops]
        self.forced = {name: Tally(limited=not emulated) for name in hosts}
        self.forced |= {name: Tally() for name in names}
        self.export = {name: Tally(limited=not emulated) for name in (*hosts, *names)}
        self.free = {name: Tally() for name in names}
        self.unseen: set[str] = set()
        """Nodes whose value the source does not show: they are passed through unchecked."""
        self.outputs = {node.name: Tally() for node in graph.outputs}

    # -- teacher forcing ---------------------------------------------------------------------

    def _forced_inputs(self, inputs: Reals, values: SourceValues) -> dict[str, FloatArray]:
        found: dict[str, FloatArray] = {}
        for name, node in self.form.graph.nodes.items():
            if isinstance(node, HostOp) and name in values.reference:
                found[name] = self._on_grid(node, values.reference[name])[0]
            elif isinstance(node, Input | HostOp) and name in inputs:
                found[name] = inputs[name]
        n_rows = len(next(iter(found.values())))
        for pattern in self.form.graph.patterns:
            frames = pattern.frames(self.n_frames) * pattern.step
            found[pattern.name] = np.tile(
                frames, (n_rows // self.n_frames, *(1,) * len(pattern.shape))
            )
        return found

    def _on_grid(self, node: Node, real: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """A source's value as exact multiples of the step: real, counts, which fit."""
        if not self.form.is_count(node):
            return real, real, np.ones(real.shape, dtype=bool)
        step = self.form.step_of(node.name)
        counts = np.rint(real / step)
        return counts * step, counts, np.abs(real / step - counts) < ON_GRID

    def _compare_forced(
        self, node: Population | Product, frames: Frames, values: SourceValues
    ) -> None:
        i = self.form.value(node, frames.reals)
        if node.name not in values.reference:
            frames.i[node.name], computed = self._integrated(node, i, None)
            self._pass_on(node, frames, computed)
            return
        real, counts, fits = self._on_grid(node, values.reference[node.name])
        frames.i[node.name], computed = self._integrated(node, i, counts)
        tally = self.forced[node.name]
        tally.n_values += counts.size
        if self._fires(node):
            differs = computed != counts
            explained = self._explain(node, frames, counts, differs, tally) & fits
            self._note(tally, node, frames, computed, counts, (differs & ~explained) | ~fits)
        else:
            bound = self._bound(node, frames)
            off = np.abs(computed - counts)
            self._note_largest(tally, off, bound)
            self._note(tally, node, frames, computed, counts, (off > bound) | ~fits)
        frames.reals[node.name] = real

    def _compare_part(
        self, part: HostPart, frames: Frames, inputs: Reals, values: SourceValues
    ) -> None:
        """The host, fed with the source's own values, has to give the source's."""
        known = {**inputs, **frames.reals, **values.reference}
        given = {name: known[name] for name in part.sources}
        result = part.run(
            len(next(iter(known.values()))), given, self._states_of(part, values.reference)
        )
        for node in part.nodes:
            if node.name not in values.reference:
                self.unseen.add(node.name)
                continue
            _, got, fits = self._on_grid(node, result.values[node.name])
            _, expected, _ = self._on_grid(node, values.reference[node.name])
            tally = self.forced[node.name]
            tally.n_values += got.size
            wrong = self._judge_host(node, tally, got, expected)
            self._note(tally, node, frames, got, expected, wrong | ~fits)

    def _states_of(self, part: HostPart, reference: Reals) -> dict[str, Array]:
        """What the source itself had kept from the frame before."""
        by_tensor = {
            host.source_tensor: reference[host.name]
            for host in self.form.graph.host_ops
            if host.name in reference
        }
        found = {}
        for taken, given in part.states:
            initial = part.initial[taken]
            after = by_tensor[given].reshape(-1, self.n_frames, *initial.shape)
            start = np.broadcast_to(initial, (len(after), 1, *initial.shape))
            before = np.concatenate([start, after[:, :-1]], axis=1)
            found[taken] = before.reshape(-1, *initial.shape)
        return found

    def _pass_on(self, node: Population | Product, frames: Frames, computed: FloatArray) -> None:
        """Take the graph's own value where the source shows none."""
        self.unseen.add(node.name)
        if self.form.is_count(node):
            frames.reals[node.name] = computed * self.form.step_of(node.name)
        else:
            frames.reals[node.name] = computed
            frames.errors[node.name] = self._bound(node, frames)

    def _fires(self, node: Node) -> TypeGuard[Population]:
        return (
            isinstance(node, Population)
            and node.model.combine == "sum"
            and node.model.emits == "count"
        )

    def _integrated(
        self, node: Population | Product, i: FloatArray, given: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """What a node holds when it fires, and what it gives, for the input of each frame.

        Neurons with state take `given`, the source's counts, for their reset; without, their own.
        """
        model = stateful_model(node)
        if model is None:
            return i, self._count(node, i)
        assert isinstance(node, Population)
        return membranes(model, node.channel_axis, i, self.n_frames, given)

    def _count(self, node: Population | Product, i: FloatArray) -> FloatArray:
        """What a node gives for pre-activations: counts where it emits counts, else reals."""
        if self._fires(node):
            state = node.model.initial_state(i.shape)
            return np.asarray(node.model.latch(i, state, node.channel_axis)[0], dtype=np.float64)
        if self.form.is_count(node):
            return np.rint(i / self.form.step_of(node.name))
        return i

    def _bound(self, node: Population | Product, frames: Frames) -> FloatArray:
        if node.name not in frames.bounds:
            bound = self.form.bound(node, frames.reals) + self.form.carried(
                node, frames.errors, frames.reals
            )
            if self.form.is_count(node) and not self._fires(node):
                bound = bound / self.form.step_of(node.name)
            model = stateful_model(node)
            if model is not None:
                assert isinstance(node, Population)
                held = frames.i[node.name]
                bound = membrane_bound(model, node.channel_axis, bound, held, self.n_frames)
            frames.bounds[node.name] = bound
        return frames.bounds[node.name]

    def _explain(
        self,
        node: Population,
        frames: Frames,
        counts: FloatArray,
        differs: BoolArray,
        tally: Tally,
        wide: FloatArray | None = None,
        against: FloatArray | None = None,
    ) -> BoolArray:
        """Which differences lie within rounding of a threshold; they are listed in `tally`.

        `wide` stands for the node's own bound where more than its rounding is at work;
        `against` are counts that must be explained as well.
        """
        result = np.zeros(differs.shape, dtype=bool)
        at = np.nonzero(differs)
        if not len(at[0]):
            return result
        i = frames.i[node.name]
        bound = self._bound(node, frames) if wide is None else wide
        explained, margins = near_threshold(node, i, bound, counts, at)
        if against is not None:
            explained &= near_threshold(node, i, bound, against, at)[0]
        result[at] = explained
        tally.n_near += int(explained.sum())
        for j in np.flatnonzero(explained)[: max(0, LISTED - len(tally.near))]:
            where = tuple(int(a[j]) for a in at)
            sample, frame, neuron = self._place(node, frames, where)
            tally.near.append(
                NearThreshold(
                    sample=sample,
                    frame=frame,
                    neuron=neuron,
                    source=int(counts[where]),
                    graph=int(self._count(node, i)[where]),
                    margin=float(margins[j]),
                    bound=float(bound[where]),
                )
            )
        return result

    def _judge_host(
        self, node: HostOp, tally: Tally, got: FloatArray, expected: FloatArray
    ) -> BoolArray:
        """Host operators have no bound of their own: counts may differ as seldom as anywhere."""
        if self.form.is_count(node):
            tally.n_near += int(np.count_nonzero(got != expected))
            return np.abs(got - expected) > 1
        return np.asarray(np.abs(got - expected) > HOST_TOLERANCE * np.abs(expected).max())

    # -- bookkeeping -------------------------------------------------------------------------

    def _note_largest(self, tally: Tally, off: FloatArray, bound: FloatArray) -> None:
        share = np.divide(off, bound, out=np.where(off > 0, np.inf, 0.0), where=bound > 0)
        tally.largest = max(tally.largest, float(share.max(initial=0.0)))

    def _note(
        self,
        tally: Tally,
        node: Node,
        frames: Frames,
        got: Array,
        expected: Array,
        wrong: BoolArray,
    ) -> None:
        n = int(wrong.sum())
        tally.n_mismatches += n
        if not n or tally.first is not None:
            return
        where = first_of(wrong)
        sample, frame, neuron = self._place(node, frames, where)
        tally.first = Difference(
            sample=sample,
            frame=frame,
            population=node.name,
            module_path=node.module_path or node.name,
            neuron=neuron,
            expected=float(expected[where]),
            got=float(got[where]),
        )

    def _place(self, node: Node, frames: Frames, where: tuple[int, ...]) -> tuple[int, int, int]:
        """Sample, frame and flat neuron index of an element of a batch."""
        sample, frame = divmod(frames.first + where[0], self.n_frames)
        if isinstance(node, Output) and node.reduction != "none":
            sample, frame = frames.first // self.n_frames + where[0], 0
        shape = node.shape if len(where) == len(node.shape) + 1 else (node.size,)
        return sample, frame, int(np.ravel_multi_index(where[1:], shape))
