"""Make the population (or the host operator) of a recognised integer activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from snnc.converter.lower.activation import (
    BOUNDING,
    Activation,
    channel_axis_of,
    decreasing,
    evaluate,
    rule_bounds,
    rule_ops,
)
from snnc.converter.lower.builder import neuron_shape
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.fold import LINEAR, fold, shifted
from snnc.converter.lower.host_bound import is_bounded, largest_magnitude
from snnc.converter.lower.layout import FlatChain, FlatStep, rearranged
from snnc.converter.lower.reach import reachable
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, Base, ElementOp, Host, Pending, wire_to
from snnc.ir.arrays import FloatArray, Shape
from snnc.ir.errors import LevelsConflict, NotMonotone, UnknownLevels, UnsupportedOperator
from snnc.ir.neurons import FloatFire
from snnc.ir.rules import FireRule, RuleOp

_MOST_COUNTS = 2**17
_EXACT = frozenset({"single", "requantise"})
"""Operations that say themselves where the source computes in float32."""


@dataclass(frozen=True)
class Site:
    """Where an activation fires.

    Attributes:
        shape: of the population.
        axis: its channel axis.
    """

    shape: Shape
    axis: int


def site_of(lowering: Lowering, base: Base, flat: FlatChain) -> Site:
    """Shape and channel axis for a population that applies `flat` to `base`."""
    if isinstance(base, Affine) and base.synapses and flat.index is None:
        return Site(*lowering.builder.place_of(base))
    shape, axis = neuron_shape(flat.shape), 0
    if isinstance(base, Affine) and flat.index is None:
        shape, axis = lowering.builder.place_of(base.with_shape(flat.shape, None))
    args = [a for s in flat.steps for a in s.op.args]
    return Site(shape, channel_axis_of(args, shape, axis))


def fire(
    lowering: Lowering,
    base: Base,
    flat: FlatChain,
    found: Activation,
    site: Site,
) -> Affine:
    """The real value of an activation, as a wire from what computes its count.

    Chains that share the count share the node; each has its own factor behind it.
    """
    core = flat.steps[found.n_core - 1].origin
    if core not in lowering.fired:
        lowering.fired[core] = _make(lowering, base, flat, found, site)
    value, step = lowering.fired[core]
    value = value.with_shape(flat.shape, None)
    ratio = np.asarray(found.sign * found.step / step)
    if (ratio != 1).any():
        scale = _along_site(ratio, site).reshape(flat.shape)
        value = replace(value, terms=(replace(value.wires[0], scale=scale),))
    if found.offset.any():
        value = shifted(value, _along_site(found.offset, site).reshape(flat.shape))
    return value


def _along_site(values: FloatArray, site: Site) -> Spread:
    ones = [1] * len(site.shape)
    if values.ndim:
        ones[site.axis] = values.size
    return Spread.of(values.reshape(ones), site.shape)


def _make(
    lowering: Lowering,
    base: Base,
    flat: FlatChain,
    found: Activation,
    site: Site,
) -> tuple[Affine, FloatArray]:
    end = flat.steps[found.n_steps - 1].origin
    if isinstance(base, Host):
        return _host_count(lowering, flat, found, site, end)
    assert isinstance(base, Affine)
    value, ops = _split(lowering, base, flat, flat.steps[: found.n_rounded], site)
    value = _with_soft_parts(value, flat.steps[found.n_rounded - len(ops) : found.n_rounded])
    rounding = flat.steps[found.n_rounded - 1].origin
    for step in flat.steps[found.n_rounded - len(ops) : found.n_core]:
        lowering.mark(step.origin.node, "event", "part of a neuron's fire rule")
    rule = FireRule((*ops, *found.counts), _dtype(lowering, flat.steps))
    rule, lo, hi = _bounded(lowering, rule, value, site, rounding)
    if lowering.exact and _changes_nothing(lowering, value, rule, found.step):
        return value.with_shape(flat.shape, None), found.step
    node = lowering.builder.population(
        value,
        FloatFire(rule=rule, lo=lo, hi=hi),
        name=rounding.module_path or rounding.node,
        place=(site.shape, site.axis),
        step=found.step,
        tensor=end.tensor if found.sign > 0 and not found.offset.any() else None,
        count_range=(lo, hi),
    )
    return wire_to(node.name, flat.shape), found.step


def _changes_nothing(lowering: Lowering, value: Affine, rule: FireRule, step: FloatArray) -> bool:
    """Does a value already lie on the grid, within the bounds, that it is quantised to?"""
    if not value.is_plain or step.ndim:
        return False
    source = value.wires[0].source
    own = np.asarray(getattr(lowering.builder.nodes[source], "step", np.nan))
    bounds = lowering.builder.count_range.get(source)
    if bounds is None or own.ndim or own != step or bounds[1] - bounds[0] > _MOST_COUNTS:
        return False
    counts = np.arange(min(bounds[0], 0), bounds[1] + 1)
    uniform = all(a.ndim == 0 for op in rule.ops for a in op.args)
    return uniform and bool((rule((counts * own)[None]) == counts).all())


def _host_count(
    lowering: Lowering, flat: FlatChain, found: Activation, site: Site, end: Pending
) -> tuple[Affine, FloatArray]:
    """The analog first part ends at an integer activation: its counts leave the host."""
    steps = flat.steps[: found.n_rounded]
    first = next((i for i, s in enumerate(steps) if s.op.name in BOUNDING), len(steps) - 1)
    rounding = steps[-1].origin
    ops = rule_ops(steps[first:], site.shape, site.axis)
    bounds = None
    if ops is not None:
        rule = FireRule((*ops, *found.counts), _dtype(lowering, flat.steps))
        bounds = rule_bounds(rule, site.shape, site.axis)
    if bounds is None and end.tensor is not None and is_bounded(lowering.view, end.tensor):
        largest = largest_magnitude(lowering.view, end.tensor)
        d = int(np.ceil(np.max(largest / found.step)))
        bounds = -d, d
    if bounds is None:
        raise _unknown(rounding)
    _check_levels(lowering, bounds, rounding)
    if end.tensor is None or found.offset.any() or found.sign < 0:
        raise UnsupportedOperator(
            "the host part ends at an activation that is no positive multiple of a count",
            where=rounding.module_path or rounding.node,
            hint="declare an input grid, so that the first layer is on chip",
        )
    node = lowering.host_op(
        end.tensor,
        shape=site.shape,
        axis=site.axis,
        result="count",
        lo=bounds[0],
        hi=bounds[1],
        step=found.step,
    )
    return wire_to(node.name, flat.shape), found.step


def _split(
    lowering: Lowering, base: Affine, flat: FlatChain, steps: Sequence[FlatStep], site: Site
) -> tuple[Affine, tuple[RuleOp, ...]]:
    """Fold the first operations into the linear part, keep the rest as the source has them."""
    if flat.index is None:
        value = base.with_shape(flat.shape, base.tensor)
    else:
        wired = base if not base.synapses else lowering.collect(base)
        value = rearranged(wired, flat.index, flat.shape, None)
    value, steps = _turned(value, steps)
    n_fold = _n_folded(value, steps, site)
    if any(s.op.name not in LINEAR for s in steps[:n_fold]):
        raise NotMonotone(
            "the activation falls where its input rises, or its bounds differ by position",
            where=steps[-1].origin.module_path or steps[-1].origin.node,
            hint="only non-decreasing activations with bounds by channel have a spiking form",
        )
    ops = [s.op for s in steps[:n_fold]]
    folded = fold(value, ops)
    if folded is None:
        value = lowering.collect(base).with_shape(flat.shape, base.tensor)
        folded = fold(value, ops)
    kept = rule_ops(steps[n_fold:], site.shape, site.axis)
    assert folded is not None
    assert kept is not None
    return folded, kept


def _turned(value: Affine, steps: Sequence[FlatStep]) -> tuple[Affine, Sequence[FlatStep]]:
    """A negative scale right on wires becomes weights of -1 and a positive scale.

    So a shared accumulator needs no second set of weights with a step of its own.
    """
    if value.synapses or not steps or steps[0].op.name != "mul" or not decreasing(steps[0].op):
        return value, steps
    factor = steps[0].op.args[0]
    sign = Spread.of(np.where(factor.values < 0, -1.0, 1.0), factor.shape)
    turned = fold(value, [ElementOp("mul", (sign,))])
    assert turned is not None
    op = replace(steps[0].op, args=(abs(factor),))
    return turned, [replace(steps[0], op=op), *steps[1:]]


def _with_soft_parts(value: Affine, kept: Sequence[FlatStep]) -> Affine:
    """Make room in the verification bound for a batch norm that stays in the rule.

    The source may add its parts in another order; each part counts in units of what arrives.
    """
    last = max((i for i, s in enumerate(kept) if s.op.soft), default=-1)
    scale, parts = Spread.of(1.0, value.shape), Spread.of(0.0, value.shape)
    for step in kept[: last + 1]:
        arg = step.op.args[0]
        if step.op.name == "mul":
            scale = scale * arg
        elif step.op.name == "div":
            scale = scale * arg.inverse()
        else:
            # a channel of scale 0 is constant: no rounding moves it over a threshold
            reach = np.where(scale.values == 0, np.inf, np.abs(scale.values))
            parts = parts + abs(arg) * Spread(1.0 / reach, scale.shape)
    magnitude = value.magnitude + parts
    return replace(value, magnitude=magnitude, fan_in=value.fan_in + last + 1)


def _n_folded(value: Affine, steps: Sequence[FlatStep], site: Site) -> int:
    """How many operations have to fold: all up to the last that no rule can hold.

    With weights at hand a batch norm folds as well; on bare wires it stays in the rule, where it
    costs no rounding.
    """
    n = 0
    for i, step in enumerate(steps):
        soft = step.op.soft and bool(value.synapses)
        positional = any(a.by_channel(site.shape, site.axis) is None for a in step.op.args)
        if soft or positional or decreasing(step.op):
            n = i + 1
    return n


def _bounded(
    lowering: Lowering, rule: FireRule, value: Affine, site: Site, rounding: Pending
) -> tuple[FireRule, int, int]:
    """The rule with its count range: from its own clip, from what can arrive, or from --levels."""
    bounds = rule_bounds(rule, site.shape, site.axis)
    if bounds is not None:
        _check_levels(lowering, bounds, rounding)
        return rule, *bounds
    reach = reachable(lowering, value)
    if reach is not None:
        ends = [evaluate(rule, x, site.shape, site.axis) for x in reach]
        return rule, int(ends[0].min()), int(ends[1].max())
    if lowering.levels is None:
        raise _unknown(rounding)
    d = lowering.levels
    clipped = replace(rule, ops=(*rule.ops, RuleOp("clip", (np.array(-d), np.array(d)))))
    bounds = rule_bounds(clipped, site.shape, site.axis)
    assert bounds is not None
    return clipped, *bounds


def _unknown(rounding: Pending) -> UnknownLevels:
    return UnknownLevels(
        "nothing bounds this integer activation, so its levels D are unknown",
        where=rounding.module_path or rounding.node,
        hint="clip it in the model (snnc.nn.IntegerActivation does), or say --levels D",
    )


def _check_levels(lowering: Lowering, bounds: tuple[int, int], rounding: Pending) -> None:
    found = max(abs(b) for b in bounds)
    if lowering.levels is None or found == lowering.levels:
        return
    raise LevelsConflict(
        f"the model clips this activation at D = {found}, --levels says {lowering.levels}",
        where=rounding.module_path or rounding.node,
        hint="leave --levels out: it is for activations that the model does not bound",
    )


def _dtype(lowering: Lowering, steps: Sequence[FlatStep]) -> str:
    """The floating-point type in which the source computes the activation."""
    if any(s.op.name in _EXACT for s in steps):
        return "float64"
    first = steps[0].origin
    tensor = getattr(first.parent, "tensor", None) or first.tensor or ""
    dtype = lowering.view.dtype(tensor)
    return dtype if dtype.startswith("float") else "float32"
