"""A compiled graph: flat tables that the kernels read, and the state that they change.

Arrays of many nodes lie one behind the other in a few pools; records hold offsets into them.
"Pixel" is a position without its channel; the neurons of a population lie channel last:
internal index = pixel * channels + channel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnc.ir.arrays import Array, IntArray

# What a node does when it latches.
SOURCE, FIRE, ACCUMULATE, MAXIMUM, INTEGRATE, TRACE, PRODUCT, LOOKUP, FOREIGN = range(9)
LOIHI_LIF, LOIHI_READOUT, DELTA, SIGMA_DELTA, SIGMA = range(9, 14)
# How a membrane is reset.
KEEP, SUBTRACT, REPLACE = range(3)
# Rows behind the thresholds of a neuron with state.
RESET_STEP, RESET_VALUE, V_MIN, LEAK, CURRENT_LEAK = range(5)
# Rows of Loihi's neurons; sigma-delta neurons have the first two.
THRESHOLD, BIAS, KEEP_U, KEEP_V, RESET_EVERY, RESET_AT = range(6)
# How a projection delivers: a window on positions, the same with groups, the same where each
# channel is a group, all to all, listed synapses, one to one.
WINDOW, GROUPED, EACH, DENSE, SPARSE, ONE_TO_ONE = range(6)

# Pools of weights.
BITS_8, BITS_16, BITS_64 = range(3)
# Ways to deliver.
ANY, SCATTER, GATHER, PLANE = range(4)
# A run of events, as gathering sees it: its first and last event, the row of weights of neuron 0,
# and whether a batch ends.
FIRST, LAST, BASE, ENDS, RUN = range(5)

LANES = 32
"""Neurons that a latch looks at at once."""

NODE = np.dtype(
    [
        (name, np.int64)
        for name in (
            "kind",
            "number",  # its row
            "size",
            "pixels",
            "channels",
            "order",  # offset in `order`: C-order index of each internal one; -1: the same
            "counted",  # 1: emits counts (coded by the event code); 0: values
            "wide",  # 1: membrane in acc64
            "acc",  # offset in the membrane pool
            "acc_size",
            "first",  # its projections: first … last - 1
            "last",
            "list",  # event list that it fills when it latches
            "delayed",  # 1: a projection delivers it frames later
            "values",  # frame mode: offset in `values` of what it passes on whole; -1: only a list
            "listed",  # 1: a reader takes its list
            "theta",  # thresholds (lookup: counts): offset in the pool of the membrane's width
            "levels",  # lookup: entries of the table
            "theta_pitch",  # between levels
            "theta_step",  # between pixels
            "lo",  # smallest count; lookup: the membrane that stands first in the table
            "before",  # delta: offset in `before`
            "seen",  # maximum: offset in `seen` and `inputs`
            "state",  # membrane or sum across frames: offset in `state`
            "current",  # leaky current, or what has been told: offset in `state`; -1: none
            "clock",  # frames that have passed: offset in `state`; -1: they are not counted
            "leak_shift",
            "current_shift",
            "fraction",  # bits of the state
            "out_shift",  # trace, changes: bits of them that are not passed on
            "reset",
            "reset_before",  # 1: the membrane leaks before its reset
            "other",  # product: offset of operand b in the membrane pool
            "batch",  # product: b x m x k times b x k x n
            "m",
            "k",
            "n",
            "counter",  # product: row of its counters
            "start",  # tick of the first emission
        )
    ],
)

PROJECTION = np.dtype(
    [
        (name, np.int64)
        for name in (
            "kind",
            "source",
            "target",
            "wide",  # 1: into acc64; 0: into acc32
            "width",  # which pool its weights lie in: BITS_8, BITS_16, BITS_64
            "heaviest",  # largest |weight|, at least 1
            "maximum",  # 1: into a maximum
            "list",  # event list that it delivers
            "route",  # offset in `targets`: map position of each source neuron; -1: as they lie
            "route_size",  # positions
            "route_pixels",
            "acc",
            "weight",  # offset in its pool of weights
            "geometry",
            "pitch",  # dense: outputs, filled up; window: weights of one input channel
            "gather",  # weights as gathering reads them: offset; -1: it only scatters
            "gather_pitch",  # outputs, filled up
            "taps",  # of its window
            "spread",  # neurons of its list, where gathering spreads them out
            "runs",  # of events that one output pixel can need
            "seen_from",  # geometry of a window seen from its outputs
            "scatter_once",  # picoseconds of scattering at all, from each pixel, for each event
            "scatter_pixel",
            "scatter_event",
            "gather_once",  # of gathering at all, and for each event
            "gather_event",
            "plane",  # geometry of the plane that it may scatter into; -1: none
            "plane_weight",  # its weights: offset
            "plane_length",
            "plane_sums",  # that an event meets in it
            "plane_once",  # picoseconds of scattering into it at all, and for each event
            "plane_event",
            "straight",  # one to one: every neuron n of the source meets neuron n of the target
            "values",  # offset in `values` of the source's, which it takes whole; -1: its list
            "targets",  # sparse, one to one: offset in `targets`
            "indptr",  # sparse: offset in `indptr`
            "same_fan",  # fan-out of every neuron and its effective one; -1: see `fan_out`
            "same_effective",
            "fan_out",  # offset in `fan_out`; effective fan-out in `effective`, the same offset
            "held",  # delta, into a maximum: offset in `held`; else -1
            "kept",  # and the list of what is held
            "gap",  # tick mode: ticks from emission to delivery
            "frames",  # how many frames ago its source emitted what it delivers
            "past",  # frame mode: first of the `frames` + 1 lists that hold its source's frames
        )
    ],
)

LIST = np.dtype(
    [
        (name, np.int64)
        for name in (
            "number",
            "events",  # offset of its room in `neuron`, `payload`, `remaining`
            "size",
            "segments",  # offset in `segments`: first event of each pixel
            "pixels",
        )
    ],
)


class Program(NamedTuple):
    """What does not change while samples run."""

    nodes: Array
    projections: Array
    rooms: Array
    order: Array
    geometry: IntArray
    targets: Array
    indptr: IntArray
    fan_out: IntArray
    effective: IntArray
    weights8: Array
    weights16: Array
    weights64: Array
    bias32: Array
    bias64: Array
    rest32: Array
    """What latches leave in the membranes: frame by frame the bias, tick by tick nothing."""
    rest64: Array
    theta32: Array
    theta64: Array
    inputs: Array
    unit_spikes: int
    """1: counts travel as unit spikes (burst)."""
    method: int
    """ANY: each projection takes the cheaper way at each delivery; else the way that all take."""
    rehearsed: int
    """1: lists are delivered though nothing is in them (`rehearse`)."""
    changes: int
    """1: events say what has changed, and membranes keep what has arrived (delta)."""


class Lists(NamedTuple):
    """Event lists; a record of `LIST` says where each one lies."""

    neuron: Array
    """Internal index of each event."""
    payload: IntArray
    segments: IntArray
    """First event of each pixel, from the list's beginning, and the number of events."""
    length: IntArray
    total: IntArray
    """Sum of |payload| of each list."""
    peak: IntArray
    """Largest |payload| of each list."""


