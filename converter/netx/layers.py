"""The layers of a `.net` file as they stand there, checked one value at a time.

Layout [D: lava-dl 0.6.0, netx/hdf5.py]: `/layer/<i>/{type, shape, weight, …}` and
`/layer/<i>/neuron/{type, …}`, all of them arrays or strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnc.converter.hdf5 import Tree
from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.errors import CannotLoad, DamagedFile, UnsupportedOperator
from snnc.ir.registry import did_you_mean

KNOWN = ("input", "conv", "dense", "dense_rec", "flatten")
"""Layer types with an event form."""
REFUSED = ("pool", "convT", "unpool", "average", "concat", "dense_comp")
"""Layer types that netx names, but does not make; complex weights have no event form."""

_UNREAD = frozenset({"inFeatures", "outFeatures", "inChannels", "outChannels", "kernelSize"})
"""Written by lava-dl, and said by the shapes of the weights anyway."""
_MOST = 2**31


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One group `/layer/<index>`.

    Attributes:
        index: its place.
        type: netx's word for it.
        fields: its arrays and its `neuron`.
        notes: what is read otherwise than it stands there, in this file; grows.
        used: names that were asked for; grows.
    """

    index: int
    type: str
    fields: Mapping[str, Any]
    notes: list[str]
    used: set[str] = field(default_factory=set)

    @property
    def where(self) -> str:
        """Its name in messages."""
        return f"layer/{self.index} ({self.type})"

    @property
    def name(self) -> str:
        """Its name in the graph."""
        return f"{self.type}{self.index}"

    def has(self, name: str) -> bool:
        """Does it stand there?"""
        return name in self.fields

    def neuron(self) -> Layer | None:
        """Its group `neuron` with the same accessors."""
        self.used.add("neuron")
        inside = self.fields.get("neuron")
        if inside is None:
            return None
        if not isinstance(inside, dict):
            raise DamagedFile("`neuron` is no group", where=self.where)
        kind = _text(inside.get("type"), f"{self.where} neuron")
        return Layer(index=self.index, type=kind, fields=inside, notes=self.notes)

    def numbers(self, name: str) -> IntArray:
        """An array of integers; fractions are cut off, as netx does, and told.

        Raises:
            DamagedFile: it is missing, no array of numbers, not finite, or too large.
        """
        self.used.add(name)
        value = self.fields.get(name)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            raise DamagedFile(f"it needs the number(s) `{name}`", where=self.where)
        if not value.size:
            raise DamagedFile(f"`{name}` is empty", where=self.where)
        values = value.astype(np.float64)
        if not np.isfinite(values).all() or (np.abs(values) >= _MOST).any():
            raise DamagedFile(f"`{name}` holds NaN, infinite or huge values", where=self.where)
        whole = np.trunc(values)
        if (n := int((whole != values).sum())) > 0:
            self.notes.append(
                f"{self.where}: {n} values of `{name}` are no integers, netx cuts their fractions"
            )
        return whole.astype(np.int64)

    def number(self, name: str) -> int:
        """A single integer."""
        values = self.numbers(name).reshape(-1)
        if len(values) != 1:
            raise UnsupportedOperator(
                f"`{name}` holds {len(values)} values, netx takes one for all neurons",
                where=self.where,
            )
        return int(values[0])

    def shape(self) -> Shape:
        """Shape of what it gives, in PyTorch's order."""
        shape = tuple(int(n) for n in self.numbers("shape").reshape(-1))
        if not 1 <= len(shape) <= 3 or min(shape) < 1 or np.prod(shape, dtype=float) >= _MOST:
            raise DamagedFile(f"a layer of shape {shape}", where=self.where)
        return shape

    def pair(self, name: str) -> Shape:
        """(H, W) of a convolution's stride, padding or dilation."""
        values = self.numbers(name).reshape(-1)
        if len(values) not in (1, 2):
            raise DamagedFile(f"`{name}` has {len(values)} entries", where=self.where)
        return (int(values[0]), int(values[-1]))

    def unused(self) -> list[str]:
        """Names that nothing asked for."""
        return sorted(set(self.fields) - self.used - _UNREAD)


def layers(tree: Tree, where: str, notes: list[str]) -> list[Layer]:
    """The layers in order.

    Raises:
        CannotLoad: it holds none.
        DamagedFile: a layer is missing or has no type.
        UnsupportedOperator: of a type without event form.
    """
    groups = tree.get("layer")
    if not isinstance(groups, dict) or not groups:
        raise CannotLoad("the file holds no layers", where=where)
    found = []
    for i in range(len(groups)):
        group = groups.get(str(i))
        if not isinstance(group, dict):
            raise DamagedFile(
                f"it holds {len(groups)} layers, but `layer/{i}` is none of them", where=where
            )
        type_ = _text(group.get("type"), f"layer/{i}")
        _check_type(type_, f"layer/{i}")
        found.append(Layer(index=i, type=type_, fields=group, notes=notes, used={"type"}))
    return found


def _check_type(type_: str, where: str) -> None:
    if type_ in REFUSED:
        raise UnsupportedOperator(
            f"a `{type_}` layer has no event form, and netx does not make it either", where=where
        )
    if type_ not in KNOWN:
        raise UnsupportedOperator(
            f"a layer of the unknown type `{type_}`{did_you_mean(type_, list(KNOWN))}", where=where
        )


def _text(value: Any, where: str) -> str:
    """A string, or the first of an array of them."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.size:
        value = value.reshape(-1)[0]
    if not isinstance(value, str):
        raise DamagedFile("it has no `type`", where=where)
    return value


def as_matrix(weight: Array, n_out: int, where: str) -> Array:
    """Dense weights (out, in); a vector is folded as netx does."""
    if weight.ndim == 1 and weight.size % n_out == 0:
        weight = weight.reshape(n_out, -1)
    if weight.ndim != 2 or weight.shape[0] != n_out:
        raise DamagedFile(f"weights of shape {weight.shape} for {n_out} neurons", where=where)
    return weight
