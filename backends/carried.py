"""The state from which a run goes on: does it fit, and how many frames lie behind its samples?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.base import BESIDE, FRAMES, SessionState
from snnc.backends.feeds import bounded, check_frames
from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.errors import DataError, NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import Node, Population


class Carried:
    """What every engine checks of a state, and adds to it.

    Args:
        graph: that runs.
        n_frames: frames for which the membranes that live across frames were bounded.
    """

    def __init__(self, graph: Graph, n_frames: int) -> None:
        self._n_frames = n_frames
        self._late = [p.name for p in graph.projections.values() if p.frames]
        self._shapes = {name: _shapes(node) for name, node in graph.nodes.items()}
        self._bounded = bounded(graph)

    def check(self, state: SessionState | None, read: Mapping[str, IntArray]) -> None:
        """Refuse a state from which a run cannot go on.

        Args:
            state: None: samples begin in this run.
            read: the run's feeds, (N, T, *shape).

        Raises:
            NotExecutable: projections hold what earlier frames emitted, which is in no state.
            DataError: it is of another number of samples, or of neurons of another shape.
            WidthExceeded: with the frames before, more than membranes were bounded for.
        """
        if state is None:
            return
        if self._late:
            raise NotExecutable(
                "brings what earlier frames emitted: a run cannot go on from the state of another",
                where=f"projection {self._late[0]}",
                hint="run all frames of a sample at once",
            )
        n_samples, n_given = next(iter(read.values())).shape[:2]
        for name, held in state.items():
            _check_held(name, held, n_samples, self._shapes.get(name, {}))
        for population in self._bounded:
            before = _frames_before(population.name, state, n_samples)
            check_frames(population, int(before.max()) if n_samples else 0, n_given, self._n_frames)

    def count(
        self, before: SessionState | None, after: SessionState, n_samples: int, n_frames: int
    ) -> SessionState | None:
        """The state after a run, with how many frames lie behind its samples then.

        Args:
            before: from which the run went on; None: no state is asked for.
            n_frames: of the run.
        """
        if before is None:
            return None
        names = [p.name for p in self._bounded if p.name in after]
        counted = {
            name: {**after[name], FRAMES: _frames_before(name, before, n_samples) + n_frames}
            for name in names
        }
        return {**after, **counted}


def _shapes(node: Node) -> dict[str, Shape]:
    """What engines read of a node's state, for one sample; what a host keeps is its own matter."""
    own = node.model.initial_state((1,)) if isinstance(node, Population) else {}
    return {kept: () if kept == FRAMES else node.shape for kept in (*own, *BESIDE)}


def _check_held(
    name: str, held: Mapping[str, Array], n_samples: int, shapes: Mapping[str, Shape]
) -> None:
    for kept, array in held.items():
        if kept not in shapes:
            continue
        given, wanted = np.shape(array), (n_samples, *shapes[kept])
        if given != wanted:
            raise DataError(
                f"the state's `{kept}` has shape {given}, {n_samples} samples go on from {wanted}",
                where=name,
                hint="go on with the samples of the run that gave the state",
            )


def _frames_before(name: str, state: SessionState, n_samples: int) -> IntArray:
    held = state.get(name, {}).get(FRAMES)
    return np.zeros(n_samples, dtype=np.int64) if held is None else held
