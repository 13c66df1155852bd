"""Run a `.net` file in lava-dl's netx: NET DATA.npz OUT.npz, in lava-dl's environment.

DATA holds `x`, shape (T, *shape) in PyTorch's order; OUT gets `out` of the last layer, likewise.
"""

import sys

import numpy as np
from lava.lib.dl import netx
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc import io
from lava.proc.conv import utils

# forked processes that use PyTorch hang
utils.TORCH_IS_AVAILABLE = False


def to_lava(x):
    """(T, C, H, W) as (W, H, C, T), or (T, N) as (N, T)."""
    return x.transpose(*range(x.ndim - 1, -1, -1))


def give(first, x, inp):
    """Lead data to where netx takes them: a bias, a delta neuron, or synapses."""
    if first.block == "Input" and hasattr(first.neuron, "bias_mant"):
        assert (x == x[..., :1]).all(), "netx takes the same data in every step"
        first.neuron.bias_mant.init = x[..., 0] + first.transform["bias"]
        return
    source = io.source.RingBuffer(data=x)
    source.s_out.connect(first.neuron.a_in if first.block == "Input" else inp)


def main(net, data, out):
    with np.load(data) as z:
        x = to_lava(z["x"])
    network = netx.hdf5.Network(net_config=net)
    steps = x.shape[-1]
    sink = io.sink.RingBuffer(shape=network.out.shape, buffer=steps)
    give(network.in_layer, x, network.inp)
    network.out.connect(sink.a_in)
    network.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    given = to_lava(sink.data.get())
    network.stop()
    np.savez(out, out=given.astype(np.int64))


if __name__ == "__main__":
    main(*sys.argv[1:])
