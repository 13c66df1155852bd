"""Promise 1: the float graph, fed with the source's own counts, gives the source's counts.

Beside it the export is checked (PyTorch against ONNX Runtime) and the float graph runs free.
All three use one bound: what differs must lie within rounding of a threshold, or downstream of
such a difference in the same frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np

from snnc.ir.arrays import Array, BoolArray, FloatArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product
from snnc.runtime.host import HostPart
from snnc.runtime.verify.difference import Difference, NearThreshold, Tally, first_of
from snnc.runtime.verify.floatform import (
    SPARE_OPERATIONS,
    UNIT_ROUNDOFF,
    FloatForm,
    Reals,
    downstream,
)
from snnc.runtime.verify.margins import any_near, near_threshold
from snnc.runtime.verify.stateful import (
    after,
    from_then_on,
    membrane_bound,
    membranes,
    stateful_model,
)
from snnc.runtime.verify.values import SourceValues

LISTED = 20
"""Near-threshold differences listed for each population."""
HOST_TOLERANCE = 1e-4
"""Largest difference of a host operator's real values, of the largest one in the batch."""
ON_GRID = 1e-3
"""How far a source's count may lie from an integer."""


@dataclass
class _Frames:
    """One batch while it is compared: values and where differences stand so far."""

    first: int
    reals: dict[str, FloatArray]
    i: dict[str, FloatArray] = field(default_factory=dict)
    bounds: dict[str, FloatArray] = field(default_factory=dict)
    errors: dict[str, FloatArray] = field(default_factory=dict)
    """Rounding in real values that the source does not show, so that they are not forced."""


