"""The expressive leaky memory neuron, described anew from its equations (seeds.md, section 5).

    s = ks * s + relu(w) * x[route]                    4500 leaky traces
    b = sum of s over the synapses of each branch      45 branches
    u = 1.7159 * tanh(2 / 3 * MLP([b, km * m]))
    m = km * m + 5 * (1 - km) * u                      100 memory units
    y = W m + c

Synapses, branches and the two linear layers that meet them are events; what is not linear is the
host's, and so is the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import snnc
from snnc.converter.sources import InputGrid
from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.ir.arrays import Array, FloatArray


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


class ELM(nn.Module):
    """The whole neuron, one frame a call; the memory is handed from call to call."""

    decay: Tensor

    def __init__(self, w: Weights) -> None:
        super().__init__()
        self.dendrite = Dendrite(w)
        self.hidden, self.update, self.read = map(_linear, (w.hidden, w.update, w.read))
        self.register_buffer("decay", torch.from_numpy(w.memory_decay).float())

    def forward(self, x: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """(1, n_inputs) and (1, n_memory) to (1, 2) and (1, n_memory)."""
        kept = self.decay * m
        hidden = nn.functional.silu(self.hidden(torch.cat([self.dendrite(x), kept], dim=-1)))
        update = 1.7159 * torch.tanh(2 / 3 * self.update(hidden))
        m = kept + 5 * (1 - self.decay) * update
        return self.read(m), m


def _linear(pair: tuple[Array, Array]) -> nn.Linear:
    weight, bias = (torch.from_numpy(np.asarray(a)).float() for a in pair)
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.data, layer.bias.data = weight, bias
    return layer


def save(w: Weights, n_inputs: int, path: Path) -> Path:
    """The neuron as a file: binary events in, the memory held by the host."""
    example = torch.zeros(1, n_inputs), torch.zeros(1, len(w.memory_decay))
    grid = InputGrid(lo=0, hi=1, step=1.0)
    snnc.save_model(ELM(w).eval(), example, path, input=grid, states={"m": 1})
    return path
