"""Small graphs, and their plain evaluation synapse by synapse."""

from itertools import product

import numpy as np

from snnc.backends.event import EventEngine
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Output, Population

MODES = ("frames", "ticks")


def engine(mode="frames", jobs=1):
    return EventEngine(jobs, tick_by_tick=mode == "ticks")


def prepare(nodes, projections, *, code="graded", schedule="sequential", n_frames=1, mode="frames"):
    graph = Graph(nodes, projections)
    return engine(mode).prepare(graph, RunSettings(code, schedule), n_frames=n_frames)


def reading(source, shape):
    output = Output(name="out", shape=shape)
    return output, Projection(name="read", source=source, target="out", map=Identity(shape=shape))


def one_layer(
    map_, *, lo, hi, shape=None, target=None, model=None, bias=0, gather=None, **settings
):
    """Input x -> map -> population y, which accumulates if it has no other model."""
    source_shape = shape or map_.in_shape
    out_shape = target or map_.out_shape
    exponent = settings.pop("exponent", 0)
    axis = settings.pop("channel_axis", 0)
    output, read = reading("y", out_shape)
    model = model or Accumulator()
    return prepare(
        [
            Input(name="x", shape=source_shape, lo=lo, hi=hi),
            Population(
                name="y", shape=out_shape, model=model, bias=np.array(bias), channel_axis=axis
            ),
            output,
        ],
        [
            Projection(
                name="w", source="x", target="y", map=map_, gather=gather, exponent=exponent
            ),
            read,
        ],
        **settings,
    )


def synapses(conv):
    """(source, target, weight) of every synapse of a convolution, from its definition."""
    weight = conv.weight
    c_out, c_group = weight.shape[:2]
    per_group = c_out // conv.groups
    source_at = np.arange(conv.in_size).reshape(conv.in_shape)
    target_at = np.arange(conv.out_size).reshape(conv.out_shape)
    found = []
    for index in product(*(range(n) for n in (*conv.out_shape, c_group, *weight.shape[2:]))):
        n = len(conv.in_shape) - 1
        o, at, c, tap = index[0], index[1 : 1 + n], index[1 + n], index[2 + n :]
        spot = [
            conv.stride[a] * at[a] + conv.dilation[a] * tap[a] - conv.padding[a][0]
            for a in range(n)
        ]
        if all(0 <= s < size for s, size in zip(spot, conv.in_shape[1:], strict=True)):
            channel = o // per_group * c_group + c
            w = int(weight[(o, c, *tap)])
            found.append((source_at[(channel, *spot)], target_at[(o, *at)], w))
    return found


def current(found, x, size):
    """What counts x bring to `size` targets."""
    out = [0] * size
    for source, target, w in found:
        out[target] += w * int(x[source])
    return out
