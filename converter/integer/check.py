"""Exact comparison of staircases with the rules they were made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.converter.integer.form import IntegerForm
from snnc.converter.integer.staircase import Reach, climb, evaluate, sample_integers, takes_all
from snnc.ir.graph import Graph
from snnc.ir.neurons import FloatFire, IntegerFire
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
        assert isinstance(model, IntegerFire)
        bounds = ranges[node.name]
        reach = Reach(form.membrane_steps[node.name], bounds.i_lo, bounds.i_hi)
        thresholds = np.broadcast_to(model.thresholds, (node.n_channels, model.thresholds.shape[1]))
        i = sample_integers(reach, thresholds, most)
        different = climb(model.lo, thresholds, i) != evaluate(node.model.rule, i, reach.step)
        complete = takes_all(reach, most)
        checks.append(StaircaseCheck(node.name, i.size, int(different.sum()), complete))
    return checks
