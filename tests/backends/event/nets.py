"""Small graphs, and their plain evaluation synapse by synapse."""

from itertools import product
from typing import Any, TypeAlias

import numpy as np

from snnc.backends.event import EventEngine
from snnc.backends.event.session import EventSession
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.codes import Code, RunSettings, ScheduleKind
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity, LinearMap
from snnc.ir.neurons import Accumulator, NeuronModel
from snnc.ir.nodes import Input, Output, Population

MODES = ("frames", "ticks", "scatter", "gather", "plane")
"""Ways to run: the cheaper of both kernels frame by frame or tick by tick, or always one."""

Synapse: TypeAlias = tuple[int, int, int]
"""Source, target, weight."""


def engine(mode: Any = "frames", jobs: Any = 1) -> EventEngine:
    method: Any = "any" if mode in ("frames", "ticks") else mode
    return EventEngine(jobs, tick_by_tick=mode == "ticks", method=method)


def prepare(
    nodes: Any,
    projections: Any,
    *,
    code: Any = "graded",
    schedule: Any = "sequential",
    n_frames: Any = 1,
    mode: Any = "frames",
) -> Any:
    graph = Graph(nodes, projections)
    return engine(mode).prepare(graph, RunSettings(code, schedule), n_frames=n_frames)


def reading(source: Any, shape: Any) -> tuple[Output, Projection]:
    output = Output(name="out", shape=shape)
    return output, Projection(name="read", source=source, target="out", map=Identity(shape=shape))


def one_layer(
    map_: LinearMap,
    *,
    lo: int,
    hi: int,
    shape: Shape | None = None,
    target: Shape | None = None,
    model: NeuronModel | None = None,
    bias: int = 0,
    gather: IntArray | None = None,
    exponent: int = 0,
    channel_axis: int = 0,
    code: Code = "graded",
    schedule: ScheduleKind = "sequential",
    n_frames: int = 1,
    mode: str = "frames",
) -> EventSession:
    """Input x -> map -> population y, which accumulates if it has no other model."""
    out_shape = target or map_.out_shape
    output, read = reading("y", out_shape)
    population = Population(
        name="y",
        shape=out_shape,
        model=model or Accumulator(),
        bias=np.array(bias),
        channel_axis=channel_axis,
    )
    w = Projection(name="w", source="x", target="y", map=map_, gather=gather, exponent=exponent)
    return prepare(
        [Input(name="x", shape=shape or map_.in_shape, lo=lo, hi=hi), population, output],
        [w, read],
        code=code,
        schedule=schedule,
        n_frames=n_frames,
        mode=mode,
    )


def synapses(conv: Any) -> list[tuple[int, int, int]]:
    """(source, target, weight) of every synapse of a convolution, from its definition."""
    weight = conv.weight
    c_out, c_group = weight.shape[:2]
    per_group = c_out // conv.groups
    source_at = np.arange(conv.in_size).reshape(conv.in_shape)
    target_at = np.arange(conv.out_size).reshape(conv.out_shape)
    found: list[Synapse] = []
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
            found.append((int(source_at[(channel, *spot)]), int(target_at[(o, *at)]), w))
    return found


def current(found: Any, x: Any, size: Any) -> list[int]:
    """What counts x bring to `size` targets."""
    out = [0] * size
    for source, target, w in found:
        out[target] += w * int(x[source])
    return out
