"""The expressive leaky memory neuron, described anew from its equations (seeds.md, section 5).

    s = ks * s + relu(w) * x[route]                    4500 leaky traces
    b = sum of s over the synapses of each branch      45 branches
    u = 1.7159 * tanh(2 / 3 * MLP([b, km * m]))
    m = km * m + 5 * (1 - km) * u                      100 memory units
    y = W m + c

Synapses and branches are events; what follows a branch is the host's, memory included.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from snnc.converter.integer import integer_form
from snnc.converter.lower import lower
from snnc.converter.sources import InputGrid, load_source
from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.ir.arrays import Array, FloatArray
from snnc.ir.codes import RunSettings
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.nodes import HostOp, Output
from tests.systems.support import with_grid


@dataclass(frozen=True, eq=False)
class Weights:
    """Parameters of a trained neuron.

    Attributes:
        route: input of each synapse, branch after branch.
        synapse: relu(w), 0 where a synapse has no input.
        n_branches: synapses have equal shares of them.
        synapse_decay, memory_decay: ks of each synapse, km of each memory unit.
        hidden, update, read: (weight, bias) of the MLP's two layers and of the output.
    """

    route: Array
    synapse: FloatArray
    n_branches: int
    synapse_decay: FloatArray
    memory_decay: FloatArray
    hidden: tuple[Array, Array]
    update: tuple[Array, Array]
    read: tuple[Array, Array]


def random_weights(
    n_inputs: int, n_branches: int, n_synapses: int, n_memory: int, rng: np.random.Generator
) -> Weights:
    """A neuron of that shape, with the decays of the published one (5 ms; 1 to 150 ms)."""

    def linear(n_out: int, n_in: int) -> tuple[Array, Array]:
        spread = 1 / np.sqrt(n_in)
        return rng.uniform(-spread, spread, (n_out, n_in)), rng.uniform(-spread, spread, n_out)

    size = n_branches * n_synapses
    return Weights(
        route=rng.integers(0, n_inputs, size),
        synapse=np.maximum(rng.normal(0.4, 0.3, size), 0),
        n_branches=n_branches,
        synapse_decay=np.full(size, np.exp(-1 / 5)),
        memory_decay=np.exp(-1 / np.logspace(0, np.log10(150), n_memory)),
        hidden=linear(2 * n_memory, n_branches + n_memory),
        update=linear(n_memory, 2 * n_memory),
        read=linear(2, n_memory),
    )


def by_equations(w: Weights, x: Array) -> tuple[FloatArray, FloatArray]:
    """Branch sums and outputs of every frame, in float64; x has shape (T, n_inputs)."""
    s, m = np.zeros(len(w.route)), np.zeros(len(w.memory_decay))
    branches, outputs = [], []
    for frame in x:
        s = w.synapse_decay * s + w.synapse * frame[w.route]
        b = s.reshape(w.n_branches, -1).sum(axis=1)
        h = w.hidden[0] @ np.concatenate([b, w.memory_decay * m]) + w.hidden[1]
        d = w.update[0] @ (h / (1 + np.exp(-h))) + w.update[1]
        u = 1.7159 * np.tanh(2 / 3 * d)
        m = w.memory_decay * m + 5 * (1 - w.memory_decay) * u
        branches.append(b)
        outputs.append(w.read[0] @ m + w.read[1])
    return np.array(branches), np.array(outputs)


class Trace(nn.Module):
    """A leaky trace as a user writes it."""

    decay: Tensor

    def __init__(self, decay: Tensor) -> None:
        super().__init__()
        self.register_buffer("decay", decay)
        self.s: Tensor | None = None

    def reset(self) -> None:
        """Forget."""
        self.s = None

    def forward(self, x: Tensor) -> Tensor:
        """One frame."""
        self.s = x if self.s is None else self.decay * self.s + x
        return self.s

    def snnc_neuron(self) -> SpikingNeuron:
        """What it computes."""
        return SpikingNeuron(kind="trace", decay=np.asarray(self.decay))


class Dendrite(nn.Module):
    """Synapses and branches: one frame of events in, branch sums out."""

    route: Tensor
    synapse: Tensor

    def __init__(self, w: Weights) -> None:
        super().__init__()
        self.n_branches = w.n_branches
        self.register_buffer("route", torch.from_numpy(np.asarray(w.route)))
        self.register_buffer("synapse", torch.from_numpy(w.synapse).float())
        self.trace = Trace(torch.from_numpy(w.synapse_decay).float())

    def forward(self, x: Tensor) -> Tensor:
        """(1, n_inputs) to (1, n_branches)."""
        s: Tensor = self.trace(torch.index_select(x, 1, self.route) * self.synapse)
        return s.reshape(1, self.n_branches, -1).sum(-1)


_HOST = """
<ir_version: 9, opset_import: ["" : 18]>
host (float[1,{n_branches}] b, float[1,{n_memory}] m) => (float[1,2] y, float[1,{n_memory}] next) {{
  kept = Mul(m, decay)
  z = Concat <axis = 1> (b, kept)
  h = Gemm <transB = 1> (z, w1, b1)
  gate = Sigmoid(h)
  a = Mul(h, gate)
  d = Gemm <transB = 1> (a, w2, b2)
  e = Mul(d, two_thirds)
  t = Tanh(e)
  u = Mul(t, rate)
  next = Add(kept, u)
  y = Gemm <transB = 1> (next, w3, b3)
}}
"""


def host_part(w: Weights) -> bytes:
    """MLP, memory and readout, in float32; the memory is held from frame to frame."""
    n_memory = len(w.memory_decay)
    model = onnx.parser.parse_model(_HOST.format(n_branches=w.n_branches, n_memory=n_memory))
    tensors = {
        "m": np.zeros((1, n_memory)),
        "decay": w.memory_decay,
        "two_thirds": np.array(2 / 3),
        "rate": 1.7159 * 5 * (1 - w.memory_decay),
        **{f"{k}{i}": a for i, pair in _layers(w) for k, a in zip("wb", pair, strict=True)},
    }
    for name, array in tensors.items():
        model.graph.initializer.append(
            numpy_helper.from_array(np.asarray(array, dtype=np.float32), name)
        )
    return model.SerializeToString()


def _layers(w: Weights) -> list[tuple[int, tuple[Array, Array]]]:
    return list(enumerate((w.hidden, w.update, w.read), start=1))


@cache
def lowered_dendrite(w: Weights, n_inputs: int) -> Graph:
    """The float graph of synapses and branches."""
    source = load_source(Dendrite(w).eval(), example_inputs=torch.zeros(1, n_inputs))
    return lower(with_grid(source, InputGrid(lo=0, hi=1, step=1.0))).graph


def hybrid(w: Weights, n_inputs: int, weight_bits: int = 8) -> SnncFile:
    """The dendrite converted, the rest a host operator behind its branches."""
    graph = _with_host(lowered_dendrite(w, n_inputs), w)
    return SnncFile(
        float_graph=graph,
        integer_graph=integer_form(graph, weight_bits=weight_bits).graph,
        onnx={"mlp": host_part(w)},
        settings=RunSettings(),
        manifest={},
    )


def _with_host(graph: Graph, w: Weights) -> Graph:
    """The branches read by the host instead of an output."""
    (output,) = graph.outputs
    (read,) = graph.incoming(output.name)
    size = graph.nodes[read.source].size
    host = HostOp(
        name="mlp",
        shape=(2,),
        onnx="mlp",
        reads=("b",),
        result="real",
        source_tensor="y",
        n_macs=sum(pair[0].size for _, pair in _layers(w)),
        operators=("Gemm", "Sigmoid", "Tanh"),
        states=(("m", "next"),),
    )
    nodes = [n for n in graph.nodes.values() if n is not output]
    projections = [p for p in graph.projections.values() if p is not read]
    joined = Projection(
        name="to mlp", source=read.source, target="mlp", map=Identity(shape=(size,)), port="b"
    )
    shown = Projection(name="read", source="mlp", target="y", map=Identity(shape=(2,)))
    return graph.replace(
        nodes=[*nodes, host, Output(name="y", shape=(2,))],
        projections=[*projections, joined, shown],
    ).validate()
