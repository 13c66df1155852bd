"""What the synapses of a projection cost the core that holds a piece of their target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from itertools import product

import numpy as np

from snnc.backends.chips import SynapseFormat
from snnc.backends.mapping.boxes import box_size, project, same_axes
from snnc.backends.mapping.kernels import Kernel, Parts, kernel_of
from snnc.backends.mapping.lists import (
    channel_groups,
    grouped_words,
    index_width,
    indexed_words,
    list_words,
    plain_words,
    significant_bits,
    stored_widths,
)
from snnc.backends.mapping.model import Box, Split
from snnc.backends.mapping.pixels import meetings, pixel_cost
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.graph import Projection
from snnc.ir.maps import Dense

Cost = tuple[int | None, int]
"""Memory words (None: the chip file has no synapse format) and incoming axons."""


class Storage(ABC):
    """A projection's synapses as a chip keeps them.

    Args:
        projection: whose synapses.
        shape: of the port that they reach.
        form: how the chip stores synapses; None: it does not say.
    """

    def __init__(self, projection: Projection, shape: Shape, form: SynapseFormat | None) -> None:
        self.projection = projection
        self.shape = shape
        self.form = form
        self.bits = significant_bits(projection.map.weight)
        self._known: dict[object, Cost] = {}

    def cost(self, box: Box) -> Cost:
        """Cost of the neurons in a box of the port's shape."""
        key = self._key(box)
        if key not in self._known:
            self._known[key] = self._count(box)
        return self._known[key]

    def costs(self, split: Split, boxes: list[Box]) -> list[Cost]:
        """Cost of each box; `boxes` are those of `split`, as the port sees them."""
        return [self.cost(box) for box in boxes]

    @abstractmethod
    def _key(self, box: Box) -> object:
        """Equal for boxes of equal cost."""

    @abstractmethod
    def _count(self, box: Box) -> Cost:
        """The cost of a box."""


class DenseStorage(Storage):
    """All-to-all: each source that the map takes has a list with every neuron of the core."""

    def _key(self, box: Box) -> object:
        return box_size(box)

    def _count(self, box: Box) -> Cost:
        n = box_size(box)
        gather = self.projection.gather
        n_in = self.projection.map.in_size if gather is None else int((gather >= 0).sum())
        if self.form is None:
            return None, n_in
        if self.form.dense_lists == "plain":
            return n_in * plain_words(n, self.bits, self.form), n_in
        return n_in * indexed_words(n, self.bits, n, self.form), n_in


class KernelStorage(Storage):
    """Weights shared over positions."""

    def __init__(
        self, projection: Projection, shape: Shape, form: SynapseFormat | None, kernel: Kernel
    ) -> None:
        super().__init__(projection, shape, form)
        self.kernel = kernel
        self.kept = "unshared" if form is None else form.kernels

    def _key(self, box: Box) -> object:
        seen = project(box, self.shape, self.kernel.out_shape)
        channels, sites = self.kernel.channels(seen), self.kernel.sites(seen)
        parts = self.kernel.group_parts(channels)
        if self.kept == "taps":
            return parts
        if self.kept == "pixels":
            return parts, meetings(self.kernel, sites)
        return parts, sites, box_size(box)

    def _count(self, box: Box) -> Cost:
        seen = project(box, self.shape, self.kernel.out_shape)
        parts = self.kernel.group_parts(self.kernel.channels(seen))
        if self.kept == "taps":
            return self._by_tap(parts)
        if self.kept == "pixels":
            return self._by_pixel(parts, self.kernel.sites(seen))
        return self._by_neuron(parts, self.kernel.sites(seen), box_size(box))

    def _by_tap(self, parts: Parts) -> Cost:
        """Lists for each input channel and tap; an axon for each group of output channels."""
        assert self.form is not None
        per_tap = sum(grouped_words(n, self.bits, self.form) * times for n, times in parts)
        groups = max(len(channel_groups(n)) for n, times in parts if times)
        return self.kernel.group_in * self.kernel.n_taps * per_tap, groups

    def _by_pixel(self, parts: Parts, sites: Box) -> Cost:
        """Lists by the taps that input positions meet; an axon for each of these positions."""
        assert self.form is not None
        n_out = sum(n * times for n, times in parts)
        extents = tuple(hi - lo for lo, hi in sites)
        axes = meetings(self.kernel, sites)
        n_pairs = self.kernel.group_in * n_out
        return pixel_cost(axes, extents, n_out, n_pairs, self.bits, self.form)

    def _by_neuron(self, parts: Parts, sites: Box, n_neurons: int) -> Cost:
        """A list for each input neuron, as if no weight were shared."""
        words = axons = 0
        numbers = [Counter(len(taps) for taps in met) for met in self._met(sites)]
        for found in product(*(number.items() for number in numbers)):
            n_taps = int(np.prod([n for n, _ in found]))
            positions = int(np.prod([times for _, times in found]))
            if not n_taps:
                continue
            neurons = positions * self.kernel.group_in
            axons += neurons * sum(times for _, times in parts)
            if self.form is not None:
                words += neurons * sum(
                    indexed_words(n * n_taps, self.bits, n_neurons, self.form) * times
                    for n, times in parts
                )
        return None if self.form is None else words, axons

    def _met(self, sites: Box) -> list[list[tuple[int, ...]]]:
        return [self.kernel.met(along, span) for along, span in enumerate(sites)]


