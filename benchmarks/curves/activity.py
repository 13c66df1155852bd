"""Networks of any mean count: batch norms and biases are shifted until every layer has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_HALVINGS = 40
_FAR = 1e3
"""Further than any threshold from any pre-activation."""


def set_mean_count(net: nn.Module, x: Tensor, wanted: float, levels: int) -> None:
    """Give every activation but the input's coding the mean count `wanted` over some samples.

    What is shifted is the batch norm, or the layer with a bias, that ran last before it. Where too
    many neurons have the very same value, the mean is the nearest that a shift can give.

    Args:
        net: changed in place; in evaluation mode.
        x: samples.
        wanted: mean count, above 0 and below `levels`.
        levels: of all activations.
    """
    with torch.no_grad():
        for act, before in _in_order(net, x):
            with _inputs_of(act) as seen:
                net(x)
            before.bias += _shift(torch.cat([v.flatten() for v in seen]), wanted, levels)


def _in_order(net: nn.Module, x: Tensor) -> list[tuple[nn.Module, Any]]:
    """Every activation as it runs, with what can shift its input."""
    from common import activations  # of peers/

    acts = {act for _, _, act in activations(net)}
    ran: list[nn.Module] = []
    hooks = [m.register_forward_hook(lambda m, *_: ran.append(m)) for m in net.modules()]
    net(x[:1])
    for hook in hooks:
        hook.remove()
    pairs: list[tuple[nn.Module, Any]] = []
    last = None
    for module in ran:
        if module in acts:
            pairs.append((module, last))
        elif isinstance(getattr(module, "bias", None), nn.Parameter):
            last = module
    return pairs


@contextmanager
def _inputs_of(module: nn.Module) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    yield seen
    hook.remove()


def _shift(values: Tensor, wanted: float, levels: int) -> float:
    """By bisection: the mean count grows with what is added."""
    low, high = -_FAR, _FAR
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float((values + middle).clamp(0, levels).round().mean()) < wanted:
            low = middle
        else:
            high = middle
    return high
