"""The network in sinabs: every integer activation becomes an IAF layer, T time steps."""

from __future__ import annotations

import stubs

stubs.install()

import sinabs.activation  # noqa: E402
import sinabs.layers  # noqa: E402
from common import activations, arguments, load_data  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from ways import Repeated, Run, both_formats, folded_net, report_fastest, wrap_first  # noqa: E402

a = arguments()


def make() -> tuple[nn.Module, Run]:
    """The network, and its function of images."""
    net, layers = folded_net(a), []
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
    # sinabs takes a sample's steps one after the other: (N · T, C, H, W)
    wrap_first(net, lambda first: Repeated(first, lambda x: x.repeat_interleave(a.steps, 0)))

    def run(images: Tensor) -> Tensor:
        for layer in layers:
            layer.reset_states()
        return net(images).unflatten(0, (len(images), a.steps)).mean(1)

    return net, run


report_fastest(both_formats("layer by layer", make), load_data(a), a)
