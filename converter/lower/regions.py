"""Regions of the host: maximal parts of the source that ONNX Runtime computes at one go.

What the host computes is cut where events are needed in between: a region reads what nodes have
emitted, and no event that leaves it comes back into it. Operators that belong together and need the
same events are one region, one ONNX subgraph; what one region computes for a later one stays real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from snnc.converter.lower.builder import neuron_shape
from snnc.converter.lower.host_macs import n_macs
from snnc.converter.lower.layout import in_order
from snnc.converter.lower.source import SourceNode, SourceView
from snnc.converter.lower.values import Constant
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.arrays import Array
from snnc.ir.errors import CannotLoad, UnsupportedOperator
from snnc.ir.maps import Identity
from snnc.ir.nodes import HostOp, Input

if TYPE_CHECKING:
    from snnc.converter.lower.context import Lowering


@dataclass(frozen=True, kw_only=True)
class Region:
    """An ONNX subgraph for the host.

    Attributes:
        model: serialised ONNX.
        n_macs: multiply-accumulates per sample and frame.
        operators: operator types inside, in order of first appearance.
        nodes: names of the source's nodes inside.
        reads_events: does it read what neurons emit?
    """

    model: bytes
    n_macs: int
    operators: tuple[str, ...]
    nodes: tuple[str, ...]
    reads_events: bool


def make_regions(lowering: Lowering) -> dict[str, Region]:
    """Give every host operator of the float graph its subgraph and what it reads.

    Returns:
        the regions by the name of their member in the file.
    """
    planner = _Planner(lowering)
    planner.drop_unread()
    planner.find_nodes()
    planner.find_regions()
    planner.add_crossings()
    return planner.finish()


@dataclass
class _Part:
    """A region in the making.

    Attributes:
        nodes: in the source's order.
        reads: tensors from outside, in order of first use.
        leaves: host operators by name: the tensor that each one gives.
        states: tensors that it reads from the frame before.
    """

    nodes: list[SourceNode] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    leaves: dict[str, str] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)


class _Planner:
    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.view = lowering.view
        self.builder = lowering.builder
        self.nodes: list[SourceNode] = []
        self.part_of: dict[str, _Part] = {}
        self.parts: list[_Part] = []
        self.constants = {
            name: value.array
            for name, value in lowering.values.items()
            if isinstance(value, Constant)
        }
        self._levels: dict[str, int] = {}
        self._tensor_levels: dict[str, int] = {}
        self._real: dict[str, str] = {}

    # -- what is needed ----------------------------------------------------------------------

    def drop_unread(self) -> None:
        """Forget nodes from which no path leads to an output or to what the host keeps."""
        into: dict[str, list[str]] = {}
        for p in self.builder.projections.values():
            into.setdefault(p.target, []).append(p.source)
        todo = list(self.lowering.readers)
        read: set[str] = set()
        while todo:
            name = todo.pop()
            if name in read:
                continue
            read.add(name)
            todo += into.get(name, [])
            tensor = self.lowering.leaving.get(name)
            if tensor is not None:
                todo += [w for t in self._outer(tensor) for w in self._sources(t)]
        builder = self.builder
        for name in [n for n, node in builder.nodes.items() if not isinstance(node, Input)]:
            if name not in read:
                del builder.nodes[name]
                self.lowering.leaving.pop(name, None)
        for label, p in list(builder.projections.items()):
            if p.target not in builder.nodes or p.source not in builder.nodes:
                del builder.projections[label]

    def find_nodes(self) -> None:
        """The source's operators that the host computes."""
        needed: set[str] = set()
        todo = list(self.lowering.leaving.values())
        while todo:
            tensor = todo.pop()
            node = self.view.producer.get(tensor)
            if node is None or node.name in needed or self._is_given(tensor):
                continue
            needed.add(node.name)
            todo += self._operands(node)
        self.nodes = [node for node in self.view.nodes if node.name in needed]

    def _outer(self, tensor: str) -> list[str]:
        """Tensors from outside of the host that a tensor is computed from."""
        found, seen, todo = [], set(), [tensor]
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if self._is_given(name):
                found.append(name)
            elif name in self.view.producer:
                todo += self._operands(self.view.producer[name])
        return found

    def _operands(self, node: SourceNode) -> list[str]:
        """What a node reads that is not known beforehand."""
        return [name for name in node.inputs if name and name not in self.constants]

    def _is_given(self, tensor: str) -> bool:
        known = self.lowering
        return tensor in known.handed or tensor in known.raw or tensor in known.held

    def _sources(self, tensor: str) -> list[str]:
        if tensor in self.lowering.held:
            return []
        if tensor in self.lowering.raw:
            return [self.lowering.raw[tensor]]
        return [wire.source for wire in self.lowering.handed[tensor].wires]

    # -- which operators belong together -----------------------------------------------------

    def find_regions(self) -> None:
        """Connected operators of one level are one region."""
        for node in self.nodes:
            level = self._level_of(node)
            joined = _Part([node])
            for name in dict.fromkeys(self._operands(node)):
                before = self.part_of.get(self._producer(name) or "")
                if (
                    before is not None
                    and before is not joined
                    and self._tensor_level(name) == level
                ):
                    joined = self._merge(before, joined)
            for member in joined.nodes:
                self.part_of[member.name] = joined
        order = {node.name: i for i, node in enumerate(self.nodes)}
        unique = {id(part): part for part in self.part_of.values()}
        for part in unique.values():
            part.nodes.sort(key=lambda n: order[n.name])
        self.parts = sorted(unique.values(), key=lambda part: order[part.nodes[0].name])

    def _producer(self, tensor: str) -> str | None:
        if self._is_given(tensor) or tensor not in self.view.producer:
            return None
        return self.view.producer[tensor].name

    def _merge(self, a: _Part, b: _Part) -> _Part:
        a.nodes += b.nodes
        for node in b.nodes:
            self.part_of[node.name] = a
        return a

    def _level_of(self, node: SourceNode) -> int:
        return max((self._tensor_level(n) for n in self._operands(node)), default=0)

    def _tensor_level(self, tensor: str) -> int:
        """How often a value has been to the host before the host gets it."""
        if tensor in self.lowering.raw or tensor in self.lowering.held:
            return 0
        if tensor not in self._tensor_levels:
            if tensor in self.lowering.handed:
                level = max(self._node_level(s) + 1 for s in self._sources(tensor))
            else:
                level = self._level_of(self.view.producer[tensor])
            self._tensor_levels[tensor] = level
        return self._tensor_levels[tensor]

    def _node_level(self, name: str) -> int:
        """Likewise of what a node emits."""
        if name not in self._levels:
            if isinstance(self.builder.nodes[name], Input):
                level = -1  # what enters has been nowhere: the host may read it at once
            elif name in self.lowering.leaving:
                level = self._tensor_level(self.lowering.leaving[name])
            else:
                into = [p for p in self.builder.projections.values() if p.target == name]
                level = max((self._node_level(p.source) for p in into if not p.frames), default=0)
            self._levels[name] = level
        return self._levels[name]

    # -- what passes between them ------------------------------------------------------------

    def add_crossings(self) -> None:
        """What every region reads and gives; what passes between regions stays real."""
        for name, tensor in self.lowering.leaving.items():
            self._part_of_tensor(tensor).leaves[name] = tensor
            if self._host(name).result == "real":
                self._real.setdefault(tensor, name)
        for part in self.parts:
            inside = {out for node in part.nodes for out in node.outputs}
            for node in part.nodes:
                for name in self._operands(node):
                    if name in inside:
                        continue
                    into = part.states if name in self.lowering.held else part.reads
                    if name not in into:
                        into.append(name)
                    if not self._is_given(name):
                        self._hand_on(name)

    def _part_of_tensor(self, tensor: str) -> _Part:
        node = self.view.producer.get(tensor)
        if node is None or node.name not in self.part_of:
            raise UnsupportedOperator(
                f"`{tensor}` is no value that the host computes",
                where=self.lowering.name_of(tensor),
            )
        return self.part_of[node.name]

    def _hand_on(self, tensor: str) -> None:
        if tensor not in self._real:
            part = self._part_of_tensor(tensor)
            name = self.lowering.add_real(tensor).name
            self._real[tensor] = name
            part.leaves[name] = tensor

    def _host(self, name: str) -> HostOp:
        node = self.builder.nodes[name]
        assert isinstance(node, HostOp)
        return node

    # -- the subgraphs -----------------------------------------------------------------------

    def finish(self) -> dict[str, Region]:
        """Write the subgraphs, complete their host operators and connect them."""
        regions: dict[str, Region] = {}
        for part in self.parts:
            member = f"host-{len(regions)}"
            region = self._region(part)
            regions[member] = region
            for i, name in enumerate(part.leaves):
                self.builder.nodes[name] = replace(
                    self._host(name),
                    onnx=member,
                    reads=tuple(part.reads),
                    n_macs=0 if i else region.n_macs,
                    operators=region.operators,
                    states=tuple((t, self.lowering.held[t].given) for t in part.states),
                )
                for tensor in part.reads:
                    self._connect(tensor, name)
        return regions

    def _connect(self, tensor: str, target: str) -> None:
        if tensor not in self.lowering.handed:
            source = self.lowering.raw.get(tensor) or self._real[tensor]
            shape = self.builder.nodes[source].shape
            self.builder.connect(source, target, Identity(shape=shape), port=tensor)
            return
        value = self.lowering.handed[tensor]
        shape = neuron_shape(value.shape)
        for wire in value.wires:
            gather = in_order(wire.gather, self.builder.nodes[wire.source].size)
            map_ = Identity(shape=shape)
            self.builder.connect(wire.source, target, map_, port=tensor, gather=gather)

    def _region(self, part: _Part) -> Region:
        outputs = dict.fromkeys(part.leaves.values())
        initial = {name: self.lowering.held[name].initial for name in part.states}
        model = _subgraph(self.view, part, list(outputs), self.constants | initial)
        region = Region(
            model=model.SerializeToString(deterministic=True),
            n_macs=sum(n_macs(self.view, node) for node in part.nodes),
            operators=tuple(dict.fromkeys(node.op_type for node in part.nodes)),
            nodes=tuple(node.name for node in part.nodes),
            reads_events=any(t in self.lowering.handed for t in part.reads),
        )
        try:
            OnnxRunner(model)
        except CannotLoad as error:
            raise UnsupportedOperator(
                f"these operators have no event form, and the host cannot run them: {error.what}",
                where=", ".join(dict.fromkeys(node.where for node in part.nodes)),
            ) from None
        return region


def _subgraph(
    view: SourceView, part: _Part, outputs: Sequence[str], constants: Mapping[str, Array]
) -> onnx.ModelProto:
    used = dict.fromkeys(name for node in part.nodes for name in node.inputs)
    made = onnx.helper.make_graph(
        [node.proto for node in part.nodes],
        "host",
        [_info(view, name) for name in (*part.reads, *part.states)],
        [_info(view, name) for name in outputs],
        initializer=[
            numpy_helper.from_array(constants[name], name) for name in used if name in constants
        ],
    )
    model = onnx.helper.make_model(made, opset_imports=list(view.model.opset_import))
    model.ir_version = view.model.ir_version
    model.functions.extend(view.model.functions)
    return model


def _info(view: SourceView, tensor: str) -> onnx.ValueInfoProto:
    elem = int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(view.dtype(tensor))))
    return onnx.helper.make_tensor_value_info(tensor, elem, view.shape(tensor))