class SparseStorage(Storage):
    """Synapses one by one: each source has a list with the neurons of the core that it reaches."""

    def __init__(self, projection: Projection, shape: Shape, form: SynapseFormat | None) -> None:
        super().__init__(projection, shape, form)
        indptr, self._targets, _ = projection.map.to_csr()
        self._sources = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        if projection.gather is not None:
            taken = projection.gather[self._sources] >= 0
            self._sources, self._targets = self._sources[taken], self._targets[taken]

    def costs(self, split: Split, boxes: list[Box]) -> list[Cost]:
        piece = split.piece_at(self._targets) - split.first
        return self._by_piece(piece, [box_size(box) for box in boxes])

    def _key(self, box: Box) -> object:
        return box

    def _count(self, box: Box) -> Cost:
        inside = np.zeros(self.shape, dtype=bool)
        inside[tuple(slice(lo, hi) for lo, hi in box)] = True
        piece = np.where(inside.reshape(-1)[self._targets], 0, -1)
        return self._by_piece(piece, [box_size(box)])[0]

    def _by_piece(self, piece: IntArray, sizes: list[int]) -> list[Cost]:
        n_in = self.projection.map.in_size
        kept = piece >= 0
        lists, lengths = np.unique(piece[kept] * n_in + self._sources[kept], return_counts=True)
        of_piece = lists // n_in
        axons = np.bincount(of_piece, minlength=len(sizes))
        if self.form is None:
            return [(None, int(n)) for n in axons]
        words = np.zeros(len(sizes), dtype=np.int64)
        index = np.array([index_width(n, self.form) for n in sizes])
        for width in stored_widths(self.bits, self.form):
            for bits in np.unique(index):
                there = index[of_piece] == bits
                table = self._table(int(lengths.max(initial=0)), width + int(bits))
                np.add.at(words, of_piece[there], table[lengths[there]])
        return [(int(w), int(n)) for w, n in zip(words, axons, strict=True)]

    def _table(self, longest: int, synapse_bits: int) -> IntArray:
        """Words of a list by its length."""
        assert self.form is not None
        return np.array([list_words(n, synapse_bits, self.form) for n in range(longest + 1)])


def storage_of(projection: Projection, shape: Shape, form: SynapseFormat | None) -> Storage:
    """How a chip keeps a projection into a port of `shape`."""
    kernel = kernel_of(projection.map)
    shares = form is not None and form.kernels != "unshared"
    if kernel is not None and (shares or same_axes(shape, kernel.out_shape)):
        return KernelStorage(projection, shape, form, kernel)
    if isinstance(projection.map, Dense) and kernel is None:
        return DenseStorage(projection, shape, form)
    return SparseStorage(projection, shape, form)
