"""Latches of Loihi's own neurons: registers that wrap, that are clipped, or that stop the run."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.jit import inlined
from snnc.backends.event.late import late
from snnc.backends.event.lists import add_event, close_list
from snnc.backends.event.tables import (
    BIAS,
    KEEP_U,
    KEEP_V,
    LOIHI_LIF,
    RESET_AT,
    RESET_EVERY,
    SIGMA,
    SIGMA_DELTA,
    THRESHOLD,
    Lists,
)
from snnc.ir.arrays import Array, IntArray
from snnc.ir.neurons.loihi_lif import ALIGN_BITS, DECAY_BITS
from snnc.ir.neurons.loihi_lif import LARGEST as END_OF_UV
from snnc.ir.neurons.sigma_delta import LARGEST as LARGEST_SUM


@inlined
def leak(v: int, multiplier: int, shift: int) -> int:
    """sign(v) * ((|v| * multiplier) >> shift)"""
    kept = (abs(v) * multiplier) >> shift
    return -kept if v < 0 else kept


@inlined
def _wrap(u: Any) -> Any:
    """Once around a register of 24 bits whose ends are ±2^23."""
    if u > END_OF_UV:
        u -= 2 * END_OF_UV
    elif u <= -END_OF_UV:
        u += 2 * END_OF_UV
    return u


@late
def integrate_loihi(
    node: Any, room: Any, lists: Lists, acc: Array, theta: IntArray, state: IntArray
) -> None:
    """Current u and membrane v: a spike leaves v = 0, or v itself is passed on."""
    pitch = node.theta_pitch
    n = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
        for c in range(node.channels):
            j = pixel * node.channels + c
            own = node.theta + pixel * node.theta_step + c
            u, v = state[node.current + j], state[node.state + j]
            if node.clock >= 0:
                frame = state[node.clock + j]
                state[node.clock + j] = frame + 1
                if frame % theta[own + RESET_EVERY * pitch] == theta[own + RESET_AT * pitch]:
                    u = v = np.int64(0)
            u = leak(u, theta[own + KEEP_U * pitch], DECAY_BITS)
            u = _wrap(u + (np.int64(acc[node.acc + j]) << ALIGN_BITS))
            v = leak(v, theta[own + KEEP_V * pitch], DECAY_BITS) + u + theta[own + BIAS * pitch]
            v = min(max(v, 1 - END_OF_UV), END_OF_UV - 1)
            fires = v > theta[own + THRESHOLD * pitch]
            if fires:
                v = np.int64(0)
            state[node.current + j], state[node.state + j] = u, v
            k = np.int64(fires) if node.kind == LOIHI_LIF else v
            n = add_event(room, lists, n, j, k)
    close_list(room, lists, n)


@late
def tell_changes(
    node: Any,
    room: Any,
    lists: Lists,
    acc: Array,
    theta: IntArray,
    state: IntArray,
    exceeded: IntArray,
) -> None:
    """Sums s without leak, passed on, or their changes since what has been sent.

    Args:
        exceeded: becomes (row of the node, which value, its magnitude) where one passes 24 bits.
    """
    pitch = node.theta_pitch
    arrived, summed, active = np.int64(0), np.int64(0), np.int64(0)
    n = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
        for c in range(node.channels):
            j = pixel * node.channels + c
            own = node.theta + pixel * node.theta_step + c
            i, s = np.int64(acc[node.acc + j]), np.int64(0)
            if node.kind == SIGMA or node.kind == SIGMA_DELTA:
                s = state[node.state + j] + i
                state[node.state + j] = s
                summed = max(summed, abs(s))
            if node.kind == SIGMA:
                n = add_event(room, lists, n, j, s)
                continue
            arrived = max(arrived, abs(i))
            active_now = i << node.fraction
            if node.kind == SIGMA_DELTA:
                active_now = max(s + theta[own + BIAS * pitch], 0)
                active = max(active, active_now)
            change = active_now - state[node.current + j]
            if abs(change) >= theta[own + THRESHOLD * pitch]:
                state[node.current + j] = active_now
                n = add_event(room, lists, n, j, change >> node.out_shift)
    close_list(room, lists, n)
    most = LARGEST_SUM if node.kind == SIGMA_DELTA else LARGEST_SUM >> node.fraction
    _note_beyond(node, exceeded, 0, arrived, most)
    _note_beyond(node, exceeded, 1, summed, LARGEST_SUM)
    _note_beyond(node, exceeded, 2, active, LARGEST_SUM)


@inlined
def _note_beyond(node: Any, exceeded: IntArray, which: int, found: Any, most: int) -> None:
    """Note the first value of a run that passes its width."""
    if found > most and exceeded[0] == 0:
        exceeded[0], exceeded[1], exceeded[2] = node.number, which, found
