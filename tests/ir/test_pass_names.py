"""What passes add has names of its own, whatever the user's are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.passes import BiasSynapses, InsertRelays, SplitSigns, SplitWeights
from snnc.ir.passes.draft import Draft
from snnc.ir.passes.names import free_name, node_names
from snnc.ir.signs import with_wholes
from tests.ir.graphs import skip_over

GRADED = RunSettings("graded")
WEIGHT = np.array([[1, -2], [3, 1]])


def two(names: tuple[str, str], links: tuple[str, str], lo: int = -2, bias: int = 0) -> Graph:
    """x -> one and other, which both fire -2 to 1 and reach last.

    Args:
        names: of one and other.
        links: of the projections from one and from other.
        lo: of other.
    """
    stairs = IntegerFire(lo=-2, thresholds=np.array([[-4, 2, 5]]))
    every = [Population(name=names[0], shape=(2,), model=stairs, bias=np.array([bias, -bias]))]
    every += [Population(name=names[1], shape=(2,), model=replace(stairs, lo=lo))]
    last = IntegerFire(lo=0, thresholds=np.array([[-1, 3]]))
    ends = [
        (f"x to {names[0]}", "x", names[0], WEIGHT),
        (f"x to {names[1]}", "x", names[1], 2 * WEIGHT.T),
        (links[0], names[0], "last", 3 * WEIGHT),
        (links[1], names[1], "last", WEIGHT - 1),
    ]
    return Graph(
        [
            Input(name="x", shape=(2,), lo=0, hi=3),
            *every,
            Population(name="last", shape=(2,), model=last),
            Output(name="y", shape=(2,)),
        ],
        [
            *(Projection(name=n, source=s, target=t, map=Dense(weight=w)) for n, s, t, w in ends),
            Projection(name="read", source="last", target="y", map=Identity(shape=(2,))),
        ],
    ).validate()


@pytest.mark.parametrize(
    "names", [("a", "a.positive"), ("a.positive", "a"), ("a", "a.positive.negative")]
)
@pytest.mark.parametrize("links", [("w", "v"), ("w", "w.negative"), ("w.negative", "w")])
@pytest.mark.parametrize("lo", [-2, 0])
def test_halves_beside_populations_of_their_names(
    names: tuple[str, str], links: tuple[str, str], lo: int
) -> None:
    """One or both are split; every count is still found under the user's name."""
    graph = two(names, links, lo)
    split = SplitSigns(settings=GRADED)(graph)
    assert len(split.nodes) == len(graph.nodes) + (1 if lo == 0 else 2)
    x = np.stack(np.meshgrid(np.arange(4), np.arange(4)), axis=-1).reshape(-1, 1, 2)
    golden, found = (
        with_wholes(g, OracleEngine().prepare(g, GRADED).run({"x": x}).counts)
        for g in (graph, split)
    )
    for name in (*names, "last"):
        assert np.array_equal(found[name], golden[name]), name
    assert (
        SplitSigns(settings=GRADED)
        .note(graph, split)
        .endswith(f": {', '.join(n for n in graph.nodes if n in names and (lo or n == names[0]))}")
    )


def test_a_draft_does_not_lose_what_has_the_same_name() -> None:
    graph = two(("a", "b"), ("w", "v"))
    draft = Draft(graph)
    with pytest.raises(GraphError, match="a: two nodes have this name"):
        draft.add(graph.nodes["a"])
    with pytest.raises(GraphError, match="w: two projections have this name"):
        draft.replace(graph.projections["v"], [graph.projections["w"]])
    draft.replace(graph.nodes["b"], [graph.nodes["b"]])
    assert list(draft.nodes) == ["x", "a", "last", "y", "b"]


def test_a_high_part_beside_a_projection_of_its_name() -> None:
    graph = two(("a", "b"), ("w", "w (high)"))
    wide = replace(graph.projections["w"], map=Dense(weight=WEIGHT * 1000 + 1))
    others = [p for p in graph.projections.values() if p.name != "w"]
    graph = graph.replace(projections=[wide, *others])
    narrow = SplitWeights(weight_bits=8, max_exponent=7)
    parts = narrow(graph)
    assert set(parts.projections) == {*graph.projections, "w (high) (2)"}
    assert narrow.note(graph, parts).startswith("weights of more than 8 bits")
    assert "(w): exact, with 1 projection more" in narrow.note(graph, parts)
    low, high = parts.projections["w"], parts.projections["w (high) (2)"]
    whole = low.map.weight * 2**low.exponent + high.map.weight * 2**high.exponent
    assert whole.tolist() == wide.map.weight.tolist()


@pytest.mark.parametrize("code", ["graded", "burst"])
def test_a_hop_beside_a_projection_of_its_name(code: str) -> None:
    """Relays in a pipeline, and ones that hold a frame in the sequential schedule."""
    chosen = RunSettings("graded", "pipelined") if code == "graded" else RunSettings("burst")
    graph = skip_over(5, levels=3, late=0 if code == "graded" else 1)
    taken = replace(graph.projections["a0 to a1"], name="x -> x relay 1")
    others = [p for p in graph.projections.values() if p.name != "a0 to a1"]
    relayed = InsertRelays(settings=chosen, max_delay=2)(
        graph.replace(projections=[taken, *others])
    )
    assert relayed.projections["x -> x relay 1"].source == "a0"
    assert relayed.projections["x -> x relay 1 (2)"].target == "x relay 1"


def test_bias_synapses_beside_what_has_their_name() -> None:
    graph = two(("a", "always on"), ("bias of c", "bias of a"), lo=0)
    once = IntegerFire(lo=0, thresholds=np.array([[9000]]))
    before = graph.nodes["a"]
    assert isinstance(before, Population)
    named = replace(before, model=once, bias=np.array([4097, 3]))
    graph = graph.replace(nodes=[named if n.name == "a" else n for n in graph.nodes.values()])
    moving = BiasSynapses(
        settings=RunSettings("graded", "pipelined"), bias_bits=13, exponent_bits=3
    )
    moved = moving(graph)
    assert moved.projections["bias of a (2)"].source == "always on (2)"
    assert moved.projections["bias of a"].source == "always on"


def test_free_names() -> None:
    assert free_name("a", {"b"}) == "a"
    assert free_name("a", {"a"}, {"a (2)"}) == "a (3)"
    split = SplitSigns(settings=GRADED)(two(("a", "b"), ("w", "v")))
    assert {"a", "b", "a.positive", "b.negative"} <= node_names(split)
    assert not {"a", "b"} & set(split.nodes)
