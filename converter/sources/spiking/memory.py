"""Modules that remember their calls: a trace would hold what they happened to remember."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snnc.converter.sources.spiking.registry import PROTOCOL
from snnc.converter.sources.spiking.replace import MACHINERY
from snnc.ir.errors import UnsupportedOperator


def require_no_memory(model: nn.Module, known: Collection[str], call: Callable[[], object]) -> None:
    """Call the model again, on what it was called with before: nothing that it holds may change.

    What is computed once and kept (positions, masks) passes; a membrane does not.

    Args:
        model: called once already.
        known: paths of spiking modules, whose state is the operators' own.
        call: the same call again.

    Raises:
        UnsupportedOperator: a module holds something else after the second call.
    """
    modules = {
        path: module
        for path, module in model.named_modules()
        if not any(path == k or path.startswith(f"{k}.") for k in known)
    }
    before = {path: _held(module) for path, module in modules.items()}
    call()
    for path, module in modules.items():
        after = _held(module)
        for name in before[path].keys() & after.keys():
            if not _equal(before[path][name], after[name]):
                raise UnsupportedOperator(
                    f"{type(module).__name__} keeps `{name}` from one call to the next, and snnc "
                    "does not know how",
                    where=path or type(model).__name__,
                    hint=f"give it a method `{PROTOCOL}` that says what it computes, or let "
                    "forward() take and return its state",
                )


def _held(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the tensors in a module's own attributes, and in containers among them."""
    own = ((name, v) for name, v in module.__dict__.items() if name not in MACHINERY)
    return {
        name: tensor.detach().clone() for key, value in own for name, tensor in _tensors(key, value)
    }


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):
        yield from ((str(k), v) for k, v in value.items() if isinstance(v, Tensor))
    elif isinstance(value, list | tuple):
        yield from ((f"{name}[{i}]", v) for i, v in enumerate(value) if isinstance(v, Tensor))


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
