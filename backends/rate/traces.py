"""The trace of a run in code `rate`, from the traces of its frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnc.backends.base import Trace
from snnc.ir.arrays import IntArray
from snnc.ir.neurons.firing import Stateful
from snnc.ir.nodes import Population
from snnc.ir.rate import RateForm
from snnc.ir.schedule import Schedule


def joined_trace(form: RateForm, schedule: Schedule, frames: Sequence[Trace]) -> Trace:
    """All events on one clock.

    What does not fire is one event a frame, its value, in the last tick of its window.

    Args:
        schedule: of the form.
        frames: traces of the form's own ticks, frame by frame.
    """
    names = frames[0].names
    rows = [
        _events(form, schedule, trace) + np.array([[frame * schedule.period], [0], [0], [0]])
        for frame, trace in enumerate(frames)
    ]
    table = np.concatenate(rows, axis=1)
    tick, population, neuron, payload = table[:, np.lexsort(table[2::-1])]
    shown = None
    if frames[0].membranes is not None:
        shown = {
            name: _membrane(form, schedule, name, [(t.membranes or {})[name] for t in frames])
            for name in frames[0].membranes
        }
    return Trace(
        tick=tick,
        population=population,
        neuron=neuron,
        payload=payload,
        names=names,
        n_ticks=schedule.n_ticks(len(frames)),
        membranes=shown,
    )


def _events(form: RateForm, schedule: Schedule, trace: Trace) -> IntArray:
    """Events of a frame, rows tick, population, neuron, payload."""
    table = np.stack([trace.tick, trace.population, trace.neuron, trace.payload])
    parts = []
    for index, name in enumerate(trace.names):
        own = table[:, trace.population == index]
        if name in form.units:
            ticks = np.zeros((1, form.ticks, form.graph.nodes[name].size), dtype=np.int64)
            ticks[0, own[0] - schedule.start[name], own[2]] = own[3]
            value = form.read(name, ticks)[0]
            neuron = np.flatnonzero(value)
            at = np.full((2, len(neuron)), [[schedule.start[name] + form.ticks - 1], [index]])
            own = np.vstack([at, neuron, value[neuron]])
        parts.append(own)
    return np.concatenate(parts, axis=1)


def _membrane(
    form: RateForm, schedule: Schedule, name: str, frames: Sequence[IntArray]
) -> IntArray:
    """The membrane at the end of each tick, before a spike takes from it; 0 outside of windows.

    Args:
        frames: what each tick of a frame brought, shape (n_ticks, *shape).
    """
    node = form.graph.nodes[name]
    assert isinstance(node, Population)
    shown = np.zeros((schedule.n_ticks(len(frames)), *node.shape), dtype=np.int64)
    first = schedule.start[name]
    for frame, brought in enumerate(frames):
        window = brought[first : first + form.ticks]
        at = first + frame * schedule.period
        shown[at : at + form.ticks] = _integrated(node, window)
    return shown


def _integrated(node: Population, window: IntArray) -> IntArray:
    """Membranes of a window, from what each tick brought."""
    model, axis = node.model, node.channel_axis
    if not isinstance(model, Stateful):
        return np.cumsum(window, axis=0)
    seen = np.zeros_like(window)
    state = model.initial_state((1, *node.shape))
    for tick, brought in enumerate(window):
        state = model.integrate(brought[None], state, axis)
        seen[tick] = state["v"][0]
        state = model.settle(state, model.fire(state, axis), axis)
    return seen
