"""The network as fast as PyTorch makes it: the fastest of its own ways.

Batch norms are folded in all of them but the plain one. TorchScript's are frozen (optimising them
for inference as well ends in an internal error of PyTorch 2.13 at a clip with integer bounds);
Inductor's are compiled with frozen weights, in a layout that Inductor chooses, by a C++ compiler.
"""

from __future__ import annotations

from functools import partial

import torch
from common import arguments, load_data, load_net
from torch import Tensor, nn
from ways import CHANNELS_LAST, Run, Way, both_formats, folded_net, report_fastest

a = arguments()
torch.set_num_threads(1)


def eager() -> tuple[nn.Module, Run]:
    """The network as it is called in Python."""
    net = folded_net(a)
    return net, net


def script(x: Tensor, *, last: bool) -> Run:
    """The network traced and frozen, with images as they are or channels last."""
    net = folded_net(a)
    if not last:
        return torch.jit.freeze(torch.jit.trace(net, x, check_trace=False))
    net = net.to(memory_format=torch.channels_last)
    example = x.contiguous(memory_format=torch.channels_last)
    traced = torch.jit.freeze(torch.jit.trace(net, example, check_trace=False))
    return lambda images: traced(images.contiguous(memory_format=torch.channels_last))


def inductor(_: Tensor) -> Run:
    """The network compiled, weights as constants."""
    torch._inductor.config.freezing = True
    return torch.compile(folded_net(a), dynamic=False)


x = load_data(a)
ways: dict[str, Way] = {"plain": lambda _: load_net(a), "Inductor": inductor}
ways["TorchScript"] = partial(script, last=False)
if x.ndim == 4:  # images
    ways |= both_formats("folded", eager)
    ways["TorchScript" + CHANNELS_LAST] = partial(script, last=True)
report_fastest(ways, x, a)
