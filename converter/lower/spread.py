"""Constants that are spread over a value: one number, one for each channel, or a whole map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from snnc.ir.arrays import FloatArray, IntArray, Shape, size_of


@dataclass(frozen=True, eq=False)
class Spread:
    """Real constants that broadcast over `shape` without being stored for every element.

    Attributes:
        values: float64, as many axes as `shape`, each of length 1 or the shape's.
        shape: what they are spread over.
    """

    values: FloatArray
    shape: Shape

    @classmethod
    def of(cls, array: ArrayLike, shape: Shape) -> Spread:
        """Spread an array that broadcasts to `shape`, in as little space as its values need.

        Raises:
            ValueError: the array does not broadcast to `shape`.
        """
        values = np.asarray(array, dtype=np.float64)
        np.broadcast_shapes(values.shape, shape)
        if values.ndim > len(shape):
            values = values.reshape(values.shape[values.ndim - len(shape) :])
        values = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
        if np.broadcast_shapes(values.shape, shape) != shape:
            raise ValueError(f"{values.shape} does not broadcast to {shape}")
        return cls(_squeezed(values), shape)

    @property
    def is_scalar(self) -> bool:
        """Is it one number for all elements?"""
        return self.values.size == 1

    @property
    def is_zero(self) -> bool:
        """Is every element 0?"""
        return not self.values.any()

    def full(self) -> FloatArray:
        """The value of every element, shape `shape`, read-only."""
        return np.broadcast_to(self.values, self.shape)

    def reshape(self, shape: Shape) -> Spread:
        """The same elements in C order under another shape."""
        if shape == self.shape:
            return self
        if self.is_scalar:
            return Spread(self.values.reshape((1,) * len(shape)), shape)
        used = [i for i, n in enumerate(self.values.shape) if n > 1]
        if len(used) == 1:
            axis = matching_axis(self.shape, used[0], shape)
            if axis is not None:
                ones = [1] * len(shape)
                ones[axis] = shape[axis]
                return Spread(self.values.reshape(ones), shape)
        return Spread(_squeezed(self.full().reshape(shape)), shape)

    def transpose(self, perm: Shape) -> Spread:
        """As `numpy.transpose`."""
        return Spread(self.values.transpose(perm), tuple(self.shape[i] for i in perm))

    def take(self, index: IntArray | None, shape: Shape) -> Spread:
        """Element j of the result is element index[j] of this, or 0 where index[j] is -1."""
        if index is None:
            return self.reshape(shape)
        if self.is_scalar and (self.is_zero or (index >= 0).all()):
            return Spread(self.values.reshape((1,) * len(shape)), shape)
        taken = np.where(index >= 0, self.full().reshape(-1)[np.maximum(index, 0)], 0.0)
        return Spread(_squeezed(taken.reshape(shape)), shape)

    def put(self, index: IntArray | None, shape: Shape) -> Spread:
        """The inverse of `take` for a permutation: result[index[j]] is element j of this."""
        if index is None or self.is_scalar:
            return self.reshape(shape)
        out = np.empty(size_of(shape))
        out[index] = self.full().reshape(-1)
        return Spread(_squeezed(out.reshape(shape)), shape)

    def by_channel(self, shape: Shape, axis: int) -> FloatArray | None:
        """Values as () or (C,) along `axis` of `shape`; None where that cannot hold them."""
        values = self.reshape(shape).values
        if values.size == 1:
            return values.reshape(())
        if values.size == values.shape[axis]:
            return values.reshape(-1)
        return None

    def __add__(self, other: Spread) -> Spread:
        return Spread(_squeezed(self.values + other.values), self.shape)

    def __mul__(self, other: Spread | float) -> Spread:
        factor = other.values if isinstance(other, Spread) else other
        return Spread(_squeezed(self.values * factor), self.shape)

    def __abs__(self) -> Spread:
        return Spread(np.abs(self.values), self.shape)

    def __neg__(self) -> Spread:
        return Spread(-self.values, self.shape)

    def inverse(self) -> Spread:
        """1 / x of every element, in float64."""
        return Spread(1.0 / self.values, self.shape)

    def equals(self, value: float) -> bool:
        """Is every element `value`?"""
        return bool((self.values == value).all())


def matching_axis(shape: Shape, axis: int, other: Shape) -> int | None:
    """The axis of `other` that steps through C order exactly as `axis` of `shape` does."""
    block = size_of(shape[axis + 1 :])
    for i, n in enumerate(other):
        if n == shape[axis] and size_of(other[i + 1 :]) == block:
            return i
    return None


def _squeezed(values: FloatArray) -> FloatArray:
    """Axes along which nothing changes become 1."""
    for axis, n in enumerate(values.shape):
        if n > 1:
            first = values.take([0], axis=axis)
            if (values == first).all():
                values = first
    return values
