"""Compiled: exchanging cores on a mesh while that shortens the way of their messages.

Simulated annealing as placers of FPGAs do it (Betz and Rose, "VPR: a new packing, placement and
routing tool for FPGA research", FPL 1997): the distance of moves shrinks as it cools. Every other
move brings a core beside one that it talks to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.jit import entry, inlined
from snnc.ir.arrays import Array


@inlined
def _lengthening(
    core: Any, other: Any, x: int, y: int, to_x: int, to_y: int, neighbours: Any, position: Array
) -> float:
    """Messages x hops that a core adds by going from (x, y) to (to_x, to_y).

    What it exchanges with `other`, which goes the opposite way, stays as far as it was.
    """
    begins, others, weights = neighbours
    longer = 0.0
    for i in range(begins[core], begins[core + 1]):
        if others[i] != other:
            px, py = position[others[i], 0], position[others[i], 1]
            way = abs(to_x - px) + abs(to_y - py) - abs(x - px) - abs(y - py)
            longer += weights[i] * way
    return longer


@inlined
def _below(n: int, rng: np.random.Generator) -> int:
    """A number from 0 to n - 1. `Generator.integers` would allocate, which kernels cannot."""
    return int(rng.random() * n)


@inlined
def _destination(
    core: Any, reach: int, neighbours: Any, position: Array, rng: np.random.Generator
) -> tuple[int, int]:
    """Column and row to try: beside a core that this one talks to, or anywhere in reach."""
    begins, others, _ = neighbours
    degree = begins[core + 1] - begins[core]
    about = core
    if degree and rng.random() < 0.5:
        about, reach = others[begins[core] + _below(degree, rng)], 1
    x = position[about, 0] + _below(2 * reach + 1, rng) - reach
    y = position[about, 1] + _below(2 * reach + 1, rng) - reach
    return x, y


@entry
def anneal(
    neighbours: tuple[Array, Array, Array],
    slots_at: Array,
    per_router: int,
    position: Array,
    slot: Array,
    core_at: Array,
    moves: int,
    temperature: float,
    reach: int,
    rng: np.random.Generator,
) -> int:
    """Exchange cores with each other and with empty slots, in place.

    Args:
        neighbours: where each core's begin (n + 1,), the cores, messages to and from them.
        slots_at: shape (rows, columns): first slot of each router; the others follow.
        per_router: slots of a router.
        position: shape (n, 2): column and row of each core.
        slot: shape (n,): slot of each core.
        core_at: core of each slot, -1 where it is empty, -2 where there is none.
        moves: that are tried.
        temperature: in messages x hops.
        reach: routers that a move may go over along each axis.
        rng: draws the moves.

    Returns:
        Moves that were made.
    """
    n_rows, n_columns = slots_at.shape
    made = 0
    for _ in range(moves):
        a = _below(len(slot), rng)
        x, y = position[a, 0], position[a, 1]
        to_x, to_y = _destination(a, reach, neighbours, position, rng)
        if to_x < 0 or to_y < 0 or to_x >= n_columns or to_y >= n_rows:
            continue
        new = slots_at[to_y, to_x] + _below(per_router, rng)
        b = core_at[new]
        if b < -1 or (to_x == x and to_y == y):
            continue
        longer = _lengthening(a, b, x, y, to_x, to_y, neighbours, position)
        if b >= 0:
            longer += _lengthening(b, a, to_x, to_y, x, y, neighbours, position)
        if longer > 0 and rng.random() >= np.exp(-longer / temperature):
            continue
        old = slot[a]
        slot[a], core_at[new], core_at[old] = new, a, b
        position[a, 0], position[a, 1] = to_x, to_y
        if b >= 0:
            slot[b] = old
            position[b, 0], position[b, 1] = x, y
        made += 1
    return made
