"""Exact comparison of staircases and tables with the rules they were made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.converter.integer.form import IntegerForm
from snnc.converter.integer.staircase import Reach, climb, evaluate, sample_integers, takes_all
from snnc.ir.graph import Graph
from snnc.ir.neurons import FloatFire, IntegerFire, RescaledSum
from snnc.ir.nodes import Population
from snnc.ir.ranges import analyse

_ALL_OF_THEM = 1 << 16


@dataclass(frozen=True)
class StaircaseCheck:
    """Comparison of one population's staircase with its rule.

    Attributes:
        population: name.
        n_integers: integers compared, over all channels.
        n_different: those at which staircase and rule differ.
        complete: every reachable integer was compared.
    """

    population: str
    n_integers: int
    n_different: int
    complete: bool


def check_staircases(
    graph: Graph, form: IntegerForm, most: int = _ALL_OF_THEM
) -> list[StaircaseCheck]:
    """Compare staircase(i) with rule(i * step) for each population of an integer form.

    Every reachable i where a channel has at most `most` of them, else a dense sample that holds
    all thresholds and their neighbours.

    Args:
        graph: the float form.
        form: its integer form.
    """
    ranges = analyse(form.graph)
    checks = []
    for node in graph.populations:
        built = form.graph.nodes[node.name]
        if not isinstance(node.model, FloatFire) or not isinstance(built, Population):
            continue
        model = built.model
        if isinstance(model, RescaledSum):
            checks.append(_check_pairs(graph, form, node, model))
            continue
        assert isinstance(model, IntegerFire)
        bounds = ranges[node.name]
        reach = Reach(form.membrane_steps[node.name], bounds.i_lo, bounds.i_hi)
        thresholds = np.broadcast_to(model.thresholds, (node.n_channels, model.thresholds.shape[1]))
        i = sample_integers(reach, thresholds, most)
        different = climb(model.lo, thresholds, i) != evaluate(node.model.rule, i, reach.step)
        complete = takes_all(reach, most)
        checks.append(StaircaseCheck(node.name, i.size, int(different.sum()), complete))
    return checks


def _check_pairs(
    graph: Graph, form: IntegerForm, node: Population, model: RescaledSum
) -> StaircaseCheck:
    """Compare a table with its rule at every pair of counts that its operands can have."""
    assert isinstance(node.model, FloatFire)
    bounds = analyse(form.graph)
    membranes, reals = [], []
    for p in form.graph.incoming(node.name):
        counts = np.arange(bounds[p.source].out_lo.min(), bounds[p.source].out_hi.max() + 1)
        step = np.asarray(getattr(graph.nodes[p.source], "step", 1.0)).flat[0]
        membranes.append(counts * p.map.weight.flat[0] * 2**p.exponent)
        reals.append(counts * step * graph.projections[p.name].map.weight.flat[0])
    i = (membranes[0][:, None] + membranes[1]).reshape(1, -1)
    real = (reals[0][:, None] + reals[1]).reshape(1, -1) + node.bias.flat[0]
    expected, _ = node.model.latch(real, {}, 0)
    different = int((model.latch(i, {}, 0)[0] != expected).sum())
    return StaircaseCheck(node.name, i.size, different, complete=True)
