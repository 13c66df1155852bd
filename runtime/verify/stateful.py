"""Neurons with state under teacher forcing: what they hold when they fire, and its rounding.

A population with state takes the source's count for its reset after each frame. The membrane
then stands for the pre-activation of a neuron without state: a difference of counts is explained
where the membrane lies within its bound of a threshold. The bound of a frame is that of its
input, and of the membrane's own few operations, beside what is left of the frames before.
"""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import BoolArray, FloatArray
from snnc.ir.neurons import Stateful
from snnc.ir.nodes import Node, Population
from snnc.runtime.verify.floatform import SPARE_OPERATIONS, UNIT_ROUNDOFF


def stateful_model(node: Node) -> Stateful | None:
    """The node's neurons where they carry something from frame to frame."""
    model = node.model if isinstance(node, Population) else None
    return model if isinstance(model, Stateful) else None


def membranes(
    model: Stateful, axis: int, i: FloatArray, n_frames: int, given: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """What neurons hold when they fire, and what they give, both shape (N·T, *shape).

    Args:
        model: the neurons.
        axis: channel axis.
        i: exact input of each frame, shape (N·T, *shape).
        n_frames: T.
        given: the source's counts (or values), which the neurons take for their reset; None:
            they take their own.
    """
    by_frame = i.reshape(-1, n_frames, *i.shape[1:])
    forced = None if given is None else given.reshape(by_frame.shape)
    state = model.initial_state(by_frame[:, 0].shape)
    held, fired = np.empty(by_frame.shape), np.empty(by_frame.shape)
    for t in range(n_frames):
        state = model.integrate(by_frame[:, t], state, axis)
        held[:, t] = state["v"]
        k = model.fire(state, axis)
        fired[:, t] = k
        state = model.settle(state, k if forced is None else forced[:, t], axis)
    return held.reshape(i.shape), fired.reshape(i.shape)


def membrane_bound(
    model: Stateful, axis: int, local: FloatArray, held: FloatArray, n_frames: int
) -> FloatArray:
    """How far the source's membrane can lie from `held`, from each frame's bound of its input.

    A trace is given the source's own value after each frame, so that nothing is left of before.
    """
    own = local + np.abs(held) * (SPARE_OPERATIONS * UNIT_ROUNDOFF)
    if model.emits == "value":
        return own
    by_frame = own.reshape(-1, n_frames, *own.shape[1:])
    state = model.initial_state(by_frame[:, 0].shape)
    bounds = np.empty(by_frame.shape)
    no_spike = np.zeros(by_frame[:, 0].shape)
    for t in range(n_frames):
        state = model.integrate(by_frame[:, t], state, axis)
        bounds[:, t] = state["v"]
        state = model.settle(state, no_spike, axis)
    return bounds.reshape(own.shape)


def from_then_on(rows: BoolArray, n_frames: int) -> BoolArray:
    """Frames at or after a marked one of the same sample, shape (N·T, …)."""
    by_frame = rows.reshape(-1, n_frames, *rows.shape[1:])
    return np.asarray(np.logical_or.accumulate(by_frame, axis=1).reshape(rows.shape))


def after(marked: BoolArray, n_frames: int) -> BoolArray:
    """Elements of frames after a marked one of the same sample, shape (N·T, …)."""
    by_frame = from_then_on(marked, n_frames).reshape(-1, n_frames, *marked.shape[1:])
    later = np.zeros(by_frame.shape, dtype=bool)
    later[:, 1:] = by_frame[:, :-1]
    return later.reshape(marked.shape)
