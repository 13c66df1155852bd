"""Float graphs made by hand, and a converted network, for the tests of verification."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from snnc.converter.convert import Converted, convert_source
from snnc.converter.sources import SourceModel, SourceOptions, load_source
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, FloatFire
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.rules import FireRule, RuleOp
from snnc.runtime.model import Model
from tests.converter.sources.nets import conv_net


def fire(levels: int = 4) -> FloatFire:
    """round(clip(i, 0, levels))."""
    rule = FireRule((RuleOp.of("clip", 0.0, float(levels)), RuleOp.of("round")))
    return FloatFire(rule=rule, lo=0, hi=levels)


def chain(weight: Array, bias: Array, head: Array) -> Graph:
    """x (3 counts of step 0.5) → hidden, firing → logits, an accumulator → output."""
    n_in, n_hidden, n_out = weight.shape[1], weight.shape[0], head.shape[0]
    nodes = [
        Input(name="x", shape=(n_in,), source_tensor="x", lo=-8, hi=7, step=0.5),
        Population(
            name="hidden",
            shape=(n_hidden,),
            source_tensor="h",
            model=fire(),
            bias=bias,
            step=np.array(0.25),
        ),
        Population(name="logits", shape=(n_out,), source_tensor="y", model=Accumulator()),
        Output(name="out", shape=(n_out,), source_tensor="y"),
    ]
    projections = [
        Projection(name="x>hidden", source="x", target="hidden", map=Dense(weight=weight)),
        Projection(name="hidden>logits", source="hidden", target="logits", map=Dense(weight=head)),
        Projection(name="logits>out", source="logits", target="out", map=Identity(shape=(n_out,))),
    ]
    return Graph(nodes, projections, form="float").validate()


@dataclass(frozen=True)
class Case:
    """A converted network with its source and data."""

    source: SourceModel
    converted: Converted
    x: Array

    def model(
        self,
        float_graph: Graph | None = None,
        integer_graph: Graph | None = None,
        target: str = "sim",
    ) -> Model:
        """The converted model, with another graph in place of one of its own."""
        file = SnncFile(
            float_graph=float_graph or self.converted.float_graph,
            integer_graph=integer_graph or self.converted.integer_graph,
            onnx=self.converted.onnx,
            manifest={"target": target, "provenance": dict(self.source.provenance)},
        )
        return Model(path=None, file=file, bundle=None, target=target, settings=RunSettings())


def conv_case() -> Case:
    """The small residual conv net of the source tests on 40 random images of 0…16."""
    options = SourceOptions(input_range=(0.0, 15.0), input_bits=4)
    source = load_source(conv_net(), options, torch.zeros(1, 1, 8, 8))
    x = np.random.default_rng(5).integers(0, 16, (40, 1, 8, 8)).astype(np.float32)
    return Case(source, convert_source(source), x)


def with_weight(graph: Graph, projection: str, change: Array) -> Graph:
    """The graph with `change` added to a projection's weights."""
    p = graph.projections[projection]
    changed = replace(p, map=p.map.with_weight(p.map.weight + change))
    others = [changed if q.name == projection else q for q in graph.projections.values()]
    return graph.replace(projections=others)


def with_node(graph: Graph, name: str, **fields: object) -> Graph:
    """The graph with some fields of a node replaced."""
    nodes = [
        replace(n, **fields) if n.name == name else n  # type: ignore[arg-type]
        for n in graph.nodes.values()
    ]
    return graph.replace(nodes=nodes)
