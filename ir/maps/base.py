"""What every linear map has: shapes, weights, a plain numpy kernel, fan-out, a sparse form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, readonly, size_of
from snnc.ir.errors import GraphError
from snnc.ir.registry import Registry

Csr: TypeAlias = tuple[IntArray, IntArray, Array]
"""Synapses by source neuron: `indptr` (n_in + 1,), `targets` (nnz,), `weights` (nnz,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearMap(ABC):
    """Synapses as a linear map from `in_shape` to `out_shape`.

    Weights are float64 in the float form and int64 in the integer form. Arrays are read-only;
    equality is identity.
    """

    kind: ClassVar[str]
    weight: Array

    if TYPE_CHECKING:
        # Fields in some maps, properties in others: at run time the base must not define them,
        # or dataclasses would take the base's property for the field's default.
        @property
        def in_shape(self) -> Shape:
            """Shape of one sample's input, without the sample axis."""

        @property
        def out_shape(self) -> Shape:
            """Shape of one sample's output, without the sample axis."""

        @property
        def channel_axis(self) -> int:
            """Axis of `out_shape` whose index is the output channel."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", readonly(self.weight, weight_dtype(self.weight)))
        self.validate()

    @abstractmethod
    def validate(self) -> None:
        """Raise `GraphError` where weights and shapes do not fit together."""

    @abstractmethod
    def apply(self, x: Array) -> Array:
        """Map (N, *in_shape) to (N, *out_shape); exact for integers."""

    @abstractmethod
    def count_synapses(self, present: Array) -> IntArray:
        """Synapses that leave each input neuron, shape `in_shape`.

        Args:
            present: boolean, shape of `weight`: which weights count.
        """

    @abstractmethod
    def to_csr(self) -> Csr:
        """Every synapse by source neuron, targets ascending; stored zero weights stay."""

    @abstractmethod
    def weight_channels(self) -> IntArray:
        """Output channel of each weight, flat C order, shape (weight.size,).

        A single weight that serves all channels has channel 0.
        """

    @property
    def in_size(self) -> int:
        """Number of input neurons."""
        return size_of(self.in_shape)

    @property
    def out_size(self) -> int:
        """Number of output neurons."""
        return size_of(self.out_shape)

    @property
    def n_channels(self) -> int:
        """Number of output channels."""
        return self.out_shape[self.channel_axis]

    @property
    def n_synapses(self) -> int:
        """Existing synapses: padding has none, stored zero weights have."""
        return int(self.fan_out().sum())

    def fan_out(self) -> IntArray:
        """Synapses that each input neuron's event reaches, shape `in_shape`."""
        return self.count_synapses(np.ones(self.weight.shape, dtype=bool))

    def effective_fan_out(self) -> IntArray:
        """As `fan_out`, without the zero weights."""
        return self.count_synapses(self.weight != 0)

    def fan_in(self) -> IntArray:
        """Synapses that reach each output neuron, shape `out_shape`."""
        ones = self.with_weight(np.ones(self.weight.shape, dtype=np.int64))
        return ones.apply(np.ones((1, *self.in_shape), dtype=np.int64))[0]

    def rows(self) -> Array:
        """Weights by output channel, shape (C, n); (1, n) where one weight serves them all."""
        if self.weight.ndim == 0:
            return self.weight.reshape(1, 1)
        return self.weight.reshape(self.weight.shape[0], -1)

    def with_weight(self, weight: Array) -> Self:
        """The same connections with other weights, shape of `weight`."""
        return replace(self, weight=weight)

    def attributes(self) -> dict[str, Any]:
        """What the file format stores beside the arrays: every plain field."""
        return {
            name: value for name, value in vars(self).items() if not isinstance(value, np.ndarray)
        }


MAPS: Registry[LinearMap] = Registry("linear map")


def weight_dtype(weight: Array) -> Any:
    """int64 for integers, float64 for reals."""
    kind = np.asarray(weight).dtype.kind
    if kind in "iub":
        return np.int64
    if kind == "f":
        return np.float64
    raise GraphError(f"weights are integers or reals, got dtype {np.asarray(weight).dtype}")


def exact_matmul(a: Array, b: Array) -> Array:
    """`a @ b`, exact for integers.

    Integers go through float64 BLAS where every partial sum stays below 2^53 (exact there, and
    some fifty times faster than numpy's integer loop), else through int64.
    """
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        return a.astype(np.float64, copy=False) @ b.astype(np.float64, copy=False)
    if a.size == 0 or b.size == 0:
        return a @ b
    largest = int(max(a.max(), -a.min())) * int(max(b.max(), -b.min())) * a.shape[-1]
    if largest < 2**53:
        return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
    return a @ b


def sort_csr(source: IntArray, target: IntArray, weight: Array, n_source: int) -> Csr:
    """Triples to `Csr`, targets ascending within each source."""
    order = np.lexsort((target, source))
    indptr = np.zeros(n_source + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=n_source), out=indptr[1:])
    return indptr, target[order], weight[order]
