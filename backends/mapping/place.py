"""Placing cores on the mesh: messages x hops as few as can be found in some seconds."""

from __future__ import annotations

import numpy as np

from snnc.backends.mapping.grid import Grid, ways
from snnc.backends.mapping.traffic import Flow, Tell
from snnc.ir.arrays import Array, IntArray

_MOVES = 2.5e7
"""Tried in all, for large mappings: some ten seconds."""
_MOVES_PER_CORE = 8_000
"""Tried in all for each core, for small ones."""
_TEMPERATURES = 80
_HOTTEST, _COLDEST = 100.0, 0.1
"""First and last temperature, in mean messages of a pair of cores that talk."""
_FURTHEST = 0.5
"""Share of the mesh that the first moves go over."""
_SEED = 1


def place(flow: Flow, grid: Grid, n_cores: int, tell: Tell) -> IntArray:
    """A slot for each core.

    Cores begin in the order of their populations along a Hilbert curve and are exchanged by
    simulated annealing (see `anneal`). The same flow always gives the same places.

    Args:
        flow: messages between cores in a frame.
        grid: with enough slots.
        n_cores: of the mapping.
        tell: is told after each temperature.

    Returns:
        shape (n_cores,).
    """
    between = flow.between()
    starts = (grid.along_curve(n_cores), grid.row_major(n_cores))
    costs = [cost(between, grid, slots) for slots in starts]
    best = starts[int(np.argmin(costs))]
    if not between.events.any():
        return best
    found = _annealed(between, grid, best, tell)
    return found if cost(between, grid, found) < min(costs) else best


def cost(flow: Flow, grid: Grid, slots: IntArray) -> float:
    """Messages x hops of one frame."""
    return ways(grid, slots[flow.source], slots[flow.target], flow.events).hops


def _annealed(flow: Flow, grid: Grid, start: IntArray, tell: Tell) -> IntArray:
    from snnc.backends.mapping.anneal import anneal

    n_cores = len(start)
    begins, others, weights = _neighbours(flow, n_cores)
    slot = start.astype(np.int32)
    core_at = np.where(grid.usable, -1, -2).astype(np.int32)
    core_at[slot] = np.arange(n_cores)
    position = grid.position[slot].astype(np.int32)
    moves = int(min(_MOVES, _MOVES_PER_CORE * n_cores) / _TEMPERATURES)
    unit, rng = float(weights.mean()), np.random.default_rng(_SEED)
    temperatures = unit * np.geomspace(_HOTTEST, _COLDEST, _TEMPERATURES)
    for step, temperature in enumerate(temperatures):
        left = 1.0 - step / _TEMPERATURES
        anneal(
            (begins, others, weights),
            grid.slots_at,
            grid.per_router,
            position,
            slot,
            core_at,
            moves,
            float(temperature),
            max(1, int(max(grid.shape) * _FURTHEST * left * left)),
            rng,
        )
        tell("place", step + 1, _TEMPERATURES)
    return slot.astype(np.int64)


def _neighbours(flow: Flow, n_cores: int) -> tuple[Array, Array, Array]:
    """Who talks to whom, in either direction: begins (n_cores + 1,), cores, messages."""
    a = np.concatenate([flow.source, flow.target])
    b = np.concatenate([flow.target, flow.source])
    pairs, index = np.unique(a * n_cores + b, return_inverse=True)
    weights = np.bincount(index, weights=np.tile(flow.events, 2))
    a, b = np.divmod(pairs, n_cores)
    begins = np.zeros(n_cores + 1, dtype=np.int32)
    np.cumsum(np.bincount(a, minlength=n_cores), out=begins[1:])
    return begins, b.astype(np.int32), weights.astype(np.float32)
