"""The recurrent network in Brian2: equations of our own, one time step a row.

A batch is as many copies of the network side by side. Inputs reach the neurons in the step that
they stand for, spikes one step later. Samples follow each other in one run, whose start (Brian2
makes code at each) is outside of the clock.
"""

from __future__ import annotations

from functools import partial

import brian2 as b2
import numpy as np
from common import arguments, load_data, load_net, show, streamed
from recurrent import HIDDEN, LEAK, ROWS
from torch import Tensor

b2.prefs.codegen.target = "cython"
a = arguments()
net = load_net(a)
into, offset, back, out = (
    p.detach().numpy().astype(float)
    for p in (net.into.weight, net.into.bias, net.back.weight, net.out.weight)
)
constant = net.out.bias.detach().numpy().astype(float) * ROWS
STEP = 1 * b2.ms
b2.defaultclock.dt = STEP


def build(n: int) -> tuple[b2.Network, b2.SpikeMonitor]:
    """N copies at rest; `fresh` is 0 in a sample's first step: nothing of the last is left."""
    cells = b2.NeuronGroup(n * HIDDEN, "v : 1\narrived : 1", threshold="v > 1", reset="v = 0")
    cells.run_regularly(
        "v = (leak * v + arrived) * fresh(t) + rows(t, i)\narrived = 0", when="start"
    )
    loop = b2.Synapses(cells, cells, "w : 1", on_pre="arrived_post += w")
    pre, post = np.meshgrid(np.arange(HIDDEN), np.arange(HIDDEN))
    shift = np.repeat(np.arange(n) * HIDDEN, HIDDEN**2)
    loop.connect(i=np.tile(pre.ravel(), n) + shift, j=np.tile(post.ravel(), n) + shift)
    loop.w = np.tile(back.ravel(), n)
    spikes = b2.SpikeMonitor(cells)
    network = b2.Network(cells, loop, spikes)
    network.store()
    return network, spikes


def stream(batch: int, network: b2.Network, spikes: b2.SpikeMonitor, x: Tensor) -> np.ndarray:
    """Outputs of samples, `batch` at once in as many copies."""
    currents = x.numpy().astype(float) @ into.T + offset  # (N, rows, neurons)
    steps = currents.reshape(-1, batch, ROWS, HIDDEN).swapaxes(1, 2).reshape(-1, batch * HIDDEN)
    given = {
        "rows": b2.TimedArray(steps, dt=STEP),
        "fresh": b2.TimedArray(np.arange(len(steps)) % ROWS > 0, dt=STEP),
        "leak": LEAK,
    }
    network.restore()
    network.run(len(steps) * STEP, namespace=given)
    sample = np.rint(np.asarray(spikes.t) / float(STEP)).astype(int) // ROWS
    at = sample * batch * HIDDEN + np.asarray(spikes.i)
    counts = np.bincount(at, minlength=len(x) * HIDDEN).reshape(len(x), HIDDEN)
    return counts @ out.T + constant


x = load_data(a)
for batch in a.batches:
    show(streamed(partial(stream, batch, *build(batch)), x, batch, a.seconds))
