"""The network in SpikingJelly: every integer activation becomes an IF neuron, T time steps.

The neuron has threshold D, soft reset and starts half-way to its threshold, so that the mean of T
spikes approximates round(clip(x, 0, D)) / D. Both of SpikingJelly's step modes are tried: `s` calls
the network step after step, `m` each layer for all steps at once.
"""

from __future__ import annotations

import stubs

stubs.install()

from common import activations, arguments, load_data  # noqa: E402
from spikingjelly.activation_based import functional, neuron  # noqa: E402
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

    def __init__(self, node: neuron.IFNode, steps: int) -> None:
        super().__init__()
        self.node, self.steps = node, steps

    def forward(self, x: Tensor) -> Tensor:
        return self.node(x.unflatten(0, (self.steps, -1))).flatten(0, 1)


a = arguments()


def make(step_mode: str) -> tuple[nn.Module, Run]:
    """The network in one step mode, and its function."""
    net, fired = folded_net(a), []
    for parent, name, act in activations(net):
        node = neuron.IFNode(v_threshold=float(act.levels), v_reset=None, step_mode=step_mode)
        setattr(parent, name, AllSteps(node, a.steps) if step_mode == "m" else node)
        fired.append((node, act.levels / 2))
    net.eval()

    def reset() -> None:
        functional.reset_net(net)
        for node, half in fired:
            node.v = half

    return net, (steps_at_once if step_mode == "m" else steps_in_turn)(net, reset, a.steps)


ways = {
    name: way
    for mode in "sm"
    for name, way in both_formats(f"step mode {mode}", lambda mode=mode: make(mode)).items()
}
report_fastest(ways, load_data(a), a)
