"""One step for each channel, one exponent for each projection.

Everything that is added in a channel (rows of several projections, biases, thresholds that are
subtracted at reset) is to be an integer on one step. Where all rows of a channel lie on grids, the
step is the coarsest that holds them all, and all weights stay exact. Elsewhere it is the finest
step that the widest row allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.converter.integer.grid import FLOAT32_ROUNDING
from snnc.ir.arrays import Array, BoolArray, FloatArray, IntArray

_MOST_FACTORS = 128
_MOST_ROUNDS = 6
_MOST_HALVINGS = 8
ANY_EXPONENT = 24
"""Where a target has no limit; with it every product below stays within int64."""
_ANY_TWOS = 62
_FINEST_FOR_BIAS = 2.0**-40
_LARGEST_MULTIPLE = 2.0**20


@dataclass(frozen=True, eq=False)
class Items:
    """Rows that meet in channels; arrays of shape (I,), reals in the unit of the channel's root.

    Attributes:
        root: channel, 0 … n_roots - 1.
        projection: number of the projection, 0 … n_projections - 1.
        top: largest magnitude, positive.
        grid: step of the row's own grid, 0 where there is none.
        largest: `top` in steps of `grid`.
        channelwise: the row is a single weight (identity or pool).
    """

    root: IntArray
    projection: IntArray
    top: FloatArray
    grid: FloatArray
    largest: IntArray
    channelwise: BoolArray


@dataclass(frozen=True, eq=False)
class Constants:
    """Real values that are to be integers of a channel: biases and reset thresholds.

    Attributes:
        root, value: arrays of shape (B,); values positive.
        reset: which are reset thresholds: a step is chosen for them where rows leave a choice.
    """

    root: IntArray
    value: FloatArray
    reset: BoolArray


@dataclass(frozen=True, eq=False)
class Solution:
    """Steps by root and exponents by projection.

    Attributes:
        step: shape (n_roots,), 0 where a channel has no rows.
        exponent: shape (n_projections,).
    """

    step: FloatArray
    exponent: IntArray


def solve(
    items: Items,
    constants: Constants,
    n_roots: int,
    n_projections: int,
    bits: int,
    max_exponent: int = ANY_EXPONENT,
) -> Solution:
    """Steps and exponents of channels whose rows are `items`."""
    solver = _Solver(items, constants, n_roots, n_projections, bits, max_exponent)
    return solver.run()


class _Solver:
    """The state of one solution, step by step."""

    def __init__(
        self,
        items: Items,
        constants: Constants,
        n_roots: int,
        n_projections: int,
        bits: int,
        max_exponent: int,
    ) -> None:
        self.items, self.constants = items, constants
        self.n_roots, self.n_projections = n_roots, n_projections
        self.bits, self.most = bits, 2 ** (bits - 1) - 1
        self.max_exponent = max_exponent
        self.step = np.zeros(n_roots)
        self.multiple = np.zeros(len(items.root), dtype=np.int64)
        self.exponent = np.zeros(n_projections, dtype=np.int64)

    def run(self) -> Solution:
        exact = self._settle(self._common_grids())
        self._refine_for_constants(exact)
        self._rounded(~exact)
        return Solution(self.step, self.exponent)

    def _common_grids(self) -> BoolArray:
        """Roots whose rows lie on one grid; sets `step` and `multiple` (grid = multiple x step)."""
        items = self.items
        finest = self._reduce(np.minimum, items.grid, np.inf)
        open_ = (finest > 0) & np.isfinite(finest)
        exact = np.zeros(self.n_roots, dtype=bool)
        for factor in range(1, min(self.most, _MOST_FACTORS) + 1):
            if not open_.any():
                break
            step = np.where(open_, finest, 1.0) / factor
            multiple = items.grid / step[items.root]
            held = _near_integer(multiple) & (multiple < _LARGEST_MULTIPLE)
            found = open_ & self._all(held)
            self.step[found] = step[found]
            mine = found[items.root]
            self.multiple[mine] = np.rint(multiple[mine]).astype(np.int64)
            exact |= found
            open_ &= ~found
        return exact & self._all(self._can_fit())

    def _can_fit(self) -> BoolArray:
        """Rows that fit under some exponent: it takes twos out of the multiple, nothing else."""
        odd = self.multiple >> _trailing_zeros(self.multiple)
        return (odd * self.items.largest <= self.most) | (
            (odd == 1) & (self.items.largest == self.most + 1)
        )

    def _settle(self, exact: BoolArray) -> BoolArray:
        """Exponents for all; roots whose exact rows cannot agree on them are rounded instead."""
        step, multiple = self.step.copy(), self.multiple.copy()
        while True:
            self.step, self.multiple = step.copy(), multiple.copy()
            self._start_exponents(exact)
            stuck = self._settle_exponents(exact)
            if not stuck.any():
                return exact
            exact = exact & ~stuck

    def _start_exponents(self, exact: BoolArray) -> None:
        """Exponents that make the widest exact rows fit, and that suit what is rounded."""
        items = self.items
        self.exponent = np.zeros(self.n_projections, dtype=np.int64)
        rounded = ~exact[items.root]
        if rounded.any():
            finest = self._reduce(np.minimum, np.where(rounded, items.top, np.inf), np.inf)
            above = np.log2(items.top[rounded] / finest[items.root[rounded]])
            typical = _median_by(items.projection[rounded], above, self.n_projections)
            # a finer step than the widest row's rounding error deserves gains nothing
            self.exponent = np.clip(np.rint(typical).astype(np.int64), 0, self.bits)
            self.exponent -= self.exponent[np.unique(items.projection)].min()
        need = np.where(exact[items.root], self._needed(), 0)
        np.maximum.at(self.exponent, items.projection, need)
        self.exponent = np.minimum(self.exponent, self.max_exponent)

    def _needed(self) -> IntArray:
        """Smallest exponent with which each exact row fits."""
        largest = np.maximum(self.multiple * self.items.largest, 1)
        width = np.maximum(np.ceil(np.log2(largest / self.most)), 0).astype(np.int64)
        full = self.items.largest == self.most + 1
        return np.where(full, _trailing_zeros(self.multiple), width)

    def _settle_exponents(self, exact: BoolArray) -> BoolArray:
        """Refine exact steps until each projection's power of two divides its multiples.

        Returns:
            roots that do not come to rest.
        """
        mine = exact[self.items.root]
        moved = np.zeros(self.n_roots, dtype=bool)
        for _ in range(_MOST_ROUNDS):
            power = self.exponent[self.items.projection]
            lacking = np.where(mine, power - _trailing_zeros(self.multiple), 0)
            factor = 2 ** self._reduce(np.maximum, np.maximum(lacking, 0), 0).astype(np.int64)
            self._divide_steps(factor)
            need = np.where(mine, self._needed(), 0)
            if (need <= power).all():
                return np.zeros(self.n_roots, dtype=bool)
            moved = np.zeros(self.n_roots, dtype=bool)
            moved[self.items.root[need > power]] = True
            raised = self.exponent.copy()
            np.maximum.at(raised, self.items.projection, need)
            self.exponent = np.minimum(raised, self.max_exponent)
        return moved

    def _divide_steps(self, factor: IntArray) -> None:
        self.step /= factor
        self.multiple *= factor[self.items.root]

    def _refine_for_constants(self, exact: BoolArray) -> None:
        """Finer exact steps on which biases are integers, or at least rounded little."""
        room = 2.0 ** self.exponent[self.items.projection] * self.most
        room = room / np.maximum(self.multiple * self.items.largest, 1)
        room = np.floor(self._reduce(np.minimum, room, np.inf))
        room = np.where(exact & np.isfinite(room), np.clip(room, 1, _MOST_FACTORS), 1)
        open_ = exact & self._has_constants()
        chosen = np.ones(self.n_roots, dtype=np.int64)
        for factor in range(1, int(room.max(initial=1)) + 1):
            fits = open_ & (factor <= room) & self._constants_fit(factor)
            chosen[fits] = factor
            open_ &= ~fits
            if not open_.any():
                break
        largest_power = 2 ** np.floor(np.log2(room)).astype(np.int64)
        halvings = self._halvings(open_)
        self.exponent = self.exponent + halvings
        factor = np.where(open_, largest_power, chosen) * 2**halvings
        self._divide_steps(np.where(exact, factor, 1))

    def _halvings(self, open_: BoolArray) -> int:
        """How often to halve all steps where weights leave no room to hold constants exactly."""
        spare = min(_MOST_HALVINGS, self.max_exponent - int(self.exponent.max(initial=0)))
        found = 0
        for halvings in range(1, spare + 1):
            fits = open_ & self._constants_fit(2**halvings)
            if fits.any():
                open_, found = open_ & ~fits, halvings
        return found

    def _has_constants(self) -> BoolArray:
        has = np.zeros(self.n_roots, dtype=bool)
        has[self.constants.root] = True
        return has

    def _constants_fit(self, factor: int) -> BoolArray:
        step = self.step[self.constants.root]
        quotient = self.constants.value * factor / np.where(step > 0, step, 1.0)
        fits = np.ones(self.n_roots, dtype=bool)
        np.logical_and.at(fits, self.constants.root, _near_integer(quotient))
        return fits

    def _rounded(self, roots: BoolArray) -> None:
        """The finest step that lets every row fit; exact for one row on a grid if there is one."""
        items = self.items
        power = np.exp2(self.exponent[items.projection].astype(np.float64))
        step = self._reduce(np.maximum, items.top / (self.most * power), 0.0)
        constant = np.zeros(self.n_roots)
        np.maximum.at(constant, self.constants.root, self.constants.value)
        step = np.maximum(step, np.where(step > 0, constant * _FINEST_FOR_BIAS, 0.0))
        self.step[roots] = self._snap(step, power)[roots]

    def _snap(self, step: FloatArray, power: FloatArray) -> FloatArray:
        """Coarsen steps a little so that one row (or a constant) is an exact multiple of them."""
        items, done = self.items, step == 0
        snapped = step.copy()
        for wanted in (items.channelwise & (items.grid > 0), items.grid > 0):
            grid = np.where(wanted, items.grid / power, 0.0)
            anchor = self._reduce(np.maximum, grid, 0.0)
            count = np.floor(anchor / np.where(step > 0, step, 1.0) * (1 + FLOAT32_ROUNDING))
            use = ~done & (count >= 1)
            snapped[use] = anchor[use] / count[use]
            done |= use
        return np.where(done, snapped, self._snap_to_reset(step))

    def _snap_to_reset(self, step: FloatArray) -> FloatArray:
        threshold = np.zeros(self.n_roots)
        reset = self.constants.reset
        np.maximum.at(threshold, self.constants.root[reset], self.constants.value[reset])
        count = np.floor(threshold / np.where(step > 0, step, 1.0))
        return np.where(count >= 1, threshold / np.maximum(count, 1), step)

    def _reduce(self, by: np.ufunc, values: Array, start: float) -> FloatArray:
        """Reduce values of items to their roots; infinite where a root has none."""
        out = np.full(self.n_roots, start, dtype=np.float64)
        by.at(out, self.items.root, values)
        return out

    def _all(self, held: BoolArray) -> BoolArray:
        out = np.ones(self.n_roots, dtype=bool)
        np.logical_and.at(out, self.items.root, held)
        return out


def _near_integer(quotient: FloatArray) -> BoolArray:
    tolerance = np.minimum(quotient * 2 * FLOAT32_ROUNDING, 0.1)
    return np.abs(quotient - np.rint(quotient)) <= tolerance


def _trailing_zeros(values: IntArray) -> IntArray:
    """How often 2 divides each value; many for 0."""
    lowest = values & -values
    return np.where(values == 0, _ANY_TWOS, np.log2(np.maximum(lowest, 1)).astype(np.int64))


def _median_by(group: IntArray, values: FloatArray, n_groups: int) -> FloatArray:
    out = np.zeros(n_groups)
    for each in np.unique(group):
        out[each] = np.median(values[group == each])
    return out
