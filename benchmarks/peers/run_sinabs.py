"""The network in sinabs: every integer activation becomes an IAF layer, T time steps."""

import stubs

stubs.install()

import sinabs.activation  # noqa: E402
import sinabs.layers  # noqa: E402
from common import activations, arguments, load_data, load_net, report  # noqa: E402
from torch import Tensor  # noqa: E402

a = arguments()
net = load_net(a)
layers = []
for parent, name, act in activations(net):
    layer = sinabs.layers.IAFSqueeze(
        num_timesteps=a.steps,
        spike_threshold=float(act.levels),
        spike_fn=sinabs.activation.SingleSpike,
        reset_fn=sinabs.activation.MembraneSubtract(),
        min_v_mem=None,
    )
    setattr(parent, name, layer)
    layers.append(layer)


def run(images: Tensor) -> Tensor:
    for layer in layers:
        layer.reset_states()
    repeated = images.repeat_interleave(a.steps, dim=0)  # (N * T, C, H, W)
    return net(repeated).reshape(len(images), a.steps, -1).mean(1)


report(run, load_data(a), a, steps=a.steps)
