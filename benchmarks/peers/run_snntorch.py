"""The network in snnTorch: every integer activation becomes a Leaky neuron that does not leak."""

import stubs

stubs.install()

import snntorch  # noqa: E402
from common import activations, arguments, load_data, load_net, report  # noqa: E402
from snntorch import utils  # noqa: E402
from torch import Tensor  # noqa: E402

a = arguments()
net = load_net(a)
for parent, name, act in activations(net):
    neuron = snntorch.Leaky(
        beta=1.0, threshold=float(act.levels), init_hidden=True, reset_mechanism="subtract"
    )
    setattr(parent, name, neuron)


def run(images: Tensor) -> Tensor:
    utils.reset(net)
    total = net(images)
    for _ in range(a.steps - 1):
        total = total + net(images)
    return total / a.steps


report(run, load_data(a), a, steps=a.steps)
