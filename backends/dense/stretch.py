"""Several frames in one ONNX graph: frame after frame only what waits for its own past.

Rows are independent of each other, and frames are further rows: a stretch of K frames of some
samples is K * samples rows, those of the first frame first. Every operator takes them all at once,
with two exceptions. A state that is on no loop (the counts of the frame before, of a node without
synapses on itself) is what it remembers, one frame late. Operators on a loop through a state (a
membrane, a population's own counts that come back to it) are copied, once for each frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import onnx
from onnx import helper

from snnc.backends.dense.builder import Builder
from snnc.backends.dense.program import Program
from snnc.ir.order import components, topological


@dataclass(frozen=True)
class Loop:
    """What has to be computed frame by frame.

    Attributes:
        states: graph inputs, each of which some of the nodes make anew.
        nodes: in topological order.
    """

    states: tuple[str, ...]
    nodes: tuple[onnx.NodeProto, ...]

    @property
    def joints(self) -> int:
        """Operators at most that take tensors of all frames apart for it, or put them together."""
        return len({name for node in self.nodes for name in (*node.input, *node.output)})


@dataclass(frozen=True)
class Plan:
    """A program's operators, states and loops in topological order; ties as they were added."""

    steps: tuple[onnx.NodeProto | str | Loop, ...]

    def operators(self, n_frames: int) -> int:
        """Operators at most of a stretch."""
        n = 0
        for step in self.steps:
            if isinstance(step, Loop):
                n += len(step.nodes) * n_frames + step.joints
            else:
                n += 2 if isinstance(step, str) else 1
        return n


def plan(program: Program) -> Plan:
    """Which operators of a program lie on which loops."""
    nodes, states = program.builder.nodes, program.states
    maker = {name: node.output[0] for node in nodes for name in node.output}
    maker |= {name: name for name in states}
    by_name = {node.output[0]: node for node in nodes}
    names = [*by_name, *states]
    edges = [(maker[i], n) for n, node in by_name.items() for i in node.input if i in maker]
    edges += [(maker[new], name) for name, (new, _) in states.items() if new in maker]
    found = components(names, edges)
    rank = {name: n for n, name in enumerate(names)}
    held = {name: min(group, key=rank.__getitem__) for group in found for name in group}
    groups = {held[group[0]]: sorted(group, key=rank.__getitem__) for group in found}
    between = [(held[a], held[b]) for a, b in edges if held[a] != held[b]]
    order = topological(sorted(groups, key=rank.__getitem__), between)

    def step(group: list[str]) -> onnx.NodeProto | str | Loop:
        if len(group) == 1:
            return by_name.get(group[0], group[0])
        inside = tuple(by_name[name] for name in group if name in by_name)
        return Loop(tuple(name for name in group if name in states), inside)

    return Plan(tuple(step(groups[name]) for name in order))


def stretched(program: Program, steps: Plan, n_frames: int) -> Program:
    """A program that computes some frames at once.

    Tensors keep their names and hold the rows of all frames; graph inputs and outputs for states
    hold those of one, before the first frame and after the last.

    Args:
        steps: of the program.
        n_frames: at least 2.
    """
    s = _Stretch(replace(program, n_frames=n_frames))
    for step in steps.steps:
        if isinstance(step, Loop):
            s.loop(step)
        elif isinstance(step, str):
            s.late(step)
        else:
            s.b.nodes.append(step)
    states = {name: (s.ends[name], shape) for name, (_, shape) in program.states.items()}
    return replace(s.program, builder=s.b, states=states)


@dataclass
class _Stretch:
    """A builder that fills up.

    Attributes:
        ends: by state, the tensor that holds it after the last frame.
    """

    program: Program
    b: Builder = field(default_factory=Builder)
    ends: dict[str, str] = field(default_factory=dict)
    _parts: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given, states = self.program.builder, self.program.states
        self.b.constants.update(given.constants)
        self.b.types.update(given.types)
        for name, shape in given.input_shapes.items():
            if name in states:
                self.b.input(self.program.entry(name), given.types[name], shape, rows="samples")
            else:
                self.b.input(name, given.types[name], shape)
        self._shared = _without_rows(given)

    def late(self, state: str) -> None:
        """A state that is a tensor of all frames, a frame late."""
        parts = self._frames_of(self.program.states[state][0])
        self._join([self.program.entry(state), *parts[:-1]], state)
        self.ends[state] = parts[-1]

    def loop(self, loop: Loop) -> None:
        """Copies for each frame, then everything that they made of all frames."""
        made = [name for node in loop.nodes for name in node.output]
        values = {state: [self.program.entry(state)] for state in loop.states}
        values |= {name: [] for name in made}
        for t in range(self.program.n_frames):
            for node in loop.nodes:
                copy = onnx.NodeProto()
                copy.CopyFrom(node)
                for n, name in enumerate(node.input):
                    copy.input[n] = values[name][t] if name in values else self._at(name, t)
                for n, name in enumerate(node.output):
                    copy.output[n] = self._named(name, t)
                    values[name].append(copy.output[n])
                self.b.nodes.append(copy)
            for state in loop.states:
                values[state].append(values[self.program.states[state][0]][t])
        for state in loop.states:
            self.ends[state] = values[state].pop()
        for name, parts in values.items():
            self._join(parts, name)
            self._parts[name] = parts

    def _at(self, name: str, t: int) -> str:
        """A tensor from outside of a loop in one frame."""
        return name if name in self._shared else self._frames_of(name)[t]

    def _frames_of(self, name: str) -> list[str]:
        """A tensor of all frames as one for each."""
        if name not in self._parts:
            parts = [self._named(name, t) for t in range(self.program.n_frames)]
            node = helper.make_node("Split", [name], parts, axis=0, num_outputs=len(parts))
            self.b.nodes.append(node)
            self._parts[name] = parts
        return self._parts[name]

    def _join(self, parts: list[str], name: str) -> None:
        self.b.nodes.append(helper.make_node("Concat", parts, [name], axis=0))

    def _named(self, name: str, t: int) -> str:
        """The name of a tensor in one frame."""
        part, dtype = f"frame {t} of {name}", self.b.types[name]
        self.b.types[part] = dtype
        return part


def _without_rows(b: Builder) -> set[str]:
    """Tensors that are the same for all rows: constants, and what is made of them alone."""
    shared = {"", *b.constants}
    for node in b.nodes:
        if shared.issuperset(node.input):
            shared.update(node.output)
    return shared
