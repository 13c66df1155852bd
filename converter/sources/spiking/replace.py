"""Spiking modules stand as `snnc` operators while a model is traced; afterwards as they were."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.operators import (
    ATTRIBUTES,
    CURRENT_LIF,
    INPUTS,
    INTEGRATE_FIRE,
    MEMBRANE,
    TRACE,
)
from snnc.converter.sources.spiking.registry import neuron_of, restart
from snnc.converter.sources.spiking.torchop import OPERATORS
from snnc.ir.arrays import FloatArray, Shape

_CONSTANTS = ("decay", "i_decay", "threshold", "reset_value", "v_min", "gain", "scale")
_PREFIX = "_snnc_"
OP_TYPE_OF = {"integrate-fire": INTEGRATE_FIRE, "current-lif": CURRENT_LIF, "trace": TRACE}


def spiking_modules(model: nn.Module) -> dict[str, tuple[nn.Module, SpikingNeuron]]:
    """The spiking neurons of a model, each once, by the first path that leads to it.

    Raises:
        UnsupportedOperator: one of them has no event form.
    """
    found = {}
    inside: list[str] = []
    for path, module in model.named_modules():
        if any(path.startswith(f"{other}.") for other in inside):
            continue  # a neuron's own parts
        neuron = neuron_of(module, path or type(module).__name__)
        if neuron is not None:
            found[path] = (module, neuron)
            inside.append(path)
    return found


@contextlib.contextmanager
def as_operators(found: Mapping[str, tuple[nn.Module, SpikingNeuron]]) -> Iterator[None]:
    """Within this context spiking modules (from `spiking_modules`) call `snnc` operators.

    They take no attribute meanwhile, so that no helper of a library (`init_leaky`, `reset_net`)
    can leave a traced value in them.
    """
    classes = {path: type(module) for path, (module, _) in found.items()}
    try:
        for path, (module, neuron) in found.items():
            for name, value in constants_of(neuron).items():
                # a plain tensor attribute becomes a constant of the exported program
                object.__setattr__(module, _PREFIX + name, torch.tensor(value))
            object.__setattr__(module, "__class__", _stand_in(type(module), path, neuron))
        yield
    finally:
        for path, (module, _) in found.items():
            object.__setattr__(module, "__class__", classes[path])
            for constant in _CONSTANTS:
                module.__dict__.pop(_PREFIX + constant, None)


def _ignore(module: nn.Module, name: str, value: Any) -> None:
    """Takes no attribute, but what makes an object: PyTorch's tracer stands in for modules too."""
    if name.startswith("__"):
        object.__setattr__(module, name, value)


def _stand_in(cls: type, path: str, neuron: SpikingNeuron) -> type:
    return type(
        cls.__name__,
        (cls,),
        {
            "__module__": cls.__module__,
            "__setattr__": _ignore,
            "forward": _forward(path, neuron),
        },
    )


def constants_of(neuron: SpikingNeuron) -> dict[str, FloatArray]:
    """A neuron's real parameters by name, float64."""
    values = {name: getattr(neuron, name) for name in _CONSTANTS}
    if neuron.v_min is None:
        values["v_min"] = np.array(-np.inf)
    return values


def _forward(path: str, neuron: SpikingNeuron) -> Any:
    """What stands in for the module's forward."""
    op_type = OP_TYPE_OF[neuron.kind]
    calls = itertools.count()

    def forward(self: nn.Module, x: Tensor, *states: Any, **named: Any) -> Any:
        """States that are handed in are the module's own: the operator keeps them."""
        made = _Made(path, neuron, next(calls), self)
        held = x.unsqueeze(0) if neuron.squeezed else x
        driven = _times(held, neuron.gain, self, "gain")
        y = _times(made.call(op_type, driven), neuron.scale, self, "scale")
        y = y.squeeze(0) if neuron.squeezed else y
        others = [_state(made, name, x, driven) for name in neuron.returns[1:]]
        return (y, *others) if others else y

    return forward


def _state(made: _Made, name: str, x: Tensor, driven: Tensor) -> Tensor:
    """A membrane that nothing resets is a value; any other state may not be read."""
    neuron = made.neuron
    if name == "membrane" and neuron.reset == "none" and neuron.kind == "integrate-fire":
        return made.call(TRACE, driven)
    return made.call(MEMBRANE, x)


def _times(x: Tensor, factor: FloatArray, module: Any, name: str) -> Tensor:
    if factor.ndim == 0:
        return x if factor == 1 else x * float(factor)
    held: Tensor = getattr(module, _PREFIX + name)
    return x * held.to(x.dtype)


@dataclass(frozen=True)
class _Made:
    """One call of a module and the operators made of it."""

    path: str
    neuron: SpikingNeuron
    number: int
    module: Any

    def call(self, op_type: str, x: Tensor) -> Tensor:
        """An operator on x with the module's constants and attributes."""
        constants = [getattr(self.module, _PREFIX + name) for name in INPUTS[op_type][1:]]
        attributes = {name: self._attribute(name) for name in ATTRIBUTES[op_type]}
        result: Tensor = OPERATORS[op_type](x, *constants, **attributes)
        return result

    def _attribute(self, name: str) -> int | str:
        if name in ("module", "call"):
            return self.path if name == "module" else self.number
        value = getattr(self.neuron, name)
        if name == "time_axis":
            return -1 if value is None else int(value)
        if name == "hi" and value is None:
            return self.neuron.lo - 1
        return value if isinstance(value, str) else int(value)


@contextlib.contextmanager
def input_shapes(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Shape]]:
    """Collects the shape of what each module is called with, by path."""
    shapes: dict[str, Shape] = {}

    def hook(path: str) -> Any:
        def note(module: nn.Module, inputs: Any) -> None:
            shapes[path] = tuple(inputs[0].shape)

        return note

    handles = [m.register_forward_pre_hook(hook(path)) for path, m in modules.items()]
    try:
        yield shapes
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def fresh_state(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Spiking modules start as at a sample's start; what they held before comes back."""
    before = [(module, _held(module)) for module in modules.values()]
    try:
        for module in modules.values():
            restart(module)
        yield
    finally:
        for module, (attributes, contents) in before:
            for name in set(module.__dict__) - MACHINERY - set(attributes):
                del module.__dict__[name]
            module.__dict__.update(attributes)
            for name, content in contents.items():
                module.__dict__[name].clear()
                module.__dict__[name].update(content)


MACHINERY = frozenset(nn.Module().__dict__) - {"_buffers"}
"""Attributes of every module, hooks and parameters: no state of a neuron."""


def _held(module: nn.Module) -> tuple[dict[str, Any], dict[str, dict[Any, Any]]]:
    """The module's own attributes, and what its dictionaries hold; tensors are copies."""
    own = {name: v for name, v in module.__dict__.items() if name not in MACHINERY}
    attributes = {name: _copied(value) for name, value in own.items()}
    contents = {
        name: {key: _copied(v) for key, v in value.items()}
        for name, value in own.items()
        if isinstance(value, dict)
    }
    return attributes, contents


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
        return value.detach().clone()
    return value
