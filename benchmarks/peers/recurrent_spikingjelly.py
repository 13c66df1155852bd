"""The recurrent network in SpikingJelly: an LIF node in its recurrent container."""

import stubs

stubs.install()

import torch  # noqa: E402
from common import arguments, load_data, load_net, report  # noqa: E402
from recurrent import HIDDEN, JUST_ABOVE, LEAK  # noqa: E402
from spikingjelly.activation_based import functional, layer, neuron  # noqa: E402
from torch import Tensor  # noqa: E402

a = arguments()
net = load_net(a)
node = neuron.LIFNode(tau=1 / (1 - LEAK), decay_input=False, v_threshold=JUST_ABOVE, v_reset=0.0)
loop = layer.LinearRecurrentContainer(node, in_features=HIDDEN, out_features=HIDDEN, bias=False)
loop.rc.weight.data = torch.cat([torch.eye(HIDDEN), net.back.weight.data], 1)


def run(x: Tensor) -> Tensor:
    functional.reset_net(loop)
    return sum(net.out(loop(net.into(x[:, t]))) for t in range(x.shape[1]))


report(run, load_data(a), a)
