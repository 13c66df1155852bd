"""Is a module what it was read as? It runs beside its reading before anything is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.operators import INPUTS
from snnc.converter.sources.spiking.replace import OP_TYPE_OF, constants_of, fresh_state
from snnc.converter.sources.spiking.torchop import State, step
from snnc.ir.arrays import Shape
from snnc.ir.errors import UnsupportedOperator

_FRAMES = 6
_MAY_DIFFER = 1e-3
"""Share of outputs that rounding may turn on random input."""
_TOLERANCE = 1e-4


def require_agreement(
    modules: Mapping[str, tuple[nn.Module, SpikingNeuron]], shapes: Mapping[str, Shape]
) -> None:
    """Compare every module with its reading on random input.

    Args:
        modules: by path, with what they were read as.
        shapes: of the input that each was called with.

    Raises:
        UnsupportedOperator: a module computes something else.
    """
    for path, (module, neuron) in modules.items():
        if path not in shapes:
            continue  # never called
        differing = _share_that_differs(path, module, neuron, shapes[path])
        if differing > _MAY_DIFFER:
            raise UnsupportedOperator(
                f"{type(module).__name__} was read as {neuron.kind} by its attributes, but "
                f"computes something else: {differing:.1%} of its outputs differ",
                where=path,
                hint="a subclass with equations of its own says what it computes by a method "
                "`snnc_neuron`",
            )


def _share_that_differs(path: str, module: nn.Module, neuron: SpikingNeuron, shape: Shape) -> float:
    generator = torch.Generator().manual_seed(0)
    large = float(neuron.threshold.max() / abs(neuron.gain).max().clip(1e-6))
    axis = 0 if neuron.squeezed else neuron.time_axis
    n_calls = _FRAMES if axis is None else 1
    calls = [large * (torch.randn(shape, generator=generator) + 0.5) for _ in range(n_calls)]
    frames = [x for call in calls for x in ([call] if axis is None else call.unbind(axis))]
    with torch.no_grad(), fresh_state({path: module}):
        real = [_first(module(x)) for x in calls]
    got = torch.stack(real if axis is None else list(real[0].unbind(axis)))
    expected = torch.stack(simulate(neuron, frames))
    far = (got - expected).abs() > _TOLERANCE * (1 + expected.abs())
    return float(far.double().mean())


def _first(result: Any) -> Tensor:
    found: Tensor = result[0] if isinstance(result, tuple | list) else result
    return found.detach()


def simulate(neuron: SpikingNeuron, frames: list[Tensor]) -> list[Tensor]:
    """What a neuron gives for the frames of one sample, one after the other."""
    op_type = OP_TYPE_OF[neuron.kind]
    held = {name: torch.tensor(value) for name, value in constants_of(neuron).items()}
    constants = {name: held[name] for name in INPUTS[op_type][1:]}
    attributes = {
        "reset": neuron.reset,
        "reset_before": neuron.reset_before,
        "strict": neuron.strict,
        "rounding": neuron.rounding,
        "lo": neuron.lo,
        "hi": neuron.lo - 1 if neuron.hi is None else neuron.hi,
    }
    outputs, state = [], State()
    for x in frames:
        y, state = step(op_type, x * held["gain"].to(x.dtype), constants, attributes, state)
        outputs.append(y * held["scale"].to(x.dtype))
    return outputs
