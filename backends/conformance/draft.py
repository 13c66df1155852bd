"""A random graph in the making: each node is computed as soon as it is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from snnc.backends.conformance.frames import arriving, latch_frames, total
from snnc.backends.conformance.maps import injection
from snnc.backends.conformance.recipes import Recipe, make_model
from snnc.ir.arrays import Array, IntArray, Shape, along, size_of
from snnc.ir.errors import WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity, LinearMap
from snnc.ir.neurons import NEURONS, Accumulator, Firing, NeuronModel
from snnc.ir.nodes import HostOp, Input, Node, Output, Pattern, Population, Product

LARGEST_VALUE = 2**44
"""Nodes that could exceed it are not drawn: their products and sums would pass 63 bits."""

LARGEST_STATE = 2**61
"""The same for what neurons keep; models that could exceed it are drawn again."""


@dataclass
class Draft:
    """Nodes and projections so far, and what each node gives on the feeds.

    Attributes:
        rng: draws the arrays.
        n_samples, n_frames: of the feeds.
        values: (N, T, *shape) by node.
        bound: largest |value| that a node can give, whatever the feed.
        traits: what the graph has, for the generator's own test.
    """

    rng: np.random.Generator
    n_samples: int
    n_frames: int
    nodes: dict[str, Node] = field(default_factory=dict)
    projections: list[Projection] = field(default_factory=list)
    values: dict[str, IntArray] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    traits: set[str] = field(default_factory=set)

    def add_input(self, shape: Shape, lo: int, hi: int) -> str:
        """An input on a grid, with a random feed."""
        name = self._name("input")
        self._add(Input(name=name, shape=shape, lo=lo, hi=hi), self._feed(shape, lo, hi))
        self.bound[name] = max(abs(lo), abs(hi))
        return name

    def add_host_op(self, shape: Shape, lo: int, hi: int, result: str) -> str:
        """An analog input and the host operator behind it, with a random feed."""
        raw, name = self._name("analog"), self._name("host")
        self.nodes[raw] = Input(name=raw, shape=shape, grid=False)
        self.projections.append(
            Projection(name=f"{raw}-{name}", source=raw, target=name, map=Identity(shape=shape))
        )
        host = HostOp(name=name, shape=shape, onnx="host.onnx", result=result, lo=lo, hi=hi)  # type: ignore[arg-type]
        self._add(host, self._feed(shape, lo, hi))
        self.bound[name] = max(abs(lo), abs(hi))
        return name

    def add_pattern(self, shape: Shape, lo: int, hi: int, result: str) -> str:
        """Random integers that come by themselves, perhaps fewer frames than the feeds have."""
        name = self._name("pattern")
        n_own = int(self.rng.integers(1, self.n_frames + 1))
        counts = self.rng.integers(lo, hi + 1, (n_own, *shape))
        node = Pattern(name=name, shape=shape, counts=counts, repeat=True, result=result)  # type: ignore[arg-type]
        frames = node.frames(self.n_frames)
        self._add(node, np.repeat(frames[None], self.n_samples, axis=0))
        self.bound[name] = max(abs(lo), abs(hi))
        return name

    def add_population(
        self,
        kind: str,
        projections: list[Projection],
        shape: Shape,
        channel_axis: int,
        recipe: Recipe | None = None,
        on_itself: Sequence[Projection] = (),
    ) -> str:
        """A population whose model gets parameters that suit its input.

        Args:
            recipe: makes the model; None: the one of its kind.
            on_itself: open projections that bring its counts of earlier frames, for models
                without state.
        """
        name = self._name(kind)
        projections = self._aim(projections, name)
        combine = NEURONS[kind].combine
        current = arriving(combine, projections, self.values, shape)
        lift = issubclass(NEURONS[kind], Firing)  # most only fire on positive input
        bias = self._bias(current, shape, channel_axis, lift) if combine == "sum" else np.array(0)
        current = current + along(bias, len(shape), channel_axis)
        flat = current.reshape(-1, *shape)
        bound = self.reach(projections) + int(np.abs(bias).max())
        model = self._model(recipe or partial(make_model, kind), flat, channel_axis, bound)
        node = Population(name=name, shape=shape, model=model, bias=bias, channel_axis=channel_axis)
        loops = self._aim([replace(p, source=name) for p in on_itself], name)
        self._add(node, latch_frames(model, current, channel_axis, loops))
        self.bound[name] = self._bound_of(node, projections)
        return name

    def add_product(
        self, op: str, a: list[Projection], b: list[Projection], shapes: list[Shape]
    ) -> str:
        """A product of what `a` and `b` bring; `shapes` are those of a, b and the result."""
        name = self._name("product")
        a, b = self._aim(a, name, "a"), self._aim(b, name, "b")
        node = Product(name=name, op=op, a_shape=shapes[0], b_shape=shapes[1], shape=shapes[2])  # type: ignore[arg-type]
        left = total(a, self.values, shapes[0])
        right = total(b, self.values, shapes[1])
        frames = [node.multiply(left[:, t], right[:, t]) for t in range(self.n_frames)]
        self._add(node, np.stack(frames, axis=1))
        terms = node.pairs() // node.size
        self.bound[name] = terms * self.reach(a) * self.reach(b)
        return name

    def project(self, source: str, map_: LinearMap, **options: object) -> Projection:
        """A projection whose target is still open."""
        return Projection(name="", source=source, target="", map=map_, **options)  # type: ignore[arg-type]

    def pick(self, source: str, shape: Shape, weight: int = 1, **options: object) -> Projection:
        """Some of a source's neurons in any order, as an open projection into `shape`."""
        gather = injection(size_of(shape), self.nodes[source].size, self.rng)
        weight_ = np.int64(weight)
        return self.project(source, Identity(shape=shape, weight=weight_), gather=gather, **options)  # type: ignore[arg-type]

    def reach(self, projections: list[Projection]) -> int:
        """Largest |value| that projections can bring to one neuron."""
        return sum(
            self.bound[p.source]
            * int(np.abs(p.map.weight).max(initial=0))
            * int(p.map.fan_in().max())
            * 2**p.exponent
            for p in projections
        )

    def finish(self, outputs: list[str], name: str) -> Graph:
        """The graph, with an output on each of `outputs`."""
        for source in outputs:
            node = Output(name=f"output-{source}", shape=self.nodes[source].shape)
            self.nodes[node.name] = node
            reading = Identity(shape=node.shape)
            name_ = f"{source}-{node.name}"
            self.projections.append(
                Projection(name=name_, source=source, target=node.name, map=reading)
            )
        metadata = {"n_frames": self.n_frames}
        return Graph(self.nodes.values(), self.projections, name=name, metadata=metadata)

    def _add(self, node: Node, value: IntArray) -> None:
        self.nodes[node.name] = node
        self.values[node.name] = value

    def _aim(
        self, projections: list[Projection], target: str, port: str = "in"
    ) -> list[Projection]:
        start = len(self.projections)
        aimed = [
            replace(p, name=f"{p.source}-{target}-{start + n}", target=target, port=port)
            for n, p in enumerate(projections)
        ]
        self.projections.extend(aimed)
        return aimed

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self.nodes)}"

    def _model(self, recipe: Recipe, i: IntArray, axis: int, bound: int) -> NeuronModel:
        """A model whose state stays within reach, whatever frames of `bound` bring.

        An accumulator where that is more than the registers of such neurons take.
        """
        limit = np.full([n if a == axis else 1 for a, n in enumerate(i.shape[1:])], bound)
        while True:
            model = recipe(i, axis, self.rng)
            checked = model.checked_bits
            if checked is not None and bound * self.n_frames >= 1 << (checked - 2):
                return Accumulator()
            try:
                worst = model.bounds(-limit, limit, axis, self.n_frames)
            except WidthExceeded:
                return Accumulator()
            largest = max(int(-np.min(worst.state_lo)), int(np.max(worst.state_hi)))
            if largest << model.spare_bits < LARGEST_STATE:
                return model

    def _feed(self, shape: Shape, lo: int, hi: int) -> IntArray:
        full = (self.n_samples, self.n_frames, *shape)
        drawn = self.rng.integers(lo, hi + 1, full)
        silent = self.rng.random(full) < self.rng.choice([0, 0.3, 0.6])
        feed = np.where(silent & (lo <= 0 <= hi), 0, drawn)
        if self.n_frames > 1 and self.rng.random() < 0.7:  # frames that differ in a few places
            self.traits.add("slow-feed")
            stays = self.rng.random(full) < 0.8
            for t in range(1, self.n_frames):
                feed[:, t] = np.where(stays[:, t], feed[:, t - 1], feed[:, t])
        return feed

    def _bias(self, current: IntArray, shape: Shape, axis: int, lift: bool) -> Array:
        spread = max(1, int(current.std()))
        base = max(0, spread // 2 - int(current.mean())) if lift else 0
        choices: list[Shape] = [(), (shape[axis],), shape]
        chosen = choices[self.rng.integers(3)]
        if not lift and self.rng.random() < 0.3:
            return np.zeros((), dtype=np.int64)
        self.traits.add(f"bias-{['scalar', 'channel', 'map'][choices.index(chosen)]}")
        return np.asarray(base + self.rng.integers(-spread, spread + 1, chosen), dtype=np.int64)

    def _bound_of(self, node: Population, projections: list[Projection]) -> int:
        model, shape, axis = node.model, node.shape, node.channel_axis
        bias = int(np.abs(node.bias).max())
        if model.combine == "max":
            return self.bound[projections[0].source]
        if model.emits == "value":
            largest = np.full((1,) * len(shape), self.reach(projections) + bias)
            worst = model.bounds(-largest, largest, axis, self.n_frames)
            return max(-int(np.min(worst.out_lo)), int(np.max(worst.out_hi)))
        return max(map(abs, model.count_range(shape, axis)))
