"""Code `delta`: lists of counts become lists of changes, and maxima keep their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.late import late
from snnc.backends.event.lists import close_list, copy_run
from snnc.backends.event.tables import Lists, Program, State
from snnc.ir.arrays import IntArray


def keeping(program: Program, state: State) -> Program:
    """The program of a worker: where events are changes, latches leave membranes as they are.

    A membrane then "returns to" itself.
    """
    if not program.changes:
        return program
    return program._replace(rest32=state.acc32, rest64=state.acc64)


def start_here(state: State, program: Program | None = None) -> None:
    """Let samples begin where a worker stands; or, given the graph's own program, from rest."""
    start = state.start
    if program is None:
        kept = state.acc32, state.acc64, state.before, state.held
        for begin, array in zip(start, kept, strict=True):
            begin[:] = array
    else:
        start.acc32[:], start.acc64[:] = program.rest32, program.rest64
        start.before[:] = start.held[:] = 0


@late
def start_sample(state: State) -> None:
    """Bring what is kept within a sample to where the sample begins."""
    start = state.start
    copy_run(state.acc32, 0, start.acc32, 0, len(start.acc32))
    copy_run(state.acc64, 0, start.acc64, 0, len(start.acc64))
    copy_run(state.before, 0, start.before, 0, len(start.before))
    copy_run(state.held, 0, start.held, 0, len(start.held))


@late
def to_changes(node: Any, room: Any, lists: Lists, before: IntArray, scratch: IntArray) -> None:
    """Turn a list of counts into what has changed since the frame before."""
    for e in range(room.events, room.events + lists.length[room.number]):
        scratch[lists.neuron[e]] = lists.payload[e]
    n = 0
    j = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
        for _ in range(node.channels):
            change = scratch[j] - before[node.before + j]
            if change != 0:
                lists.neuron[room.events + n] = j
                lists.payload[room.events + n] = change
                n += 1
            before[node.before + j] += change
            scratch[j] = 0
            j += 1
    close_list(room, lists, n)


@late
def hold(projection: Any, room: Any, kept: Any, lists: Lists, held: IntArray) -> None:
    """Add the changes of a list to the counts that a maximum holds, and list these in `kept`."""
    counts = held[projection.held : projection.held + room.size]
    for e in range(room.events, room.events + lists.length[room.number]):
        counts[np.int64(lists.neuron[e])] += lists.payload[e]
    n = 0
    j = 0
    for pixel in range(kept.pixels):
        lists.segments[kept.segments + pixel] = n
        for _ in range(kept.size // kept.pixels):
            if counts[j] != 0:
                lists.neuron[kept.events + n] = j
                lists.payload[kept.events + n] = counts[j]
                n += 1
            j += 1
    close_list(kept, lists, n)
