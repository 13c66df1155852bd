"""The recurrent network in sinabs: LIFRecurrent; its leak of exp(-1/tau) is set to one half."""

import math

import stubs

stubs.install()

import sinabs.activation  # noqa: E402
import sinabs.layers  # noqa: E402
from common import arguments, load_data, load_net, report  # noqa: E402
from recurrent import JUST_ABOVE, LEAK  # noqa: E402
from torch import Tensor  # noqa: E402

a = arguments()
net = load_net(a)
neuron = sinabs.layers.LIFRecurrent(
    tau_mem=-1 / math.log(LEAK),
    rec_connect=net.back,
    spike_threshold=JUST_ABOVE,
    spike_fn=sinabs.activation.SingleSpike,
    reset_fn=sinabs.activation.MembraneReset(),
    min_v_mem=None,
    norm_input=False,
)


def run(x: Tensor) -> Tensor:
    neuron.reset_states()
    return net.out(neuron(net.into(x))).sum(1)


report(run, load_data(a), a)
