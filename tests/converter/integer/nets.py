"""Float graphs for the tests of the integer form, and a plain evaluation of both forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snnc.converter.integer import IntegerForm, check_staircases, integer_form
from snnc.ir.arrays import Array, Shape, along
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Identity, LinearMap
from snnc.ir.neurons import Accumulator, FloatFire
from snnc.ir.nodes import Input, Node, Output, Population
from snnc.ir.rules import FireRule, RuleOp


def rule(*ops: tuple[Any, ...], dtype: str = "float32") -> FireRule:
    """A fire rule from (name, *args) tuples."""
    return FireRule(tuple(RuleOp(op[0], tuple(map(np.asarray, op[1:]))) for op in ops), dtype)


def fire(levels: int, *before: tuple[Any, ...], rounding: str = "half-even") -> FloatFire:
    """clip to 0 … levels and round, after other operations."""
    rounded: list[tuple[Any, ...]] = [("round",)]
    if rounding == "half-up":
        rounded = [("add", 0.5), ("floor",)]
    ops = (*before, ("clip", 0.0, float(levels)), *rounded)
    return FloatFire(rule=rule(*ops), lo=0, hi=levels)


def same_conv(weight: Array, spatial: Shape, groups: int = 1, stride: int = 1) -> Conv:
    """A 3x3 convolution with padding 1."""
    return Conv(
        weight=np.asarray(weight, dtype=np.float64),
        in_shape=(weight.shape[1] * groups, *spatial),
        stride=(stride, stride),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
        groups=groups,
    )


class Net:
    """Builds a float graph node by node."""

    def __init__(self, shape: Shape, lo: int = 0, hi: int = 255, step: float = 1.0) -> None:
        self.nodes: list[Node] = [Input(name="x", shape=shape, lo=lo, hi=hi, step=step)]
        self.projections: list[Projection] = []

    def join(self, source: str, target: str, map_: LinearMap, **fields: Any) -> Net:
        """A projection named `source->target` (numbered where there is one already)."""
        name = f"{source}->{target}"
        count = sum(p.name.startswith(name) for p in self.projections)
        self.projections.append(
            Projection(
                name=name + (f"#{count}" if count else ""),
                source=source,
                target=target,
                map=map_,
                **fields,
            )
        )
        return self

    def add(
        self, name: str, shape: Shape, model: Any, *inputs: tuple[str, LinearMap], **fields: Any
    ) -> Net:
        """A population fed by (source, map) pairs."""
        self.nodes.append(Population(name=name, shape=shape, model=model, **fields))
        for source, map_ in inputs:
            self.join(source, name, map_)
        return self

    def graph(self, *read: str) -> Graph:
        """The float graph with an output for each node that is read."""
        shapes = {node.name: node.shape for node in self.nodes}
        for name in read:
            self.nodes.append(Output(name=f"{name}.out", shape=shapes[name]))
            self.join(name, f"{name}.out", one(shapes[name]))
        return Graph(self.nodes, self.projections, form="float").validate()


def one(shape: Shape, weight: Any = 1.0, axis: int = 0) -> Identity:
    """An identity with a real weight."""
    return Identity(shape=shape, weight=np.asarray(weight, dtype=np.float64), channel_axis=axis)


def values(graph: Graph, x: Array) -> dict[str, Array]:
    """Integers (or, in the float form, counts and reals) of every node for inputs (N, *shape)."""
    found: dict[str, Array] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Input):
            found[name] = x
            continue
        incoming = [(p, _sent(graph, p.source, found)) for p in graph.incoming(name)]
        if isinstance(node, Population) and node.model.combine == "max":
            found[name] = _maximum(*incoming[0]).reshape(len(x), *node.shape)
            continue
        parts = [p.apply(sent).reshape(len(x), *node.shape) for p, sent in incoming]
        total = np.sum(parts, axis=0)
        if isinstance(node, Population):
            state = node.model.initial_state(total.shape)
            total, _ = node.model.latch(total + node.bias_map(), state, node.channel_axis)
        found[name] = total
    return found


def _maximum(p: Projection, sent: Array) -> Array:
    """Maximum over the window's inputs; none of the tests' windows is padded."""
    indptr, targets, _ = p.map.to_csr()
    source = np.repeat(np.arange(p.map.in_size), np.diff(indptr))
    out = np.full((len(sent), p.map.out_size), np.iinfo(np.int64).min)
    values = p.arrange(sent.reshape(len(sent), -1))
    for row, value in zip(out, values[:, source], strict=True):
        np.maximum.at(row, targets, value)
    return out


def _sent(graph: Graph, name: str, found: dict[str, Array]) -> Array:
    """What a node sends: counts in the integer form, count x step in the float form."""
    node = graph.nodes[name]
    if graph.form == "integer" or not isinstance(node, Input | Population):
        return found[name]
    if isinstance(node, Population) and isinstance(node.model, Accumulator):
        return found[name]
    axis = getattr(node, "channel_axis", 0)
    return found[name] * along(np.asarray(node.step), len(node.shape), axis)


def population(graph: Graph, name: str) -> Population:
    """A node that has to be a population."""
    node = graph.nodes[name]
    assert isinstance(node, Population)
    return node


def real(graph: Graph, name: str, integers: Array) -> Array:
    """integers x step of a population."""
    return integers * population(graph, name).step_map()


def weights(graph: Graph, names: Sequence[str]) -> list[list[int]]:
    """Distinct integer weights of some projections."""
    return [sorted(set(graph.projections[n].map.weight.reshape(-1).tolist())) for n in names]


def normals(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Normal numbers that float32 holds."""
    return rng.normal(size=shape).astype(np.float32).astype(np.float64)


def checked(graph: Graph, **options: object) -> IntegerForm:
    """An integer form whose staircases equal their rules."""
    form = integer_form(graph, **options)  # type: ignore[arg-type]
    assert all(c.n_different == 0 for c in check_staircases(graph, form))
    assert form.graph.form == "integer"
    return form


def step_of(form: IntegerForm, name: str) -> np.ndarray:
    return np.abs(form.membrane_steps[name])
