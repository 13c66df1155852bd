"""The accuracy that a setting has to keep, in whole samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from snnc.converter.sources import GraphSource, SourceModel
from snnc.converter.sources.onnxrun import FrameRunner
from snnc.ir.arrays import IntArray
from snnc.ir.errors import WrongUsage
from snnc.runtime.data import DataSet
from snnc.runtime.outputs import predictions
from snnc.runtime.progress import Progress

Origin = Literal["source", "given", "best"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Budget:
    """How much accuracy may be lost, and against what.

    Attributes:
        max_loss: share of the samples, such as 0.01 for one percentage point.
        origin: whose accuracy the loss is counted from: the `source`'s own, one that was
            `given`, or that of the `best` setting measured.
        given: accuracy that was given.
        right: of the source, by sample; None for another origin.
        best: the best accuracy that was measured, for that origin.
    """

    max_loss: Fraction
    origin: Origin
    given: Fraction | None = None
    right: IntArray | None = None
    best: Fraction | None = None

    def reference(self, n: int) -> Fraction:
        """The accuracy that losses are counted from, on the first n samples."""
        if self.right is not None:
            return Fraction(int(self.right[:n].sum()), n)
        found = self.best if self.given is None else self.given
        assert found is not None
        return found

    def least(self, n: int) -> Fraction:
        """The accuracy to keep on the first n samples."""
        return self.reference(n) - self.max_loss

    def keeps(self, accuracy: float, n: int) -> bool:
        """Is an accuracy that was measured on the first n samples within the budget?"""
        return as_share(accuracy, n) >= self.least(n)

    def among(self, measured: Iterable[tuple[float, int]]) -> Budget:
        """This budget where the best of some accuracies (and their n) is the reference."""
        if self.origin != "best":
            return self
        return replace(self, best=max(as_share(accuracy, n) for accuracy, n in measured))


def as_share(accuracy: float, n: int) -> Fraction:
    """An accuracy as the fraction of n samples that it came from."""
    return Fraction(round(accuracy * n), n)


def share(value: float, what: str) -> Fraction:
    """A share that a user gave, in the decimal digits that were meant.

    Raises:
        WrongUsage: it does not lie between 0 and 1.
    """
    if not 0 <= value <= 1:
        raise WrongUsage(f"{what} lies between 0 and 1 (0 % and 100 %), not {value:g}")
    return Fraction(str(float(value)))


def budget_of(
    source: SourceModel | GraphSource,
    data: DataSet,
    max_loss: float,
    reference: float | None,
    tell: Progress,
) -> Budget:
    """The budget, with the source's own accuracy where it is one frame of one input.

    Args:
        source: runs in ONNX Runtime, optimisations off.
        data: with labels.
        max_loss: share of the samples.
        reference: accuracy that losses are counted from; None: the source's own.
        tell: is told samples.

    Raises:
        WrongUsage: a share that is none.
    """
    allowed = share(max_loss, "max_loss")
    if reference is not None:
        given = share(reference, "the reference accuracy")
        return Budget(max_loss=allowed, origin="given", given=given)
    right = _right(source, data, tell)
    return Budget(max_loss=allowed, origin="best" if right is None else "source", right=right)


def _right(source: SourceModel | GraphSource, data: DataSet, tell: Progress) -> IntArray | None:
    """Which samples the source itself gets right; None where it is no plain function of one."""
    if not isinstance(source, SourceModel) or len(source.inputs) != 1:
        return None
    if source.layout is not None or source.n_frames > 1:
        return None
    if data.x.shape[1:] != source.inputs[0].shape:
        return None
    runner = FrameRunner(source.onnx, (), source.states)
    (declared,) = source.inputs
    assert data.y is not None
    found = np.zeros(len(data), np.int64)
    for i in range(len(data)):
        x = np.asarray(data.x[i : i + 1]).astype(declared.dtype, copy=False)
        classes = predictions(runner.outputs([{declared.name: x}])[0])
        if classes is None:
            return None
        found[i] = classes[0] == data.y[i]
        tell("source", i + 1, len(data))
    return found
