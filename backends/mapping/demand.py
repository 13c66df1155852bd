"""What the tiles of a node ask of their cores."""

from __future__ import annotations

from collections.abc import Mapping

from snnc.backends.chips import Chip
from snnc.backends.mapping.boxes import box_size, project, same_axes
from snnc.backends.mapping.kernels import Kernel, kernel_of
from snnc.backends.mapping.lists import channel_groups
from snnc.backends.mapping.model import Box, Piece, Split
from snnc.backends.mapping.storage import KernelStorage, Storage, storage_of
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product


class Demand:
    """A node with the synapses into it and the routes out of it.

    Args:
        graph: integer form.
        node: population or product.
        chip: whose formats count.
        operand_bits: widths of a matrix product's operands by port, which are then packed into the
            words of the core's memory; None: each of them takes a neuron.
    """

    def __init__(
        self,
        graph: Graph,
        node: Population | Product,
        chip: Chip,
        operand_bits: Mapping[str, int] | None = None,
    ) -> None:
        self.node = node
        self.chip = chip
        self._operand_bits = operand_bits
        self.incoming: list[tuple[Projection, Storage]] = [
            (p, storage_of(p, node.port_shape(p.port), chip.synapses))
            for p in graph.incoming(node.name)
            if graph.is_event(p)
        ]
        self.outgoing = [p for p in graph.outgoing(node.name) if graph.is_event(p)]
        self._by_site = {p.name: shared_sites(p, node, chip) for p in self.outgoing}

    @property
    def kernels(self) -> list[Kernel]:
        """Of the incoming projections whose weights are shared over positions."""
        return [s.kernel for _, s in self.incoming if isinstance(s, KernelStorage)]

    @property
    def channel_axis(self) -> int | None:
        """The axis of channels where the chip sees the node as channels at positions."""
        if not isinstance(self.node, Population):
            return None
        routed = any(kernel is not None for kernel in self._by_site.values())
        return self.node.channel_axis if self.kernels or routed else None

    def port_box(self, port: str, box: Box) -> Box:
        """What a box of the node takes in through a port."""
        node = self.node
        if isinstance(node, Population) or node.op == "multiply":
            return box
        if port == "a":
            return (*box[:-1], (0, node.a_shape[-1]))
        return (*box[:-2], (0, node.b_shape[-2]), box[-1])

    @property
    def operand_neurons(self) -> bool:
        """Does each operand take a neuron beside those of the results?

        Those of an elementwise product do not: one neuron has an input for each of the two, as
        lava-nc's `ProdNeuron` has.
        """
        is_matrix = isinstance(self.node, Product) and self.node.op == "matmul"
        return is_matrix and self._operand_bits is None

    def n_neurons(self, box: Box) -> int:
        """Neurons of a box."""
        if not self.operand_neurons:
            return box_size(box)
        return box_size(box) + sum(box_size(self.port_box(port, box)) for port in ("a", "b"))

    def operand_words(self, box: Box) -> int:
        """Memory words of a box's operands, packed."""
        if self._operand_bits is None or self.chip.synapses is None:
            return 0
        used = sum(
            box_size(self.port_box(port, box)) * bits for port, bits in self._operand_bits.items()
        )
        return -(-used // self.chip.synapses.word_bits)

    def piece(self, box: Box) -> Piece:
        """What a core needs for a box."""
        costs = [s.cost(self.port_box(p.port, box)) for p, s in self.incoming]
        return self._piece(box, costs)

    def pieces(self, split: Split) -> list[Piece]:
        """All tiles of a split, without `axons_out`, which other nodes' splits decide."""
        boxes = split.boxes()
        if not isinstance(self.node, Population):
            return [self.piece(box) for box in boxes]
        columns = [storage.costs(split, boxes) for _, storage in self.incoming]
        return [self._piece(box, [column[i] for column in columns]) for i, box in enumerate(boxes)]

    def _piece(self, box: Box, costs: list[tuple[int | None, int]]) -> Piece:
        named = [(p.name, *cost) for (p, _), cost in zip(self.incoming, costs, strict=True)]
        return Piece(
            node=self.node.name,
            box=box,
            n_neurons=self.n_neurons(box),
            synapse_words={name: words for name, words, _ in named if words is not None},
            axons_in={name: axons for name, _, axons in named},
            axon_map={p.name: self._entries(p, box) for p in self.outgoing},
            operand_words=self.operand_words(box),
        )

    def _entries(self, p: Projection, box: Box) -> int:
        """Routing entries: of each position where the target shares its weights, else each neuron.

        The output channels of a position share an entry by groups of powers of two where the chip
        keeps kernels by tap.
        """
        kernel = self._by_site[p.name]
        if kernel is None:
            return box_size(box)
        lo, hi = project(box, self.node.shape, kernel.in_shape)[kernel.axis]
        sites = box_size(box) // (hi - lo)
        form = self.chip.synapses
        by_tap = form is not None and form.kernels == "taps"
        return sites * len(channel_groups(hi - lo)) if by_tap else sites


def shared_sites(p: Projection, node: Population | Product, chip: Chip) -> Kernel | None:
    """The kernel of a projection whose events are routed by position, None where by neuron."""
    form = chip.synapses
    if form is None or form.kernels == "unshared" or p.gather is not None:
        return None
    kernel = kernel_of(p.map)
    return kernel if kernel is not None and same_axes(node.shape, kernel.in_shape) else None
