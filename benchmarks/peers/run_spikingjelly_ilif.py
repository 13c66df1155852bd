"""The network in SpikingJelly's own deployment of integer activations: I-LIF neurons and slots.

Each activation is an ILIFNode, whose count `SpikeCountToBinary` writes as D binary slots in front
of a layer without bias; `TemporalBinSum` adds what the slots gave (the chain that SpikingJelly
documents). This is the same function as the network's. Where a pool stands between the neurons and
the layer, its input is no count any more, and the layer reads it as it is.
"""

from __future__ import annotations

import stubs

stubs.install()

from common import activations, arguments, load_data  # noqa: E402
from spikingjelly.activation_based import functional, neuron, surrogate  # noqa: E402
from spikingjelly.activation_based.layer import SpikeCountToBinary, TemporalBinSum  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from ways import Run, both_formats, folded_net, report_fastest  # noqa: E402


class Counting(nn.Module):
    """I-LIF neurons with one step: no state is left."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.node = neuron.ILIFNode(surrogate_function=surrogate.MultiLevelSpikeCount(levels))

    def forward(self, x: Tensor) -> Tensor:
        functional.reset_net(self.node)
        return self.node(x)


class Slots(nn.Module):
    """A layer on slots; its weights are divided by D, what a count of D stands for is 1."""

    def __init__(self, layer: nn.Conv2d | nn.Linear, levels: int) -> None:
        super().__init__()
        self.layer, self.bias = layer, layer.bias
        layer.weight.data /= levels
        layer.bias = None
        self.before = SpikeCountToBinary(levels, always_convert=True)
        self.after = TemporalBinSum(levels, always_convert=True)
        self.reads_counts: bool | None = None  # known after the warm-up

    def forward(self, x: Tensor) -> Tensor:
        if self.reads_counts is None:
            self.reads_counts = bool((x == x.round()).all())
        if not self.reads_counts:  # averages
            y = self.layer(x)
        else:
            slots = self.before(x[None])
            y = self.after(self.layer(slots.flatten(0, 1)).unflatten(0, slots.shape[:2]))[0]
        if self.bias is None:
            return y
        return y + self.bias.reshape(-1, *[1] * (y.ndim - 2))


a = arguments()


def make() -> tuple[nn.Module, Run]:
    """The network on slots."""
    net = folded_net(a)
    levels = net.encode.levels
    for parent, name, act in list(activations(net)):
        assert act.levels == levels, "one D for the whole network"
        setattr(parent, name, Counting(levels))
    coded = net.encode.forward
    net.encode.forward = lambda x: coded(x) * levels  # counts, as everywhere
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d | nn.Linear) and not isinstance(parent, Slots):
                setattr(parent, name, Slots(child, levels))
    return net.eval(), net


report_fastest(both_formats("slots", make), load_data(a), a)
