"""Where each core's square lies in a core map, and which part of the mesh is worth showing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.runtime.map.result import MapResult


@dataclass(frozen=True, kw_only=True, eq=False)
class Squares:
    """Squares of a picture; a router's cores make a small block.

    Attributes:
        place: column and row of each core's square, shape (n_cores, 2).
        shape: rows and columns of all squares.
        block: columns and rows of a router's block.
        free: squares of cores that are there and hold nothing.
        borders: lines between chips: is it horizontal, and before which row or column?
    """

    place: IntArray
    shape: tuple[int, int]
    block: tuple[int, int]
    free: Array
    borders: tuple[tuple[bool, int], ...]

    @classmethod
    def of(cls, result: MapResult) -> Squares:
        """Of a mapping; without a mesh cores follow each other row by row."""
        layout = result.layout
        if layout is None:
            side = math.ceil(math.sqrt(result.n_cores))
            row, column = np.divmod(np.arange(result.n_cores), side)
            shape = -(-result.n_cores // side), side
            place = np.stack([column, row], axis=1)
            free = np.zeros(shape, dtype=bool)
            return cls(place=place, shape=shape, block=(1, 1), free=free, borders=())
        grid = layout.grid
        wide = math.ceil(math.sqrt(grid.per_router))
        high = -(-grid.per_router // wide)
        slots = np.arange(len(grid.position))
        row, column = np.divmod(slots % grid.per_router, wide)
        at = grid.position * [wide, high] + np.stack([column, row], axis=1)
        shape = grid.shape[0] * high, grid.shape[1] * wide
        free = np.zeros(shape, dtype=bool)
        free[at[grid.usable, 1], at[grid.usable, 0]] = True
        place = at[layout.slots]
        free[place[:, 1], place[:, 0]] = False
        lines = [(True, row * grid.rows * high) for row in range(1, grid.chip_rows)]
        lines += [(False, n * grid.columns * wide) for n in range(1, grid.chip_columns)]
        return cls(place=place, shape=shape, block=(wide, high), free=free, borders=tuple(lines))

    @property
    def seen(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Columns and rows of squares from the first to the last router in use, one more around."""
        spans = []
        for axis, (n, step) in enumerate(zip(reversed(self.shape), self.block, strict=True)):
            first, last = int(self.place[:, axis].min()), int(self.place[:, axis].max())
            low = max((first // step - 1) * step, 0)
            spans.append((low, min((last // step + 2) * step, n)))
        return spans[0], spans[1]

    def image(self, values: Array) -> FloatArray:
        """Values at their squares, NaN where there is no core in use."""
        image = np.full(self.shape, np.nan)
        image[self.place[:, 1], self.place[:, 0]] = values
        return image
