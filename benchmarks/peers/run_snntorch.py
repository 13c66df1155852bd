"""The network in snnTorch: every integer activation becomes a Leaky neuron that does not leak.

Two ways are tried: the network step after step, as in its tutorials, and each layer for all steps.
"""

from __future__ import annotations

import stubs

stubs.install()

import snntorch  # noqa: E402
import torch  # noqa: E402
from common import activations, arguments, load_data  # noqa: E402
from snntorch import utils  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from ways import (  # noqa: E402
    Run,
    both_formats,
    folded_net,
    report_fastest,
    steps_at_once,
    steps_in_turn,
)


class AllSteps(nn.Module):
    """A neuron that takes (T · N, …)."""

    def __init__(self, node: snntorch.Leaky, steps: int) -> None:
        super().__init__()
        self.node, self.steps = node, steps

    def forward(self, x: Tensor) -> Tensor:
        v, spikes = self.node.reset_mem(), []
        for step in x.unflatten(0, (self.steps, -1)):
            fired, v = self.node(step, v)
            spikes.append(fired)
        return torch.cat(spikes)


a = arguments()


def make(*, at_once: bool) -> tuple[nn.Module, Run]:
    """The network in one of the two ways, and its function."""
    net = folded_net(a)
    for parent, name, act in activations(net):
        node = snntorch.Leaky(
            beta=1.0,
            threshold=float(act.levels),
            init_hidden=not at_once,
            reset_mechanism="subtract",
        )
        setattr(parent, name, AllSteps(node, a.steps) if at_once else node)
    net.eval()
    if at_once:
        return net, steps_at_once(net, lambda: None, a.steps)
    return net, steps_in_turn(net, lambda: utils.reset(net), a.steps)


ways = both_formats("step by step", lambda: make(at_once=False))
ways |= both_formats("layer by layer", lambda: make(at_once=True))
report_fastest(ways, load_data(a), a)