class LoweringCheck:
    """Compares float graph and source, batch by batch.

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

    def add(self, inputs: Reals, values: SourceValues, first: int) -> None:
        """Compare one batch of B frames.

        Args:
            inputs: real values of the graph's inputs and host operators as the engines get
                them, for nodes that the source does not show.
            values: of the source.
            first: index of the first frame.
        """
        frames = _Frames(first, self._forced_inputs(inputs, values))
        for node in self.form.checked:
            self._compare_forced(node, frames, values)
        for part in self._parts:
            self._compare_part(part, frames, inputs, values)
        if values.exported is not None:
            self._compare_export(frames, values.exported)
        self._compare_outputs(frames, values.outputs, values.original)
        self._run_free(frames)

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
        self, node: Population | Product, frames: _Frames, values: SourceValues
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
        self, part: HostPart, frames: _Frames, inputs: Reals, values: SourceValues
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

    def _pass_on(self, node: Population | Product, frames: _Frames, computed: FloatArray) -> None:
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

    def _bound(self, node: Population | Product, frames: _Frames) -> FloatArray:
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
        frames: _Frames,
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

    # -- export ------------------------------------------------------------------------------

    def _compare_export(self, frames: _Frames, exported: Mapping[str, FloatArray]) -> None:
        """ONNX Runtime against PyTorch, each running free.

        Real values that differ already are carried on: behind them the two may differ by that.
        """
        different: dict[str, BoolArray] = {}
        errors: dict[str, FloatArray] = {}
        for name, node in self.form.graph.nodes.items():
            if name not in exported or not isinstance(node, HostOp | Population | Product):
                continue
            _, got, fits = self._on_grid(node, exported[name])
            _, expected, _ = self._on_grid(node, frames.reals[name])
            tally = self.export[name]
            tally.n_values += got.size
            differs = got != expected
            clean = self._clean(node, different, differs)
            if self.emulated:
                tally.n_near += int(np.count_nonzero(differs))
                continue
            if isinstance(node, HostOp):
                wrong = self._judge_host(node, tally, got, expected)
            elif self._fires(node):
                wide = self._bound(node, frames) + self.form.carried(node, errors, frames.reals)
                wrong = differs & clean
                wrong &= ~self._explain(node, frames, got, wrong, tally, wide, expected)
            else:
                # both computed the value in float32: each may be off by the bound
                wide = 2 * self._bound(node, frames) + self.form.carried(node, errors, frames.reals)
                differs = np.abs(got - expected) > wide
                wrong = differs & clean
            if self.form.is_count(node):
                different[name] = _rows(differs)
            else:
                errors[name] = np.abs(got - expected)
                different[name] = _rows(wrong)
            self._note(tally, node, frames, got, expected, wrong | (~fits & clean))

    def _judge_host(
        self, node: HostOp, tally: Tally, got: FloatArray, expected: FloatArray
    ) -> BoolArray:
        """Host operators have no bound of their own: counts may differ as seldom as anywhere."""
        if self.form.is_count(node):
            tally.n_near += int(np.count_nonzero(got != expected))
            return np.abs(got - expected) > 1
        return np.asarray(np.abs(got - expected) > HOST_TOLERANCE * np.abs(expected).max())

    def _clean(
        self, node: Node, different: Mapping[str, BoolArray], differs: BoolArray
    ) -> BoolArray:
        """Elements of frames in which nothing upstream differs, shape of `differs`.

        State carries a difference on: into later frames behind it, and in its own neuron.
        """
        rows = np.broadcast_to(downstream(self.form, node.name, different), (len(differs),))
        if self._has_state:
            rows = from_then_on(rows, self.n_frames)
        clean = np.broadcast_to(~rows.reshape(-1, *(1,) * (differs.ndim - 1)), differs.shape)
        if stateful_model(node) is not None:
            clean = clean & ~after(differs, self.n_frames)
        return clean

    def _compare_outputs(
        self, frames: _Frames, outputs: list[FloatArray], original: list[FloatArray]
    ) -> None:
        """The model as it was before any export against the reference."""
        near: BoolArray | None = None
        nodes = self.form.graph.outputs
        for node, got, expected in zip(nodes, outputs, original, strict=False):
            tally = self.outputs[node.name]
            tally.n_values += expected.size
            got, expected = got.reshape(len(got), -1), expected.reshape(len(expected), -1)
            wrong = np.abs(got - expected) > self._output_bound(node, frames, expected)
            if wrong.any() and near is None:
                near = self._frames_near(frames)
            if near is not None:
                rows = near if node.reduction == "none" else self._of_samples(near)
                tally.n_near += int((wrong & rows[:, None]).any(axis=1).sum())
                wrong &= ~rows[:, None]
            self._note(tally, node, frames, got, expected, wrong)

    def _output_bound(self, node: Output, frames: _Frames, expected: FloatArray) -> FloatArray:
        """Both sides computed it in float32; a count comes with the rounding of its scale alone."""
        own = np.abs(expected) * (SPARE_OPERATIONS * UNIT_ROUNDOFF)
        p = self.form.graph.incoming(node.name)[0]
        read = self.form.graph.nodes[p.source]
        if isinstance(read, HostOp):
            return np.full_like(expected, HOST_TOLERANCE * np.abs(expected).max(initial=0.0))
        if not isinstance(read, Population | Product) or self.form.is_count(read):
            return own
        bound = self._over_frames(node, p.apply(self._bound(read, frames)))
        if bound.shape != expected.shape:
            return np.full_like(expected, 2 * bound.max())
        return np.maximum(own, 2 * bound)

    def _of_samples(self, rows: BoolArray) -> BoolArray:
        """Samples with a marked frame."""
        return np.asarray(rows.reshape(-1, self.n_frames).any(axis=1))

    def _over_frames(self, node: Output, by_frame: FloatArray) -> FloatArray:
        """Bounds of every frame as those of what the output gives."""
        if node.reduction == "none":
            return by_frame.reshape(len(by_frame), -1)
        frames = by_frame.reshape(len(by_frame) // self.n_frames, self.n_frames, -1)
        return frames.sum(axis=1) if node.reduction == "sum" else frames.mean(axis=1)

    def _frames_near(self, frames: _Frames) -> BoolArray:
        """Frames in which any activation could have gone the other way, or before them."""
        found = np.zeros(len(next(iter(frames.i.values()))), dtype=bool)
        for node in self.form.checked:
            if self._fires(node):
                found |= any_near(node, frames.i[node.name], self._bound(node, frames))
        return from_then_on(found, self.n_frames) if self._has_state else found

    # -- free run ----------------------------------------------------------------------------

    def _run_free(self, frames: _Frames) -> None:
        """The float graph from its inputs on, against the source."""
        reals = {name: x for name, x in frames.reals.items() if self._is_source(name)}
        different: dict[str, BoolArray] = {}
        for node in self.form.checked:
            i = self.form.value(node, reals)
            computed = self._integrated(node, i, None)[1]
            expected = self._on_grid(node, frames.reals[node.name])[1]
            is_count = self.form.is_count(node)
            if is_count:
                differs = computed != expected
                self._judge_free(node, frames, computed, expected, differs, different)
                different[node.name] = _rows(differs)
            reals[node.name] = computed * self.form.step_of(node.name) if is_count else computed

    def _judge_free(
        self,
        node: Population | Product,
        frames: _Frames,
        computed: FloatArray,
        expected: FloatArray,
        differs: BoolArray,
        different: Mapping[str, BoolArray],
    ) -> None:
        tally = self.free[node.name]
        tally.n_values += expected.size
        if not differs.any():
            return
        clean = self._clean(node, different, differs)
        explained = ~clean
        at = np.nonzero(differs & clean)
        if self._fires(node) and len(at[0]):
            wide = self._path_bound(node, frames)
            explained[at] = near_threshold(node, frames.i[node.name], wide, computed, at)[0]
        tally.n_near += int((differs & explained).sum())
        self._note(tally, node, frames, computed, expected, differs & ~explained)

    def _path_bound(self, node: Population, frames: _Frames) -> FloatArray:
        """The bound with the rounding of all accumulators on the way, back to counts."""
        errors: dict[str, FloatArray] = {}
        for before in self.form.checked:
            if before.name in self.form.ancestors[node.name] and not self.form.is_count(before):
                carried = self.form.carried(before, errors, frames.reals)
                errors[before.name] = self._bound(before, frames) + carried
        return self._bound(node, frames) + self.form.carried(node, errors, frames.reals)

    def _is_source(self, name: str) -> bool:
        return isinstance(self.form.graph.nodes[name], Input | HostOp)

    # -- bookkeeping -------------------------------------------------------------------------

    def _note_largest(self, tally: Tally, off: FloatArray, bound: FloatArray) -> None:
        share = np.divide(off, bound, out=np.where(off > 0, np.inf, 0.0), where=bound > 0)
        tally.largest = max(tally.largest, float(share.max(initial=0.0)))

    def _note(
        self,
        tally: Tally,
        node: Node,
        frames: _Frames,
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

    def _place(self, node: Node, frames: _Frames, where: tuple[int, ...]) -> tuple[int, int, int]:
        """Sample, frame and flat neuron index of an element of a batch."""
        sample, frame = divmod(frames.first + where[0], self.n_frames)
        if isinstance(node, Output) and node.reduction != "none":
            sample, frame = frames.first // self.n_frames + where[0], 0
        shape = node.shape if len(where) == len(node.shape) + 1 else (node.size,)
        return sample, frame, int(np.ravel_multi_index(where[1:], shape))


def _rows(differs: BoolArray) -> BoolArray:
    return np.asarray(differs.reshape(len(differs), -1).any(axis=1))
