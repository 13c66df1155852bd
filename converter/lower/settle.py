"""Decide what becomes of the operations that wait on a value: a population, or folded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snnc.converter.lower.activation import BENDING, Activation, first_rounding, recognise
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.fire import Site, fire, site_of
from snnc.converter.lower.fold import LINEAR, fold
from snnc.converter.lower.layout import FlatChain, FlatStep, flatten, rearranged
from snnc.converter.lower.reach import reachable
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import (
    Affine,
    Chain,
    Detour,
    ElementOp,
    Host,
    Pending,
    Settled,
    Unknown,
    Value,
    ViewOp,
    Wire,
    chain_of,
    replay,
)
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.nodes import HostOp, Input, Population


def settle(lowering: Lowering, value: Value) -> Settled:
    """See `Lowering.settle`, which remembers the result."""
    chain = chain_of(value)
    if isinstance(chain.base, Unknown):
        return Unknown(shape=value.shape)
    if isinstance(chain.base, Detour):
        raise UnsupportedOperator(
            "the difference of a value and its rounding is no integer activation",
            where=lowering.name_of(getattr(value, "tensor", None)),
        )
    found = _find(lowering, chain)
    if found is not None:
        return _settle_activation(lowering, chain, found)
    if isinstance(chain.base, Host):
        assert isinstance(value, Pending)
        assert value.tensor is not None
        return Host(shape=value.shape, tensor=value.tensor)
    flat = flatten(chain.base.shape, chain.steps)
    bounding = next((s for s in flat.steps if s.op.name in BENDING), None)
    if bounding is not None:
        return _settle_clipped_counts(lowering, chain, bounding)
    folded = _folded(lowering, chain.base, flat)
    return replace(folded, shape=value.shape, tensor=chain.steps[-1].tensor)


@dataclass(frozen=True, eq=False)
class _Found:
    """An activation, the part of the chain that it takes, and where it fires."""

    activation: Activation
    flat: FlatChain
    site: Site


def _find(lowering: Lowering, chain: Chain) -> _Found | None:
    """The first integer activation of a chain.

    A rearrangement behind the activation is left to what follows, so that the activation fires
    in the layout in which the source computes it.
    """
    flat = flatten(chain.base.shape, chain.steps)
    if first_rounding(flat.steps) is None:
        return None
    site = site_of(lowering, chain.base, flat)
    core = recognise(flat.steps, site.shape, site.axis).n_core
    end = chain.steps.index(flat.steps[core - 1].origin) + 1
    while end < len(chain.steps) and not _rearranges(chain.steps[end]):
        end += 1
    flat = flatten(chain.base.shape, chain.steps[:end])
    site = site_of(lowering, chain.base, flat)
    return _Found(recognise(flat.steps, site.shape, site.axis), flat, site)


def _rearranges(step: Pending) -> bool:
    return isinstance(step.op, ViewOp) and step.op.index is not None


def _settle_activation(lowering: Lowering, chain: Chain, found: _Found) -> Settled:
    steps = found.flat.steps
    end = steps[found.activation.n_steps - 1].origin
    result = fire(lowering, chain.base, found.flat, found.activation, found.site)
    rest = chain.steps[chain.steps.index(end) + 1 :]
    return lowering.settle(replay(result.with_shape(end.shape, end.tensor), rest))


def _folded(lowering: Lowering, base: Affine, flat: FlatChain) -> Affine:
    """Fold linear operations.

    A layout or a scale that shared weights cannot hold costs an accumulator.
    """
    value = base.with_shape(flat.shape, base.tensor) if flat.index is None else None
    if value is None:
        value = _in_layout(lowering, base, flat)
    ops = [s.op for s in flat.steps]
    folded = fold(value, ops)
    if folded is None:
        value = lowering.collect(base).with_shape(flat.shape, base.tensor)
        folded = fold(value, ops)
    assert folded is not None
    return folded


def _in_layout(lowering: Lowering, base: Affine, flat: FlatChain) -> Affine:
    wired = base if not base.synapses else lowering.collect(base)
    return rearranged(wired, flat.index, flat.shape, None)


def _settle_clipped_counts(lowering: Lowering, chain: Chain, bounding: FlatStep) -> Settled:
    """A clip or ReLU without rounding: fine on what is integer already, refused elsewhere."""
    assert isinstance(chain.base, Affine)
    first = bounding.origin
    if chain.steps[0] is first and _is_idle(lowering, chain.base, bounding.op):
        idle = replace(first, op=ViewOp())
        return lowering.settle(replay(chain.base, (idle, *chain.steps[1:])))
    step = _count_step(lowering, chain.base)
    at = chain.steps.index(first)
    if step is None or any(not _is_linear(s) for s in chain.steps[:at]):
        raise UnsupportedOperator(
            f"no rounding follows this {bounding.op.name}: it is no integer activation",
            where=first.module_path or first.node,
            hint="train with snnc.nn.IntegerActivation (or another clip-round-scale), or quantise "
            "the model first",
        )
    unit = Spread.of(step, chain.base.shape)
    base: Value = chain.base
    for op in (ElementOp("div", (unit,)), ElementOp("round"), ElementOp("mul", (unit,))):
        base = replace(first, parent=base, op=op, shape=chain.base.shape, tensor=chain.base.tensor)
    again = replay(base, chain.steps)
    found = _find(lowering, chain_of(again))
    assert found is not None
    if found.activation.n_core <= found.activation.n_rounded:
        raise UnsupportedOperator(
            f"this {bounding.op.name} cuts between two counts (of step {step:.6g})",
            where=first.module_path or first.node,
            hint="clip at a multiple of the step, or round again behind the clip",
        )
    return lowering.settle(again)


def _is_idle(lowering: Lowering, value: Affine, op: ElementOp) -> bool:
    """Does a clip change nothing that can arrive?"""
    reach = reachable(lowering, value)
    if reach is None:
        return False
    if op.name == "leaky":
        return reach[0] >= 0
    args = [a.values for a in op.args]
    lowest = args[0].max() if op.name in ("clip", "max") else -np.inf
    highest = args[-1].min() if op.name in ("clip", "min") else np.inf
    return bool(lowest <= reach[0] and reach[1] <= highest)


def _is_linear(step: Pending) -> bool:
    return isinstance(step.op, ViewOp) or step.op.name in LINEAR


def _count_step(lowering: Lowering, value: Affine) -> float | None:
    """Real value of count 1 where a value is nothing but counts of one uniform step."""
    if not value.offset.is_zero or not value.is_wiring or not value.terms:
        return None
    steps = set()
    for wire in value.terms:
        assert isinstance(wire, Wire)
        node = lowering.builder.nodes[wire.source]
        if wire.source not in lowering.builder.count_range or not wire.scale.is_scalar:
            return None
        if isinstance(node, Input):
            steps.add(node.step * float(wire.scale.values.reshape(())))
        elif isinstance(node, Population | HostOp) and node.step.ndim == 0:
            steps.add(float(node.step) * float(wire.scale.values.reshape(())))
        else:
            return None
    return steps.pop() if len(steps) == 1 and min(steps) > 0 else None
