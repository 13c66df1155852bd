"""The `snnc` operators as PyTorch operators: traced, saved, computed and translated to ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from snnc.converter.sources.spiking.operators import (
    ATTRIBUTES,
    CURRENT_LIF,
    DOMAIN,
    INPUTS,
    INTEGRATE_FIRE,
    MEMBRANE,
    TRACE,
    VERSION,
    register_schemas,
)

State: TypeAlias = dict[str, Tensor]

_TORCH_NAMES = {
    INTEGRATE_FIRE: "integrate_fire",
    CURRENT_LIF: "current_lif",
    TRACE: "trace",
    MEMBRANE: "membrane",
}
_ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "half_even": torch.round,
    "half_up": lambda z: torch.floor(z + 0.5),
    "floor": torch.floor,
}


def step(
    op_type: str,
    x: Tensor,
    constants: Mapping[str, Tensor],
    attributes: Mapping[str, Any],
    s: State,
) -> tuple[Tensor, State]:
    """One frame of one module, in x's own precision.

    Args:
        op_type: of the operator.
        x: what arrives, shape of one frame.
        constants: the operator's other inputs by name.
        attributes: of the operator.
        s: state by name (`v`, `i`, `k`); empty at a sample's start.

    Returns:
        the output and the next state.
    """
    if op_type == MEMBRANE:
        return torch.zeros_like(x), s
    c = {name: value.to(x.dtype) for name, value in constants.items()}
    s = s or {name: torch.zeros_like(x) for name in ("v", "i", "k")}
    i = c["i_decay"] * s["i"] + x if op_type == CURRENT_LIF else x
    v = c["decay"] * s["v"] + i
    if op_type == TRACE:
        return v, {**s, "v": v}
    threshold, reset = c["threshold"], attributes["reset"]
    late = bool(attributes["reset_before"]) and reset == "subtract"
    if late:
        v = v - s["k"] * threshold
    k = _fire(v, threshold, attributes)
    if reset == "subtract" and not late:
        v = v - k * threshold
    elif reset == "zero":
        v = torch.where(k != 0, c["reset_value"], v)
    return k, {"v": torch.maximum(v, c["v_min"]), "i": i, "k": k}


def _fire(v: Tensor, threshold: Tensor, attributes: Mapping[str, Any]) -> Tensor:
    if attributes["rounding"] == "step":
        fires = v > threshold if attributes["strict"] else v >= threshold
        return fires.to(v.dtype)
    k = _ROUNDINGS[attributes["rounding"]](v / threshold)
    lo, hi = attributes["lo"], attributes["hi"]
    return torch.clamp(k, min=lo) if hi < lo else torch.clamp(k, lo, hi)


def run(op_type: str, x: Tensor, constants: Mapping[str, Tensor], attributes: Any) -> Tensor:
    """All frames along the operator's time axis, or the first frame without one."""
    axis = attributes["time_axis"]
    if axis < 0:
        return step(op_type, x, constants, attributes, {})[0]
    outputs, state = [], State()
    for frame in x.unbind(axis):
        y, state = step(op_type, frame, constants, attributes, state)
        outputs.append(y)
    return torch.stack(outputs, axis)


def _define(op_type: str) -> Any:
    inputs, attributes = INPUTS[op_type], ATTRIBUTES[op_type]
    words = [f"Tensor {name}" for name in inputs]
    words += ["*", *(f"{kind.__name__} {name}" for name, kind in attributes.items())]

    def compute(*tensors: Tensor, **given: Any) -> Tensor:
        x, *rest = tensors
        return run(op_type, x, dict(zip(inputs[1:], rest, strict=True)), given).clone()

    def shape(*tensors: Tensor, **given: Any) -> Tensor:
        return torch.empty_like(tensors[0])

    name = f"{DOMAIN}::{_TORCH_NAMES[op_type]}"
    made = torch.library.custom_op(
        name, compute, mutates_args=(), schema=f"({', '.join(words)}) -> Tensor"
    )
    made.register_fake(shape)
    return getattr(torch.ops.snnc, _TORCH_NAMES[op_type]).default


OPERATORS: dict[str, Any] = {op_type: _define(op_type) for op_type in INPUTS}
"""PyTorch's operator of each ONNX operator type."""
OP_TYPES: dict[Any, str] = {op: op_type for op_type, op in OPERATORS.items()}


def arguments_of(op: Any, args: Any, kwargs: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """The input x and the others by name, from a call of a PyTorch operator of this module."""
    x, *rest = args
    return x, dict(zip(INPUTS[OP_TYPES[op]][1:], rest, strict=True))


def translations() -> dict[Any, Callable[..., Any]]:
    """What PyTorch's exporter needs to write the operators into ONNX."""
    from onnxscript.values import Opset

    register_schemas()
    opset = Opset(DOMAIN, VERSION)
    return {op: getattr(opset, op_type) for op_type, op in OPERATORS.items()}
