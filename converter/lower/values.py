"""What a tensor of the source is while it is being lowered.

A tensor is known (`Constant`), computed on the host (`Host`), an affine map of what populations
emit (`Affine`), or such a value with elementwise operations that still wait (`Pending`): whether
they join a fire rule or fold into weights is decided by what comes after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from snnc.converter.lower.spread import Spread
from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, size_of
from snnc.ir.maps import LinearMap


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor whose value is known when lowering."""

    array: Array

    @property
    def shape(self) -> Shape:
        """Of the tensor."""
        return self.array.shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Wire:
    """Element j of the value is scale[j] * (real value of source neuron gather[j]).

    Attributes:
        source: node name.
        gather: int64 (size,), -1 for nothing; None: every neuron in its order.
        scale: spread over the value's shape.
    """

    source: str
    scale: Spread
    gather: IntArray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Synapses:
    """The value is map(real values of the source), in the map's own C order.

    Attributes:
        source: node name.
        map: float64 linear map.
        gather: as in `Projection`.
        magnitude: |W_n| … |W_1| of a folded chain where it differs from |weight|.
        name: the user's name of the layer that holds the weights.
    """

    source: str
    map: LinearMap
    name: str
    gather: IntArray | None = None
    magnitude: FloatArray | None = None

    def absolute(self) -> LinearMap:
        """The map with magnitudes for weights."""
        weight = np.abs(self.map.weight) if self.magnitude is None else self.magnitude
        return self.map.with_weight(weight)


Term: TypeAlias = Wire | Synapses


@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """A sum of linear maps of what nodes emit, plus an offset.

    Attributes:
        shape: as the source has it, a batch axis of 1 included.
        terms: the linear part.
        offset: spread over `shape`.
        magnitude: sum of the absolute parts of the offset.
        fan_in: summed over the linear stages folded so far.
        tensor: the source's tensor that holds this value, if one does.
    """

    shape: Shape
    terms: tuple[Term, ...]
    offset: Spread
    magnitude: Spread
    fan_in: int = 0
    tensor: str | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self.shape)

    @property
    def synapses(self) -> tuple[Synapses, ...]:
        """The terms with a real linear map."""
        return tuple(t for t in self.terms if isinstance(t, Synapses))

    @property
    def wires(self) -> tuple[Wire, ...]:
        """The terms that only pass values on."""
        return tuple(t for t in self.terms if isinstance(t, Wire))

    @property
    def is_wiring(self) -> bool:
        """Only wires, at most one into each element: nothing has to be summed."""
        if self.synapses:
            return False
        if len(self.terms) < 2:
            return True
        taken = np.zeros(self.size, dtype=np.int64)
        for wire in self.wires:
            taken += 1 if wire.gather is None else wire.gather >= 0
        return bool(taken.max(initial=0) <= 1)

    @property
    def is_plain(self) -> bool:
        """One wire without scale and offset: the node's value itself, perhaps rearranged."""
        return (
            len(self.terms) == 1
            and isinstance(self.terms[0], Wire)
            and self.terms[0].scale.equals(1.0)
            and self.offset.is_zero
        )

    def with_shape(self, shape: Shape, tensor: str | None) -> Affine:
        """The same elements in C order under another shape."""
        terms = tuple(
            replace(t, scale=t.scale.reshape(shape)) if isinstance(t, Wire) else t
            for t in self.terms
        )
        return replace(
            self,
            shape=shape,
            terms=terms,
            offset=self.offset.reshape(shape),
            magnitude=self.magnitude.reshape(shape),
            tensor=tensor,
        )


def wire_to(source: str, shape: Shape, *, scale: float = 1.0, tensor: str | None = None) -> Affine:
    """The value of a node as it is."""
    wire = Wire(source=source, scale=Spread.of(scale, shape))
    return affine((wire,), shape, tensor=tensor)


def affine(terms: tuple[Term, ...], shape: Shape, *, tensor: str | None = None) -> Affine:
    """A value without offset."""
    zero = Spread.of(0.0, shape)
    return Affine(shape=shape, terms=terms, offset=zero, magnitude=zero, tensor=tensor)


@dataclass(frozen=True, kw_only=True, eq=False)
class Host:
    """A tensor that the host computes from analog input."""

    shape: Shape
    tensor: str


@dataclass(frozen=True, eq=False)
class ElementOp:
    """An elementwise operation by constants.

    Attributes:
        name: a key of `snnc.ir.rules.RULE_OPS`.
        args: its constants, spread over the value's shape.
        soft: folding it into weights costs no faithfulness (a batch norm's own arithmetic is
            not defined to the last bit); others stay in the rule as the source has them.
    """

    name: str
    args: tuple[Spread, ...] = ()
    soft: bool = False


@dataclass(frozen=True, eq=False)
class ViewOp:
    """A rearrangement: element j of the result is element index[j]; None: only another shape."""

    index: IntArray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Pending:
    """An operation that waits to learn where it belongs.

    Attributes:
        parent: what it works on.
        op: the operation.
        shape: of the result.
        tensor: the source's tensor that holds the result.
        module_path: of the source's node, in the user's names.
        node: name of the source's node.
    """

    parent: Value
    op: ElementOp | ViewOp
    shape: Shape
    tensor: str | None
    module_path: str
    node: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Unknown:
    """What follows an unsupported operator, while a check goes on to look at the rest."""

    shape: Shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Detour:
    """round(x) - x, on its way to be added to x again (a straight-through estimator).

    Attributes:
        rounded: round(x).
        plain: x.
    """

    rounded: Pending
    plain: Value

    @property
    def shape(self) -> Shape:
        """Of the tensor."""
        return self.rounded.shape


Value: TypeAlias = Constant | Affine | Host | Pending | Unknown | Detour


Settled: TypeAlias = Affine | Host | Unknown
"""A value on which nothing waits."""

Base: TypeAlias = Settled | Detour
"""What operations wait on."""


@dataclass(frozen=True)
class Chain:
    """A base and the operations waiting on it, first to last."""

    base: Base
    steps: tuple[Pending, ...] = field(default=())


def chain_of(value: Value) -> Chain:
    """Unroll the operations that wait on a value."""
    steps: list[Pending] = []
    while isinstance(value, Pending):
        steps.append(value)
        value = value.parent
    if isinstance(value, Constant):
        raise TypeError("constants are folded, nothing waits on them")
    return Chain(value, tuple(reversed(steps)))


def replay(base: Value, steps: Sequence[Pending]) -> Value:
    """Let operations wait on another base."""
    value = base
    for step in steps:
        value = replace(step, parent=value)
    return value


def named(value: Value, tensor: str | None) -> Value:
    """A value under the name of another tensor of the source."""
    return replace(value, tensor=tensor) if isinstance(value, Affine | Pending) else value
