"""From a NIR graph to the float form of an event graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnc.converter.hdf5 import Tree
from snnc.converter.lower.builder import GraphBuilder
from snnc.converter.nir.assume import Assumed, assume
from snnc.converter.nir.graph import (
    INPUT,
    OUTPUT,
    PASS,
    NirGraph,
    NirNode,
    closing_edges,
    parse,
)
from snnc.converter.nir.linear import LINEAR, Linear, Signal, flattened, linear_map, masked
from snnc.converter.nir.neurons import SHAPED, neuron_shape, stages
from snnc.converter.sources.graphs import GraphSource, Primitive
from snnc.converter.sources.model import SourceOptions
from snnc.ir.arrays import size_of
from snnc.ir.errors import DamagedFile, ShapeMismatch, UnsupportedOperator
from snnc.ir.graph import Graph
from snnc.ir.maps import Identity, LinearMap
from snnc.ir.neurons import Accumulator, NeuronModel
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.registry import did_you_mean

KNOWN = (INPUT, OUTPUT, PASS, "Flatten", "Delay", *LINEAR, *SHAPED)


def read_nir(
    tree: Tree, path: Path, options: SourceOptions, provenance: Mapping[str, Any]
) -> GraphSource:
    """Read a NIR file.

    Args:
        tree: its groups and arrays.
        path: for names and messages.
        options: `dt`, `reset` and the input's grid.
        provenance: what is known of the file.

    Raises:
        DamagedFile: not what NIR's nodes need.
        CannotLoad: no NIR graph.
        NeedsAssumption: the time step or the reset matters and is not stated.
        UnsupportedOperator: a primitive or a value that has no event form.
        ShapeMismatch: what an edge carries does not fit.
    """
    nir = parse(tree, str(path))
    for node in nir.nodes.values():
        if node.type not in KNOWN:
            raise UnsupportedOperator(
                f"the NIR primitive {node.type} has no event form"
                f"{did_you_mean(node.type, list(KNOWN))}",
                where=node.name,
            )
    assumed = assume(nir, options, str(path))
    reader = _Reader(nir, assumed)
    graph = reader.read(path.stem)
    facts = {"loader": "nir", "nir_version": nir.version, **assumed.to_json()}
    return GraphSource(
        name=path.stem,
        graph=graph,
        primitives=tuple(_primitive(node) for node in nir.nodes.values()),
        notes=(*assumed.notes, *reader.notes),
        provenance={**provenance, **facts},
    )


def _primitive(node: NirNode) -> Primitive:
    if node.type in (*LINEAR, "Flatten", PASS):
        return Primitive(
            type=node.type, where=node.name, fate="folded", why="weights of projections"
        )
    if node.type == "Delay":
        return Primitive(
            type=node.type, where=node.name, fate="folded", why="frames between two neurons"
        )
    why = "neurons" if node.type in SHAPED else "an end of the graph"
    return Primitive(type=node.type, where=node.name, fate="event", why=why)


class _Reader:
    """One graph on its way; what a node gives is worked out once."""

    def __init__(self, nir: NirGraph, assumed: Assumed) -> None:
        self.nir, self.assumed = nir, assumed
        self.builder = GraphBuilder()
        self.notes: list[str] = []
        held = {n.name for n in nir.of_type("Delay") if np.min(self._frames(n)) > 0}
        self._closing = frozenset(closing_edges(nir, frozenset(held)))
        self._given: dict[str, Signal] = {}
        self._open: set[str] = set()
        self._emitter: dict[str, str] = {}

    def read(self, name: str) -> Graph:
        """The float form."""
        self._check_ends()
        for node in self.nir.of_type(INPUT):
            self._add_input(node)
        for node in self.nir.nodes.values():
            if node.type in SHAPED:
                self._name_population(node)
        for node in self.nir.nodes.values():
            if node.type in SHAPED:
                self._add_neurons(node)
        for node in self.nir.of_type(OUTPUT):
            self._add_output(node)
        for a, b in sorted(self._closing):
            self.notes.append(f"the loop is closed at {a} -> {b}: it takes one frame")
        metadata = {} if self.assumed.frames is None else {"n_frames": self.assumed.frames}
        return self.builder.finish(name, metadata)

    def _check_ends(self) -> None:
        """Nothing is left out without a word."""
        starts, ends = ({edge[i] for edge in self.nir.edges} for i in (0, 1))
        for node in self.nir.nodes.values():
            if node.type != INPUT and node.name not in ends:
                raise DamagedFile(f"no edge leads to this {node.type}", where=node.name)
            if node.type != OUTPUT and node.name not in starts:
                raise DamagedFile(
                    f"no edge leads on from this {node.type}",
                    where=node.name,
                    hint="lead it to an Output, or leave it out",
                )

    def _add_input(self, node: NirNode) -> None:
        shape = node.integers("shape") or (1,)
        name = self.builder.unique(node.name)
        self.builder.add(
            Input(name=name, shape=shape, module_path=node.name, **self.assumed.grid_fields())
        )
        self._given[node.name] = Signal.of(name, shape)

    def _name_population(self, node: NirNode) -> None:
        """What a neuron emits, known before what it takes: loops end here."""
        shape = neuron_shape(node)
        self._emitter[node.name] = self.builder.unique(node.name)
        if shape is not None:
            self._given[node.name] = Signal.of(self._emitter[node.name], shape)

    def _add_neurons(self, node: NirNode) -> None:
        given = self.given(node.name)
        arriving = self.arriving(node)
        if arriving.shape != given.shape:
            raise ShapeMismatch(
                f"a signal of shape {arriving.shape} arrives at {node.type} neurons of shape "
                f"{given.shape}",
                where=node.name,
            )
        found = stages(node, given.shape, self.assumed.neurons)
        for stage, last in zip(found, [False] * (len(found) - 1) + [True], strict=True):
            name = self._emitter[node.name] if last else self.builder.unique(f"{node.name}.current")
            gain = np.broadcast_to(stage.gain, given.shape)
            scaled = arriving.scaled(gain)
            if scaled is None:
                scaled = self._accumulated(arriving, f"{node.name}.sum").scaled(gain)
            assert scaled is not None
            self._populate(name, node.name, scaled, stage.model, stage.bias)
            arriving = Signal.of(name, given.shape)

    def _add_output(self, node: NirNode) -> None:
        signal = self.arriving(node)
        stated = node.integers("shape") if "shape" in node.fields else ()
        if stated and size_of(stated) != size_of(signal.shape):
            raise ShapeMismatch(
                f"a signal of shape {signal.shape} arrives at an Output of {stated}",
                where=node.name,
            )
        if not signal.is_plain:
            signal = self._accumulated(signal, f"{node.name}.sum")
        name, shape = self.builder.unique(node.name), stated or signal.shape
        reduction = self.assumed.reduction
        self.builder.add(Output(name=name, shape=shape, module_path=node.name, reduction=reduction))
        self.builder.connect(signal.terms[0].source, name, Identity(shape=shape))

    def given(self, name: str) -> Signal:
        """What a node of the file gives."""
        if name not in self._given:
            if name in self._open:
                raise UnsupportedOperator("a loop without a neuron in it", where=name)
            self._open.add(name)
            self._given[name] = self._worked_out(self.nir.nodes[name])
        return self._given[name]

    def _worked_out(self, node: NirNode) -> Signal:
        signal = self.arriving(node)
        if node.type in SHAPED:  # all its parameters are single numbers
            return Signal.of(self._emitter[node.name], signal.shape)
        if node.type in (PASS, OUTPUT):
            return signal
        if node.type == "Flatten":
            return signal.reshaped(flattened(node, signal.shape))
        if node.type == "Delay":
            return self._delayed(node, signal)
        return self._through(signal, linear_map(node, signal.shape), node.name)

    def _through(self, signal: Signal, linear: Linear, name: str) -> Signal:
        behind = signal.through(linear, name)
        if behind is None:  # two maps with nothing between: the first one's sums need neurons
            summed = self._accumulated(_unflattened(signal), self._label(signal, name))
            behind = summed.reshaped(signal.shape).through(linear, name)
        assert behind is not None
        return behind

    def _label(self, signal: Signal, name: str) -> str:
        return next((t.name for t in signal.terms if t.name), None) or f"{name}.sum"

    def _delayed(self, node: NirNode, signal: Signal) -> Signal:
        if signal.offset.any():
            raise UnsupportedOperator(
                "a bias stands before the delay: in the first frames it would be missing",
                where=node.name,
                hint="put the bias behind the delay",
            )
        frames = np.array(np.broadcast_to(self._frames(node), signal.shape))
        found: Signal | None = None
        for n in np.unique(frames):
            part = signal
            if (frames != n).any():
                zero = np.zeros(signal.shape)
                part = self._through(signal, (masked(signal.shape, frames == n), zero), node.name)
            part = part.later(int(n))
            found = part if found is None else found.plus(part)
        assert found is not None
        return found

    def _frames(self, node: NirNode) -> Any:
        """Delays in frames, shape () or the signal's."""
        dt, delay = self.assumed.neurons.dt, node.array("delay")
        assert dt is not None
        frames = np.rint(delay / dt)
        if (frames < 0).any() or (np.abs(frames * dt - delay) > dt * 1e-3).any():
            raise UnsupportedOperator(
                f"a delay of {float(delay.max()):.6g} s is no number of time steps of {dt:.6g} s",
                where=node.name,
            )
        return frames.astype(np.int64)

    def arriving(self, node: NirNode) -> Signal:
        """The sum of what edges bring to a node."""
        total: Signal | None = None
        for name in self.nir.before(node.name):
            signal = self.given(name)
            if (name, node.name) in self._closing:
                signal = signal.later(1)
            if total is not None and total.shape != signal.shape:
                raise ShapeMismatch(
                    f"signals of shapes {total.shape} and {signal.shape} arrive", where=node.name
                )
            total = signal if total is None else total.plus(signal)
        assert total is not None
        return total

    def _accumulated(self, signal: Signal, name: str) -> Signal:
        """The signal as what an accumulator passes on."""
        unique = self.builder.unique(name)
        self._populate(unique, name, signal, Accumulator(), np.zeros(()))
        return Signal.of(unique, signal.shape)

    def _populate(
        self, name: str, path: str, signal: Signal, model: NeuronModel, bias: Any
    ) -> None:
        offset = signal.offset + bias
        self.builder.add(
            Population(
                name=name, shape=signal.shape, module_path=path, model=model, bias=_bias(offset)
            )
        )
        for term in signal.terms:
            map_: LinearMap = term.map or Identity(shape=signal.shape, weight=np.array(1.0))
            self.builder.connect(term.source, name, map_, name=term.name, frames=term.frames)


def _unflattened(signal: Signal) -> Signal:
    """In the shape that the first term's map gives."""
    map_ = signal.terms[0].map
    return signal if map_ is None else signal.reshaped(map_.out_shape)


def _bias(offset: Any) -> Any:
    """As (), (C,) or the whole map."""
    if (offset == offset.flat[0]).all():
        return np.array(offset.flat[0])
    rows = offset.reshape(len(offset), -1)
    return rows[:, 0].copy() if (rows == rows[:, :1]).all() else offset
