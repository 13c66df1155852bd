"""The recurrent network in snnTorch: RLeaky, reset to zero at once."""

import stubs

stubs.install()

import snntorch  # noqa: E402
from common import arguments, load_data, load_net, report  # noqa: E402
from recurrent import HIDDEN, LEAK  # noqa: E402
from torch import Tensor  # noqa: E402

a = arguments()
net = load_net(a)
neuron = snntorch.RLeaky(
    beta=LEAK, linear_features=HIDDEN, reset_mechanism="zero", reset_delay=False
)
neuron.recurrent.weight.data = net.back.weight.data
neuron.recurrent.bias = None


def run(x: Tensor) -> Tensor:
    spikes, v = x.new_zeros(len(x), HIDDEN), x.new_zeros(len(x), HIDDEN)
    total = 0
    for t in range(x.shape[1]):
        spikes, v = neuron(net.into(x[:, t]), spikes, v)
        total = total + net.out(spikes)
    return total


report(run, load_data(a), a)
