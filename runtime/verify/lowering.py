"""Promise 1: the float graph, fed with the source's own counts, gives the source's counts.

Beside it the export is checked (PyTorch against ONNX Runtime) and the float graph runs free.
All three use one bound: what differs must lie within rounding of a threshold, or downstream of
such a difference in the same frame.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.ir.arrays import BoolArray, FloatArray
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product
from snnc.runtime.verify.floatform import (
    SPARE_OPERATIONS,
    UNIT_ROUNDOFF,
    Reals,
    downstream,
)
from snnc.runtime.verify.forcing import HOST_TOLERANCE, Frames, TeacherForcing
from snnc.runtime.verify.margins import any_near, near_threshold
from snnc.runtime.verify.stateful import (
    after,
    from_then_on,
    stateful_model,
)
from snnc.runtime.verify.values import SourceValues


class LoweringCheck(TeacherForcing):
    """Compares float graph and source, batch by batch."""

    def add(self, inputs: Reals, values: SourceValues, first: int) -> None:
        """Compare one batch of B frames.

        Args:
            inputs: real values of the graph's inputs and host operators as the engines get
                them, for nodes that the source does not show.
            values: of the source.
            first: index of the first frame.
        """
        frames = Frames(first, self._forced_inputs(inputs, values))
        for node in self.form.checked:
            self._compare_forced(node, frames, values)
        for part in self._parts:
            self._compare_part(part, frames, inputs, values)
        if values.exported is not None:
            self._compare_export(frames, values.exported)
        self._compare_outputs(frames, values.outputs, values.original)
        self._run_free(frames)

    # -- export ------------------------------------------------------------------------------

    def _compare_export(self, frames: Frames, exported: Mapping[str, FloatArray]) -> None:
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
        self, frames: Frames, outputs: list[FloatArray], original: list[FloatArray]
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

    def _output_bound(self, node: Output, frames: Frames, expected: FloatArray) -> FloatArray:
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

    def _frames_near(self, frames: Frames) -> BoolArray:
        """Frames in which any activation could have gone the other way, or before them."""
        found = np.zeros(len(next(iter(frames.i.values()))), dtype=bool)
        for node in self.form.checked:
            if self._fires(node):
                found |= any_near(node, frames.i[node.name], self._bound(node, frames))
        return from_then_on(found, self.n_frames) if self._has_state else found

    # -- free run ----------------------------------------------------------------------------

    def _run_free(self, frames: Frames) -> None:
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
        frames: Frames,
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

    def _path_bound(self, node: Population, frames: Frames) -> FloatArray:
        """The bound with the rounding of all accumulators on the way, back to counts."""
        errors: dict[str, FloatArray] = {}
        for before in self.form.checked:
            if before.name in self.form.ancestors[node.name] and not self.form.is_count(before):
                carried = self.form.carried(before, errors, frames.reals)
                errors[before.name] = self._bound(before, frames) + carried
        return self._bound(node, frames) + self.form.carried(node, errors, frames.reals)

    def _is_source(self, name: str) -> bool:
        return isinstance(self.form.graph.nodes[name], Input | HostOp)


def _rows(differs: BoolArray) -> BoolArray:
    return np.asarray(differs.reshape(len(differs), -1).any(axis=1))
