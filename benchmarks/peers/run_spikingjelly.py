"""The network in SpikingJelly: every integer activation becomes an IF neuron, T time steps.

The neuron has threshold D, soft reset and starts half-way to its threshold, so that the mean of T
spikes approximates round(clip(x, 0, D)) / D.
"""

import stubs

stubs.install()

from common import activations, arguments, load_data, load_net, report  # noqa: E402
from spikingjelly.activation_based import functional, neuron  # noqa: E402
from torch import Tensor  # noqa: E402

a = arguments()
net = load_net(a)
fired = []
for parent, name, act in activations(net):
    node = neuron.IFNode(v_threshold=float(act.levels), v_reset=None, step_mode="s")
    setattr(parent, name, node)
    fired.append((node, act.levels / 2))


def run(images: Tensor) -> Tensor:
    functional.reset_net(net)
    for node, half in fired:
        node.v = half
    total = net(images)
    for _ in range(a.steps - 1):
        total = total + net(images)
    return total / a.steps


report(run, load_data(a), a, steps=a.steps)
