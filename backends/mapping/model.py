"""What a mapping consists of: pieces of nodes, one on each core, and whether they fit."""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Self, TypeAlias, get_args

import numpy as np

from snnc.backends.chips import Chip
from snnc.ir.arrays import IntArray, Shape, size_of
from snnc.ir.errors import SnncError
from snnc.ir.graph import Graph

Box: TypeAlias = tuple[tuple[int, int], ...]
"""A half-open range on each axis of a node's shape."""

Verdict: TypeAlias = Literal["yes", "no", "assumed"]

Operands: TypeAlias = Literal["neurons", "memory"]
"""Where the operands of matrix products are kept while they are integrated."""

OPERANDS: tuple[str, ...] = get_args(Operands)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What one neuro-core holds: a box of one node's neurons and the synapses into them.

    Attributes:
        node: name of the population or product.
        box: its neurons.
        n_neurons: neurons of the core, operands of a matrix product included where they are such.
        synapse_words: memory words by incoming projection; empty where the chip file does not say
            how synapses are stored.
        axons_in: incoming axons by incoming projection.
        axon_map: entries of the routing table by outgoing projection.
        axons_out: edges to other cores by outgoing projection, for chips that count those.
        operand_words: memory words of a matrix product's operands where they are kept in memory.
    """

    node: str
    box: Box
    n_neurons: int
    synapse_words: MappingOf[str, int] = field(default_factory=dict)
    axons_in: MappingOf[str, int] = field(default_factory=dict)
    axon_map: MappingOf[str, int] = field(default_factory=dict)
    axons_out: MappingOf[str, int] = field(default_factory=dict)
    operand_words: int = 0

    @property
    def slices(self) -> tuple[slice, ...]:
        """The box as an index of an array of the node's shape."""
        return tuple(slice(lo, hi) for lo, hi in self.box)

    @cached_property
    def use(self) -> MappingOf[str, int]:
        """What the core uses of each kind, keys as in `Chip.core_limits`."""
        return {
            "neurons": self.n_neurons,
            "synapse_words": sum(self.synapse_words.values()) + self.operand_words,
            "axons_in": sum(self.axons_in.values()),
            "axon_map": sum(self.axon_map.values()),
            "axons_out": sum(self.axons_out.values()),
        }


@dataclass(frozen=True, kw_only=True)
class Split:
    """How one node is cut: a regular grid of tiles, the last ones smaller.

    Attributes:
        node: its name.
        shape: of the node.
        tile: neurons of a tile along each axis.
        first: index of the first tile's piece; the others follow in C order of the grid.
    """

    node: str
    shape: Shape
    tile: Shape
    first: int = 0

    @property
    def size(self) -> int:
        """Number of neurons."""
        return size_of(self.shape)

    @property
    def grid(self) -> Shape:
        """Tiles along each axis."""
        return tuple(-(-n // t) for n, t in zip(self.shape, self.tile, strict=True))

    @property
    def n_pieces(self) -> int:
        """Number of tiles."""
        return size_of(self.grid)

    def boxes(self) -> list[Box]:
        """Every tile, C order of the grid."""
        along = [
            [(lo, min(lo + t, n)) for lo in range(0, n, t)]
            for n, t in zip(self.shape, self.tile, strict=True)
        ]
        return [
            tuple(ranges[i] for ranges, i in zip(along, index, strict=True))
            for index in np.ndindex(self.grid)
        ]

    def piece_at(self, neuron: IntArray) -> IntArray:
        """Piece of each neuron, given as flat C-order index."""
        at = np.unravel_index(neuron, self.shape)
        tiles = tuple(a // t for a, t in zip(at, self.tile, strict=True))
        return np.asarray(np.ravel_multi_index(tiles, self.grid), dtype=np.int64) + self.first


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a graph does not fit, or fits by assumption only.

    Attributes:
        what: one sentence without a full stop.
        where: the layers, in the user's names.
        limit: what the chip has, None where the matter is no number.
        have: what the graph needs.
        ways_out: what would make it fit.
        verdict: `no` or `assumed`.
    """

    what: str
    where: tuple[str, ...]
    limit: int | None = None
    have: int | None = None
    ways_out: tuple[str, ...] = ()
    verdict: Verdict = "no"

    @classmethod
    def of(cls, error: SnncError) -> Self:
        """What a named error says."""
        return cls(
            what=error.what,
            where=(error.where,) if error.where else (),
            ways_out=(error.hint,) if error.hint else (),
        )

    def to_json(self) -> dict[str, Any]:
        """All attributes by name."""
        return {
            "what": self.what,
            "where": list(self.where),
            "limit": self.limit,
            "have": self.have,
            "ways_out": list(self.ways_out),
            "verdict": self.verdict,
        }


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A graph cut into pieces, each for a core of its own.

    Attributes:
        graph: that was cut: the given one, in code `rate` the one whose frames are ticks.
        chip: that it was cut for.
        pieces: of populations and products; inputs and host operators are the host's.
        splits: by node.
        operands: where those of matrix products are taken to be.
        product_cores: cores of all matrix products under either assumption; empty without any.
        reasons: against fitting, and what is assumed.
    """

    graph: Graph
    chip: Chip
    pieces: tuple[Piece, ...]
    splits: MappingOf[str, Split]
    operands: Operands = "neurons"
    product_cores: MappingOf[Operands, int] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()

    @property
    def fits(self) -> Verdict:
        """`no` where a reason says so, `assumed` where one rests on what is not public."""
        verdicts = {reason.verdict for reason in self.reasons}
        if "no" in verdicts:
            return "no"
        return "assumed" if "assumed" in verdicts else "yes"

    @property
    def n_cores(self) -> int:
        """Cores in use."""
        return len(self.pieces)

    @property
    def n_chips(self) -> int | None:
        """Chips that hold so many cores, None where the chip file does not say."""
        per_chip = self.chip.cores_per_chip
        return None if per_chip is None else math.ceil(self.n_cores / per_chip)

    def pieces_of(self, node: str) -> tuple[Piece, ...]:
        """A node's pieces, in the order of its split."""
        split = self.splits[node]
        return self.pieces[split.first : split.first + split.n_pieces]
