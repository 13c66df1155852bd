"""Sums over rows and neurons inside the graph, exact and cheap beside what they count.

Counters add up over rows, so rows are added first: one product of a few row vectors with the
counts as they lie there. What is left, one sum for each neuron, is multiplied with fan-outs; these
depend on channel and position, but positions fall into few classes (borders and the rest), so sums
over the positions of a class are enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from snnc.backends.dense.builder import EXACT, Builder, DType, dtype_for
from snnc.ir.arrays import Array, IntArray, Shape, size_of

LARGEST_MIXING = 2**15
"""Entries up to which sums are multiplied with fan-outs outside of the graph."""
SMALL = 2**12
"""Fan-outs of a node that are not worth sums over classes."""
MOST_ROWS = 2**22
"""Rows whose bytes add up in int32."""
HASH_SEED = 0


@dataclass(frozen=True)
class Sums:
    """Weighted sums for some choices of rows: tensor (m, …), and how its parts mix, (K, q)."""

    tensor: str
    mixing: IntArray

    def read(self, fetched: dict[str, Array]) -> IntArray:
        """The sums, (m, q)."""
        parts = fetched[self.tensor].astype(np.int64)
        return parts.reshape(len(parts), -1) @ self.mixing


@dataclass
class Columns:
    """Weight vectors over a node's neurons; multiples of one another share a column."""

    vectors: list[IntArray] = field(default_factory=list)

    def add(self, vector: IntArray) -> tuple[int, int]:
        """Column and factor of a vector."""
        factor = int(np.gcd.reduce(vector)) or 1
        reduced = vector // factor
        for n, known in enumerate(self.vectors):
            if (known == reduced).all():
                return n, factor
        self.vectors.append(reduced)
        return len(self.vectors) - 1, factor

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self.vectors)

    def matrix(self) -> IntArray:
        """(size, m)"""
        return np.stack(self.vectors, axis=1)


@dataclass(frozen=True)
class Classes:
    """Positions along one axis of neurons (a, b) whose weights are alike.

    Attributes:
        axis: 0 or 1.
        members: (classes, positions), 1 where a position is in a class.
        weights: (K, q): of the sums over classes, in C order of the axes that are left.
    """

    shape: tuple[int, int]
    axis: int
    members: IntArray
    weights: IntArray

    @property
    def most(self) -> int:
        """Positions of the largest class."""
        return int(self.members.sum(axis=1).max())


def weighted_sums(
    b: Builder, choice: str, x: str, matrix: IntArray, shape: Shape, bound: tuple[int, int]
) -> Sums:
    """Choice @ x @ matrix, exact.

    Args:
        choice: (m, rows) bytes 0 or 1.
        x: (rows, size), values 0 … largest.
        matrix: non-negative, (size, q).
        shape: of the neurons, in the order of x.
        bound: largest value of x, and most rows.
    """
    largest, rows = bound
    single = rows == 1  # then there is nothing to add: a choice takes the row or leaves it
    total = b.cast(x, _narrowest(b.types[x])) if single else over_rows(b, choice, x, largest * rows)
    parts, weights = total, matrix
    classes = classes_of(matrix, shape) if matrix.size > SMALL else None
    if classes is not None:
        wide = _at_least(b.types[total], dtype_for(largest * rows * classes.most))
        parts, weights = _over_classes(b, b.cast(total, wide), classes), classes.weights
    chosen = single and choice != b.ones()
    outside = weights.size <= LARGEST_MIXING
    if chosen or not outside:
        flat = b.constant(np.array([0, -1]))
        parts = b.op("Reshape", [parts, flat], b.types[parts])
    if chosen:
        dtype = _narrowest(b.types[parts])
        taken = b.op("Reshape", [b.cast(choice, dtype), b.constant(np.array([-1, 1]))], dtype)
        parts = b.op("Mul", [taken, b.cast(parts, dtype)], dtype)
    if outside:
        return Sums(parts, weights)
    wide = _at_least(b.types[parts], dtype_for(largest * rows * int(matrix.sum(axis=0).max())))
    mixed = b.op("MatMul", [b.cast(parts, wide), b.constant(weights, wide)], wide)
    return Sums(mixed, np.eye(matrix.shape[1], dtype=np.int64))


def over_rows(b: Builder, choice: str, x: str, largest: int) -> str:
    """Choice @ x, (m, size); `largest` bounds every sum."""
    if b.types[x] in ("u1", "b1"):
        return b.op("MatMulInteger", [choice, b.cast(x, "u1")], "i4")
    wide = _at_least(b.types[x], dtype_for(largest))
    return b.op("MatMul", [b.cast(choice, wide), b.cast(x, wide)], wide)


def _narrowest(dtype: DType) -> DType:
    """A type for sums; int32, bytes and truth values are held by float32 here."""
    return dtype if dtype in EXACT else "f4"


def _at_least(dtype: DType, other: DType) -> DType:
    """The wider of two types for sums."""
    return max(_narrowest(dtype), other, key=list(EXACT).index)


def classes_of(matrix: IntArray, shape: Shape) -> Classes | None:
    """The fewest sums that weights can be computed from; None where that is no fewer than neurons.

    Tried along the first axis and the rest, and along the last axis and the rest.
    """
    best: Classes | None = None
    for split in sorted({1, len(shape) - 1} & set(range(1, len(shape)))):
        folded = size_of(shape[:split]), size_of(shape[split:])
        weights = matrix.reshape(*folded, -1)
        for axis in (0, 1):
            label, first = alike(np.moveaxis(weights, axis, 0).reshape(folded[axis], -1))
            kept = np.take(weights, first, axis=axis).reshape(-1, matrix.shape[1])
            if len(kept) < (len(matrix) if best is None else len(best.weights)):
                members = (label == np.arange(len(first))[:, None]).astype(np.int64)
                best = Classes(folded, axis, members, kept)
    return best


def alike(rows: IntArray) -> tuple[IntArray, IntArray]:
    """Class of each row, and a row of each class."""
    random = np.random.default_rng(HASH_SEED).integers(-(2**62), 2**62, rows.shape[1])
    hashed = (rows * random).sum(axis=1)  # wraps
    _, first, label = np.unique(hashed, return_index=True, return_inverse=True)
    if not (rows == rows[first][label]).all():  # two unlike rows with one hash
        _, first, label = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return label.reshape(-1), first


def _over_classes(b: Builder, total: str, classes: Classes) -> str:
    """Sums (m, size) as sums over classes, (m, classes, n) or (m, n, classes)."""
    dtype = b.types[total]
    folded = b.op("Reshape", [total, b.constant(np.array([0, *classes.shape]))], dtype)
    members = b.constant(classes.members if classes.axis == 0 else classes.members.T, dtype)
    pair = [members, folded] if classes.axis == 0 else [folded, members]
    return b.op("MatMul", pair, dtype)
