"""The state of one lowering, and what every lowering rule needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnc.converter.lower.builder import GraphBuilder, neuron_shape
from snnc.converter.lower.host import boundaries, runs_on_host
from snnc.converter.lower.host_bound import largest_magnitude
from snnc.converter.lower.layout import repeats
from snnc.converter.lower.registry import Fate
from snnc.converter.lower.source import SourceNode, SourceView
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import (
    Affine,
    Constant,
    Detour,
    ElementOp,
    Host,
    Pending,
    Settled,
    Unknown,
    Value,
    ViewOp,
    affine,
    chain_of,
    wire_to,
)
from snnc.converter.sources.model import HeldState
from snnc.converter.sources.quantised import is_quantised
from snnc.ir.arrays import Array, FloatArray, Shape
from snnc.ir.errors import NeedsInputGrid, UnsupportedOperator
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import HostOp, Input

RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
"""Operators that only change a shape."""


@dataclass(frozen=True)
class OperatorFate:
    """What became of one operator of the source.

    Attributes:
        fate: `event`, `folded`, `host` or `unsupported`.
        why: one phrase.
    """

    fate: Fate
    why: str


class Lowering:
    """Values of the source's tensors and the float graph that grows from them.

    Args:
        view: the source.
        analog: names of the inputs that stay raw because the first layer is the host's.
        levels: D where nothing in the source bounds an activation.
    """

    def __init__(
        self, view: SourceView, *, analog: frozenset[str] = frozenset(), levels: int | None = None
    ) -> None:
        self.view = view
        self.levels = levels
        self.exact = view.source.eager is None and is_quantised(view.model)
        """Quantised operators are the source: they mean exact sums of integers."""
        self.builder = GraphBuilder()
        self.values: dict[str, Value] = {n: Constant(a) for n, a in view.constants.items()}
        self.fates: dict[str, OperatorFate] = {}
        self.sent: dict[str, UnsupportedOperator] = {}
        """Operators that the host computes among events, and why."""
        self.joining: set[UnsupportedOperator] = set()
        """Reasons of operators that only belong to what another one needs."""
        self.read_by_host: dict[str, SourceNode] = {}
        """Operators that are the host's because it alone reads them, by name, and for what."""
        self.handed: dict[str, Affine] = {}
        """What the host reads of what nodes emit, by tensor."""
        self.leaving: dict[str, str] = {}
        """What the host gives: tensor by host operator."""
        self.raw: dict[str, str] = {}
        """Inputs that the host reads as they are: node by tensor."""
        self.held: dict[str, HeldState] = {}
        """What the host keeps from frame to frame, by the tensor that reads it."""
        self.readers: list[str] = []
        """Nodes that somebody outside of the graph reads."""
        self.analog = analog
        self.boundaries = boundaries(view, analog)
        self.fired: dict[Pending, tuple[Affine, FloatArray]] = {}
        self._settled: dict[Value, Settled] = {}
        self._collected: dict[Affine, Affine] = {}
        self._streams: dict[str, Affine] = {}

    # -- what rules ask for ------------------------------------------------------------------

    def operand(self, node: SourceNode, i: int) -> Value:
        """Value of a node's input."""
        return self.values[node.inputs[i]]

    def constant(self, node: SourceNode, i: int) -> Array | None:
        """A node's input as an array; None where it is left out.

        Raises:
            UnsupportedOperator: it is computed from the model's input.
        """
        if i >= len(node.inputs) or not node.inputs[i]:
            return None
        value = self.operand(node, i)
        if isinstance(value, Constant):
            return value.array
        raise UnsupportedOperator(
            f"input {i} of {node.op_type} depends on the data; only constants are supported there",
            where=node.where,
        )

    def pend(self, node: SourceNode, value: Value, op: ElementOp | ViewOp, shape: Shape) -> Pending:
        """Let an operation wait on a value until it is known where it belongs."""
        return Pending(
            parent=value,
            op=op,
            shape=shape,
            tensor=node.outputs[0],
            module_path=node.module_path,
            node=node.name,
        )

    def settle(self, value: Value) -> Settled:
        """Decide where the operations that wait on a value belong.

        Rounding makes a population of it; without one they fold into weights and offsets.

        Raises:
            UnsupportedOperator: an activation without rounding.
            UnknownLevels: nothing bounds an integer activation.
        """
        if isinstance(value, Constant):
            return constant_affine(value.array)
        if isinstance(value, Affine | Host | Unknown):
            return value
        if value not in self._settled:
            from snnc.converter.lower.settle import settle

            self._settled[value] = settle(self, value)
        return self._settled[value]

    def events(self, value: Value) -> Affine:
        """A value as an affine map of what nodes emit; what the host computes ends there."""
        settled = self.settle(value)
        if isinstance(settled, Unknown):
            raise TypeError("a value of unknown origin cannot be lowered")
        return self.stream(settled) if isinstance(settled, Host) else settled

    def wiring(self, value: Value) -> Affine:
        """A value as wires from nodes, at most one into each element.

        What has to be summed first becomes an accumulator.
        """
        settled = self.events(value)
        return settled if settled.is_wiring else self.collect(settled)

    def collect(self, value: Affine) -> Affine:
        """An accumulator that integrates a value, as a wire from it."""
        if value.is_plain and self._is_whole(value):
            return value
        if value not in self._collected:
            name = self.name_of(value.tensor)
            node = self.builder.population(value, Accumulator(), name=name, tensor=value.tensor)
            self._collected[value] = wire_to(node.name, value.shape, tensor=value.tensor)
        return self._collected[value]

    def name_of(self, tensor: str | None) -> str:
        """The user's name for what computes a tensor."""
        node = self.view.producer.get(tensor or "")
        named = node
        while named is not None and named.op_type in RESHAPES:
            named = self.view.producer.get(named.inputs[0])  # what is reshaped says more
        named = named or node
        return (named.module_path or named.name) if named else (tensor or "sum")

    def _is_whole(self, value: Affine) -> bool:
        wire = value.wires[0]
        return wire.gather is None and self.builder.nodes[wire.source].size == value.size

    # -- the host ----------------------------------------------------------------------------

    def stream(self, value: Host) -> Affine:
        """The wire from a host operator that hands over a real value."""
        if value.tensor not in self.view.producer:
            raise NeedsInputGrid(
                f"the analog input `{value.tensor}` itself joins a residual stream",
                where=self.view.source.name,
                hint="declare a grid: --input-range LO,HI --input-bits B",
            )
        if value.tensor not in self._streams:
            shape = neuron_shape(value.shape)
            limit = math.ceil(largest_magnitude(self.view, value.tensor))
            node = self.host_op(
                value.tensor, shape=shape, axis=0, result="value", lo=-limit, hi=limit
            )
            self._streams[value.tensor] = wire_to(node.name, value.shape, tensor=value.tensor)
        return self._streams[value.tensor]

    def host_op(self, tensor: str, *, shape: Shape, axis: int, **fields: Any) -> HostOp:
        """Add a host operator for a tensor; its subgraph is found when all are known."""
        path = self.name_of(tensor)
        node = HostOp(
            name=self.builder.unique(path),
            shape=shape,
            module_path=path,
            source_tensor=tensor,
            onnx="",
            reads=(),
            channel_axis=axis,
            **fields,
        )
        self.leaving[node.name] = tensor
        return self.builder.add(node, (node.lo, node.hi) if node.result == "count" else None)

    def add_real(self, tensor: str) -> HostOp:
        """A host operator whose values stay real, for outputs and for the host itself."""
        shape = neuron_shape(self.view.shape(tensor))
        return self.host_op(tensor, shape=shape, axis=0, result="real")

    def send(self, node: SourceNode, reason: UnsupportedOperator) -> list[Host]:
        """Leave an operator to the host; the values of its outputs.

        Raises:
            UnsupportedOperator: `reason`, where not even the host can compute it.
        """
        if not runs_on_host(self.view, node):
            raise reason
        self.sent.setdefault(node.name, reason)
        self.mark(node.name, "host", reason.what)
        for name in node.inputs:
            if name:
                self.hand_over(name, reason)
        return [Host(shape=self.view.known_shape(n) or (), tensor=n) for n in node.outputs]

    def hand_over(self, tensor: str, reason: UnsupportedOperator) -> None:
        """Make a tensor known to the host: read from a node, or computed from what can be."""
        value = self.values[tensor]
        if isinstance(value, Constant) or tensor in self.handed or tensor in self._streams:
            return
        if isinstance(chain_of(value).base, Host):
            return
        read = self._readable(tensor, value)
        if read is not None:
            self.handed[tensor] = read
            return
        producer = self.view.producer[tensor]
        self.send(producer, reason)

    def _readable(self, tensor: str, value: Value) -> Affine | None:
        """A value as neurons that the host can read one by one; None where it has to compute."""
        try:
            settled = self.settle(value)
        except UnsupportedOperator:
            return None
        if not isinstance(settled, Affine):
            return None
        if settled.synapses or (settled.terms and not settled.is_wiring):
            settled = self.collect(replace(settled, tensor=tensor))
            self.values[tensor] = settled
        if not settled.is_plain or repeats(settled.wires[0].gather):
            return None
        source = self.builder.nodes[settled.wires[0].source]
        return None if isinstance(source, HostOp) else settled

    # -- bookkeeping -------------------------------------------------------------------------

    def finish_output(self, tensor: str, value: Value) -> Value:
        """What a tensor's readers shall see.

        A sum that several of them need gets its own accumulator, so that it is computed once; a
        host value that meets events starts a stream there.
        """
        if isinstance(value, Constant | Unknown | Detour):
            return value
        chain = chain_of(value)
        if isinstance(chain.base, Host):
            if tensor not in self.boundaries:
                return value
            settled = self.settle(value)
            return self.stream(settled) if isinstance(settled, Host) else settled
        if self.view.uses[tensor] < 2 or not isinstance(chain.base, Affine):
            return value
        if chain.base.is_wiring or not _is_linear(chain.steps):
            return value
        return self.collect(replace(self.events(value), tensor=tensor))

    def mark(self, node_name: str, fate: Fate, why: str) -> None:
        """Note what became of an operator."""
        self.fates[node_name] = OperatorFate(fate, why)

    def add_input(self, declaration_index: int) -> None:
        """Add one of the source's inputs with its value."""
        declared = self.view.source.inputs[declaration_index]
        name = self.builder.unique(declared.name)
        shape = declared.shape or (1,)
        grid = declared.grid
        full = self.view.shape(declared.name)
        if grid is None or declared.name in self.analog:
            node = Input(name=name, shape=shape, dtype=declared.dtype, grid=False)
            self.builder.add(node)
            self.raw[declared.name] = name
            self.values[declared.name] = Host(shape=full, tensor=declared.name)
            return
        lo, hi = grid.count_range
        node = Input(
            name=name,
            shape=shape,
            source_tensor=declared.name,
            dtype=declared.dtype,
            lo=lo,
            hi=hi,
            step=grid.step,
            zero_point=grid.zero_point,
            arithmetic=grid.arithmetic,
        )
        self.builder.add(node, (lo, hi))
        self.values[declared.name] = wire_to(name, full, tensor=declared.name)


def constant_affine(array: Array) -> Affine:
    """A constant as a value without a linear part."""
    array = np.asarray(array, dtype=np.float64)
    offset = Spread.of(array, array.shape)
    return replace(affine((), array.shape), offset=offset, magnitude=abs(offset))


def _is_linear(steps: tuple[Pending, ...]) -> bool:
    from snnc.converter.lower.fold import LINEAR

    return all(isinstance(s.op, ViewOp) or s.op.name in LINEAR for s in steps)
