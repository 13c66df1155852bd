"""What one node does in time: integrate what arrives, latch, hold the value that it emits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from snnc.backends.base import SessionState
from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, Node, Population, Product


class Cell(ABC):
    """A node at work; arrays have a leading sample axis."""

    @abstractmethod
    def receive(self, projection: Projection, payload: IntArray) -> None:
        """Add the events of one tick, shape (N, source size), to the membrane."""

    @abstractmethod
    def add_bias(self) -> None:
        """Happens at the first tick of each window."""

    @abstractmethod
    def latch(self, frame: int) -> IntArray:
        """Turn the membrane into the frame's count or value (N, *shape).

        The membrane is cleared, unless what arrives are changes.
        """

    def membrane(self) -> IntArray | None:
        """What this frame has integrated so far, (N, *shape), if the node is a population."""
        return None


class SourceCell(Cell):
    """An input or a host operator: it repeats what it is fed."""

    def __init__(self, feed: IntArray) -> None:
        self.feed = feed

    def receive(self, projection: Projection, payload: IntArray) -> None:
        raise AssertionError("nothing arrives at a source")

    def add_bias(self) -> None:
        pass

    def latch(self, frame: int) -> IntArray:
        return self.feed[:, frame]


class PopulationCell(Cell):
    """Neurons: sum of the input, then the model's own latch.

    Args:
        keeps: does the membrane outlive a frame, since events are changes?
        state: what the model goes on from, as far as it does.
    """

    def __init__(
        self, node: Population, n_samples: int, keeps: bool, state: Mapping[str, Array]
    ) -> None:
        self.node = node
        self.keeps = keeps
        self.v = np.zeros((n_samples, *node.shape), dtype=np.int64)
        rest = node.model.initial_state(self.v.shape)
        self.state = {name: state.get(name, array) for name, array in rest.items()}

    def receive(self, projection: Projection, payload: IntArray) -> None:
        self.v += projection.apply(payload).reshape(self.v.shape)

    def add_bias(self) -> None:
        self.v += self.node.bias_map()

    def latch(self, frame: int) -> IntArray:
        k, self.state = self.node.latch(self.v, self.state)
        self.v = self.v.copy() if self.keeps else np.zeros_like(self.v)
        return k

    def membrane(self) -> IntArray:
        return self.v


class MaxCell(PopulationCell):
    """Neurons that take a maximum: of a tick's payloads, or of every input's count so far."""

    inputs: IntArray | None = None
    """What has arrived so far of each input's count, (N, source size)."""

    def receive(self, projection: Projection, payload: IntArray) -> None:
        current = strongest(projection, payload)
        if self.keeps:
            before = np.zeros_like(payload) if self.inputs is None else self.inputs
            self.inputs = before + payload
            current = strongest(projection, self.inputs) - strongest(projection, before)
        self.v += current.reshape(self.v.shape)


class ProductCell(Cell):
    """Two operands, integrated apart, multiplied once a frame."""

    def __init__(self, node: Product, n_samples: int, keeps: bool) -> None:
        self.node = node
        self.n_samples = n_samples
        self.keeps = keeps
        self.operands = self._zeros()
        self.latched: list[tuple[IntArray, IntArray]] = []

    def receive(self, projection: Projection, payload: IntArray) -> None:
        operand = self.operands[projection.port]
        operand += projection.apply(payload).reshape(operand.shape)

    def add_bias(self) -> None:
        pass

    def latch(self, frame: int) -> IntArray:
        a, b = self.operands["a"], self.operands["b"]
        self.latched.append((a, b))
        self.operands = {"a": a.copy(), "b": b.copy()} if self.keeps else self._zeros()
        return self.node.multiply(a, b)

    def _zeros(self) -> dict[str, IntArray]:
        return {
            port: np.zeros((self.n_samples, *self.node.port_shape(port)), dtype=np.int64)
            for port in self.node.ports
        }


def strongest(projection: Projection, payload: IntArray) -> IntArray:
    """Maximum payload of one tick over each target's existing inputs, an absent one being 0.

    Args:
        payload: shape (N, source size).

    Returns:
        shape (N, map.out_size); 0 for a target that has no input.
    """
    indptr, targets, _ = projection.map.to_csr()
    position = np.repeat(np.arange(projection.map.in_size), np.diff(indptr))
    if projection.gather is not None:
        exists = projection.gather[position] >= 0
        position, targets = position[exists], targets[exists]
    lowest = np.iinfo(np.int64).min
    out = np.full((projection.map.out_size, len(payload)), lowest)
    np.maximum.at(out, targets, projection.arrange(payload).T[position])
    return np.where(out == lowest, 0, out).T


def make_cells(
    graph: Graph, feeds: dict[str, IntArray], keeps: bool, state: SessionState
) -> dict[str, Cell]:
    """A cell for every node that emits, in topological order.

    Args:
        keeps: do membranes outlive a frame?
    """
    n_samples = len(next(iter(feeds.values())))
    return {
        name: _cell(node, feeds, n_samples, keeps, state.get(name, {}))
        for name, node in graph.nodes.items()
        if _takes_part(node)
    }


def _takes_part(node: Node) -> bool:
    if isinstance(node, Input):
        return node.grid
    if isinstance(node, HostOp):
        return node.result != "real"
    return isinstance(node, Population | Product)


def _cell(
    node: Node,
    feeds: dict[str, IntArray],
    n_samples: int,
    keeps: bool,
    state: Mapping[str, Array],
) -> Cell:
    if isinstance(node, Population):
        kind = MaxCell if node.model.combine == "max" else PopulationCell
        return kind(node, n_samples, keeps, state)
    if isinstance(node, Product):
        return ProductCell(node, n_samples, keeps)
    if node.name in feeds:
        return SourceCell(feeds[node.name])
    raise NotExecutable(f"the oracle does not know {node.kind} nodes", where=node.name)