class Start(NamedTuple):
    """Delta: where a sample begins; arrays as those of `State`."""

    acc32: Array
    acc64: Array
    before: IntArray
    held: IntArray


class State(NamedTuple):
    """What one worker changes."""

    lists: Lists

    acc32: Array
    acc64: Array
    values: Array
    """Payloads of all neurons of nodes that pass on values whole."""
    best: IntArray
    """Maxima: of the tick or frame at hand."""
    seen: Array
    """Maxima: inputs that were present."""
    before: IntArray
    """Delta: counts or values of the frame before."""
    held: IntArray
    """Delta: counts of the inputs of maxima."""
    start: Start
    state: IntArray
    initial: IntArray
    """What `state` is at a sample's start."""
    exceeded: IntArray
    """Row of the first node that passed a width that runs check, which value, its magnitude."""
    remaining: IntArray
    """Tick mode: spikes that are still to come of each event, this one included."""
    scratch: IntArray
    spread: Array
    """Payloads by neuron of one list, while it is delivered; else zeros."""
    plane: Array
    """Sums of one projection, while its list is delivered; else zeros."""
    runs: IntArray
    """Of one output pixel, see `RUN`."""
    counters: IntArray
    """By projection, then by product: synaptic events, unit spike operations, ACs, MACs."""
    node_counters: IntArray
    """By node: events, spikes, inputs of maxima."""
