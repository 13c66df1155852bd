"""Passes are pure, checked on both sides, and registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from snnc.ir.errors import PassFailed
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Population
from snnc.ir.passes import PASSES, Pass, PruneUnread, run_passes
from tests.ir.graphs import small_graph


def test_prune_unread_removes_side_branches_only() -> None:
    graph = small_graph()
    side = Population(name="side", shape=(2,), model=Accumulator())
    synapses = Projection(
        name="pool->side", source="pool", target="side", map=Dense(weight=np.ones((2, 18), int))
    )
    wider = graph.replace(
        nodes=[*graph.nodes.values(), side], projections=[*graph.projections.values(), synapses]
    )
    assert run_passes(wider, [PruneUnread()]).content_hash() == graph.content_hash()
    assert "side" in wider.nodes


def test_nothing_to_do_returns_the_same_object() -> None:
    graph = small_graph()
    assert PruneUnread()(graph) is graph


@dataclass(frozen=True)
class Spoil(Pass):
    kind: ClassVar[str] = "spoil"

    def rewrite(self, graph: Graph) -> Graph:
        return graph.replace(
            nodes=[n for n in graph.nodes.values() if n.name != "y"], projections=[]
        )


def test_a_pass_that_spoils_the_graph_is_named() -> None:
    with pytest.raises(PassFailed, match="the pass `spoil` left a graph"):
        Spoil()(small_graph())


def test_names_are_kebab_case() -> None:
    assert all(name == name.lower() and "_" not in name for name in PASSES)
