"""A source that takes all frames at once, seen frame by frame."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import numpy as np

from snnc.converter.sources.frames.layout import FrameLayout, OneByOne, Where
from snnc.converter.sources.model import Calls, EagerModel
from snnc.ir.arrays import Array


class Runner(Protocol):
    """What runs the model over all frames."""

    def outputs(self, calls: Calls) -> list[Array]:
        """Outputs in order for one sample."""
        ...


class SequenceEager:
    """The model over all frames as PyTorch runs it, its values cut into frames.

    Args:
        eager: of the model over all frames.
        layout: where the frames lie.
    """

    def __init__(self, eager: EagerModel, layout: FrameLayout) -> None:
        self._eager = eager
        self._layout = layout
        shown = eager.tensors
        self._tensors = frozenset(
            one for one, where in layout.where.items() if shown.issuperset(_read(where))
        ).union(layout.patterns)

    @property
    def tensors(self) -> frozenset[str]:
        """Names in the one-frame model whose frames the model over all frames shows."""
        return self._tensors

    @property
    def replays(self) -> bool:
        """As the model over all frames does."""
        return self._eager.replays

    def run(self, calls: Calls, tensors: Collection[str]) -> list[dict[str, Array]]:
        """Values of `tensors` in each frame of one sample."""
        constant = frozenset(tensors) & frozenset(self._layout.patterns)
        wanted = (self._tensors & frozenset(tensors)) - constant
        read = {name for one in wanted for name in _read(self._layout.where[one])}
        (values,) = self._eager.run([gathered(self._layout, calls)], read)
        patterns = self._layout.patterns
        found = [{one: patterns[one][t] for one in constant} for t in range(len(calls))]
        for one in wanted:
            for values_of, frame in zip(found, self._layout.frames(one, values), strict=True):
                values_of[one] = frame
        return found

    def outputs(self, calls: Calls) -> list[Array]:
        """Outputs in order, each (T, …), or (1, …) where the model reduces it."""
        return in_frames(self._eager, self._layout, calls)


def gathered(layout: FrameLayout, calls: Calls) -> dict[str, Array]:
    """What forward() takes, from the frames of one sample."""
    return {name: layout.gather(name, [call[name] for call in calls]) for name in layout.axes}


def in_frames(runner: Runner, layout: FrameLayout, calls: Calls) -> list[Array]:
    """Outputs of the model over all frames, each (T, …), or (1, …) where it is reduced."""
    outputs = runner.outputs([gathered(layout, calls)])
    return [
        value if axis is None else np.moveaxis(value, axis, 0).reshape(len(calls), *value.shape[2:])
        for value, axis in zip(outputs, layout.outputs, strict=True)
    ]


def _read(where: Where) -> tuple[str, ...]:
    return where.tensors if isinstance(where, OneByOne) else (where.tensor,)
