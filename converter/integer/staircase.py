"""From a fire rule to an integer staircase, by bisection on the rule itself.

The rule is evaluated as the source does, at the real values i * step that integers i stand for;
nothing is assumed of it but that it never falls. x / s and x * (1 / s) differ at ties, and so do
half-even and half-up: bisection takes each as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import INT64_MAX, INT64_MIN, FloatArray, IntArray
from snnc.ir.errors import NotMonotone
from snnc.ir.neurons import FloatFire, IntegerFire
from snnc.ir.rules import FireRule, RuleOp

_ALL_OF_THEM = 1 << 12
_SAMPLES = 1025
_CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class Reach:
    """Integers that a membrane can hold when it latches.

    Attributes:
        step: signed real value of integer 1, shape (C,); negative where the channel is turned.
        lo, hi: bounds, shape (C,).
    """

    step: FloatArray
    lo: IntArray
    hi: IntArray

    def __getitem__(self, channels: IntArray) -> Reach:
        return Reach(self.step[channels], self.lo[channels], self.hi[channels])


def directions(model: FloatFire, reach: Reach) -> IntArray:
    """-1 for channels in which counts fall as integers rise, else 1; shape (C,)."""
    ends = evaluate(model.rule, np.stack([reach.lo, reach.hi]), reach.step)
    return np.where(ends[1] < ends[0], -1, 1)


def make_staircase(model: FloatFire, reach: Reach, *, where: str = "") -> IntegerFire:
    """The staircase that equals a rule on everything reachable.

    Levels that are never reached get the int64 maximum, levels that always are the minimum. One
    row serves all channels where steps and rule are the same for all.

    Raises:
        NotMonotone: the rule falls somewhere or leaves its declared counts.
    """
    if _is_uniform(model.rule, reach):
        merged = Reach(reach.step[:1], reach.lo.min()[None], reach.hi.max()[None])
        thresholds = _bisect(model, _first_channel(model.rule), merged)
        _check(model, _first_channel(model.rule), merged, thresholds, where)
    else:
        thresholds = _bisect(model, model.rule, reach)
        _check(model, model.rule, reach, thresholds, where)
    return IntegerFire(lo=model.lo, thresholds=thresholds)


def evaluate(rule: FireRule, i: IntArray, step: FloatArray) -> FloatArray:
    """What a rule gives at integers i, shape (N, C), in channels of signed steps (C,)."""
    return rule(i * step, 0)


def _bisect(model: FloatFire, rule: FireRule, reach: Reach) -> IntArray:
    """Smallest reachable i with rule(i * step) >= level, for each channel and level."""
    levels = np.arange(model.lo + 1, model.hi + 1)[:, None]
    shape = (len(levels), len(reach.step))
    below = np.broadcast_to(reach.lo - 1, shape).copy()
    above = np.broadcast_to(reach.hi + 1, shape).copy()
    while (above - below > 1).any():
        middle = below + (above - below) // 2
        inside = np.clip(middle, reach.lo, reach.hi)
        reached = evaluate(rule, inside, reach.step) >= levels
        reached = np.where(middle == inside, reached, middle > reach.hi)
        above = np.where(reached, middle, above)
        below = np.where(reached, below, middle)
    thresholds = np.where(above > reach.hi, INT64_MAX, above)
    return np.where(above <= reach.lo, INT64_MIN, thresholds).T


def _check(
    model: FloatFire, rule: FireRule, reach: Reach, thresholds: IntArray, where: str
) -> None:
    i = sample_integers(reach, thresholds)
    counts = evaluate(rule, i, reach.step)
    wrong = climb(model.lo, thresholds, i) != counts
    if not wrong.any():
        return
    n, channel = np.argwhere(wrong)[0]
    x = float(i[n, channel] * reach.step[channel])
    raise NotMonotone(
        f"the activation gives {counts[n, channel]:g} at {x:.6g}: it is no non-decreasing "
        f"staircase from {model.lo} to {model.hi}",
        where=where or None,
        hint="activations have to rise, or fall, over their whole input and stay in their range",
    )


def climb(lo: int, thresholds: IntArray, i: IntArray) -> IntArray:
    """Counts of a staircase, thresholds (C, L) rising, at integers i (N, C)."""
    columns = [
        np.searchsorted(row, column, side="right")
        for row, column in zip(thresholds, i.T, strict=True)
    ]
    return lo + np.stack(columns, axis=1)


def sample_integers(reach: Reach, thresholds: IntArray, most: int = _ALL_OF_THEM) -> IntArray:
    """Reachable integers to test a staircase at, shape (N, C).

    All of them where there are few, else a dense sample; thresholds and their neighbours always.
    """
    if takes_all(reach, most):
        spread = reach.lo + np.arange(int((reach.hi - reach.lo).max()) + 1)[:, None]
    else:
        # spacing in exact integers: floats would round large bounds
        parts = np.arange(_SAMPLES, dtype=np.int64)[:, None]
        gap = reach.hi - reach.lo
        whole, rest = gap // (_SAMPLES - 1), gap % (_SAMPLES - 1)
        spread = reach.lo + whole * parts + rest * parts // (_SAMPLES - 1)
    finite = (thresholds > INT64_MIN) & (thresholds < INT64_MAX)
    near = np.where(finite, thresholds, reach.lo[:, None]).T
    i = np.concatenate([spread, near - 1, near, near + 1])
    return np.clip(i, reach.lo, reach.hi)


def takes_all(reach: Reach, most: int) -> bool:
    """Does `sample_integers` return every reachable integer?"""
    width = int((reach.hi - reach.lo).max())
    return width < min(most, max(_SAMPLES, _CELLS // len(reach.step)))


def _is_uniform(rule: FireRule, reach: Reach) -> bool:
    same_args = all((a == a.flat[0]).all() for op in rule.ops for a in op.args)
    return same_args and bool((reach.step == reach.step[0]).all())


def _first_channel(rule: FireRule) -> FireRule:
    """The rule with scalar arguments, for rules that are the same in every channel."""
    ops = tuple(RuleOp(op.name, tuple(a.flat[0].reshape(()) for a in op.args)) for op in rule.ops)
    return FireRule(ops=ops, dtype=rule.dtype)
