"""An integer form that does not follow from the float form is found, field by field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import snnc
from snnc.ir.graph import Graph
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Population
from snnc.runtime.model import Model
from snnc.runtime.verify.derivation import check_derivation
from tests.system.models import HalfEven, Mlp

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    net = Mlp(HalfEven, 4).eval()
    found: Model = snnc.convert(
        net, torch.zeros(1, 1, 8, 8), input_range=(0.0, 15.0), input_bits=4
    ).model
    return found


def tampered(model: Model, change: Callable[[Graph], Graph]) -> Model:
    graph = change(model.integer_graph)
    return replace(model, file=replace(model.file, integer_graph=graph))


def change_node(graph: Graph, **fields: Any) -> Graph:
    first = graph.populations[0]
    nodes = [replace(n, **fields) if n is first else n for n in graph.nodes.values()]
    return graph.replace(nodes=nodes)


def move_threshold(graph: Graph) -> Graph:
    fire = graph.populations[0].model
    assert isinstance(fire, IntegerFire)
    thresholds = fire.thresholds.copy()
    thresholds[0, -1] += 1
    return change_node(graph, model=replace(fire, thresholds=thresholds))


def change_bias(graph: Graph) -> Graph:
    first = graph.populations[0]
    assert isinstance(first, Population)
    return change_node(graph, bias=first.bias_map() + 1)


def change_weight(graph: Graph) -> Graph:
    p = next(iter(graph.projections.values()))
    weight = p.map.weight.copy()
    weight.flat[0] += 3
    changed = replace(p, map=p.map.with_weight(weight))
    return graph.replace(projections=[changed if q is p else q for q in graph.projections.values()])


def test_a_fresh_conversion_follows(model: Model) -> None:
    found = check_derivation(model)
    assert found.checked
    assert found.ok


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (move_threshold, "model.thresholds"),
        (change_bias, "bias"),
        (change_weight, "map.weight"),
        (lambda g: change_node(g, step=np.array(0.3)), "step"),
    ],
)
def test_every_change_is_named(model: Model, change: Callable[[Graph], Graph], field: str) -> None:
    found = check_derivation(tampered(model, change))
    assert not found.ok
    assert found.difference is not None
    assert found.difference.endswith(f": {field}")


def test_a_changed_weight_fails_the_verification(model: Model) -> None:
    x = np.random.default_rng(0).integers(0, 16, (5, 1, 8, 8)).astype(np.float32)
    result = snnc.verify(None, tampered(model, change_weight), x)
    assert not result.ok
    assert result.to_json()["promises"]["integer_form"] is False
    assert snnc.verify(None, model, x).ok


def test_a_file_that_does_not_say_how_it_was_made_is_not_checked(model: Model) -> None:
    silent = replace(model, file=replace(model.file, manifest={}))
    assert not check_derivation(silent).checked
