"""The recurrent network in Nengo: a neuron type of our own, one time step a row.

Nengo's own LIF is one of continuous time. `synapse=0` delays the loop by one step.
"""

from __future__ import annotations

import nengo
import numpy as np
from common import arguments, load_data, load_net, report
from nengo.dists import Choice
from recurrent import HIDDEN, LEAK, ROWS
from torch import Tensor, from_numpy

STEP = 0.001


class SteppedLIF(nengo.neurons.NeuronType):
    """v = v / 2 + J; a spike and v = 0 where v > 1."""

    state = {"voltage": Choice([0])}  # noqa: RUF012
    spiking = True
    negative = False

    def max_rates_intercepts(self, gain, bias):  # type: ignore[no-untyped-def]
        return np.ones_like(gain), np.zeros_like(bias)  # of no use here: nothing is decoded

    def step(self, dt, J, output, voltage):  # type: ignore[no-untyped-def]
        voltage[:] = LEAK * voltage + J
        output[:] = voltage > 1
        voltage[output > 0] = 0


a = arguments()
net = load_net(a)
into, offset, back, out = (
    p.detach().numpy().astype(float)
    for p in (net.into.weight, net.into.bias, net.back.weight, net.out.weight)
)
constant = net.out.bias.detach().numpy().astype(float) * ROWS
shown: list[np.ndarray] = [np.zeros(HIDDEN)]
with nengo.Network(seed=0) as network:
    rows = nengo.Node(lambda t: shown[min(round(t / STEP) - 1, len(shown) - 1)], size_out=HIDDEN)
    cells = nengo.Ensemble(
        HIDDEN, 1, neuron_type=SteppedLIF(), gain=np.ones(HIDDEN), bias=np.zeros(HIDDEN)
    )
    nengo.Connection(rows, cells.neurons, synapse=None)
    nengo.Connection(cells.neurons, cells.neurons, transform=back, synapse=0)
    spikes = nengo.Probe(cells.neurons)
simulator = nengo.Simulator(network, dt=STEP, progress_bar=False)


def run(x: Tensor) -> Tensor:
    totals = []
    for sample in x.numpy().astype(float):
        shown[:] = list(sample @ into.T + offset)
        simulator.reset()
        simulator.clear_probes()
        simulator.run_steps(ROWS, progress_bar=False)
        totals.append(simulator.data[spikes].sum(0) @ out.T + constant)
    return from_numpy(np.array(totals))


report(run, load_data(a), a)
