"""The generator itself: what it draws, measured over some hundred graphs."""

from collections import Counter
from importlib import import_module
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from snnc.backends.conformance import Case, cases, evaluate, run_case
from snnc.backends.conformance.cases import EXACT_CODES, is_executable
from snnc.backends.conformance.frames import total
from snnc.backends.conformance.recipes import ROUNDINGS, integer_models
from snnc.backends.feeds import check_graph
from snnc.backends.registry import get_engine
from snnc.ir.arrays import IntArray
from snnc.ir.codes import SCHEDULES, RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import MAPS, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import NODES, Input, InputPart, Output, Population

N_GRAPHS = 250
OFTEN = 0.03
"""Of the graphs: each of some thirty kinds has its share of the drawing."""

Drawn: TypeAlias = tuple[Counter[str], list[int], int]


def population_traits(case: Case) -> tuple[set[str], int, int]:
    """Traits of a case's populations; how many there are, and how many show no life."""
    traits, dead = set(), 0
    values = evaluate(case.graph, case.feeds)
    for node in case.graph.populations:
        k = values[node.name]
        traits.add(node.model.kind)
        dead += bool((k == k.flat[0]).all())
        if isinstance(node.model, IntegerFire) and has_tie(case, node, node.model, values):
            traits.add("tie")
    return traits, len(case.graph.populations), dead


def has_tie(case: Case, node: Population, model: IntegerFire, values: dict[str, IntArray]) -> bool:
    i = total(case.graph.incoming(node.name), values, node.shape) + node.bias_map()
    rows = np.moveaxis(i, node.channel_axis + 2, 0).reshape(node.n_channels, -1)
    thresholds = np.broadcast_to(model.thresholds, (node.n_channels, model.thresholds.shape[1]))
    return any(np.isin(row, theta).any() for row, theta in zip(rows, thresholds, strict=True))


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """How many graphs have each trait; populations by graph; populations without life."""
    traits: Counter[str] = Counter()
    n_populations: list[int] = []
    n_dead = 0

    @settings(
        max_examples=N_GRAPHS,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def draw(case: Case) -> None:
        nonlocal n_dead
        found, n, dead = population_traits(case)
        n_dead += dead
        n_populations.append(n)
        found |= {node.kind for node in case.graph.nodes.values()}
        found |= {p.map.kind for p in case.graph.projections.values()}
        found |= {case.settings.code, case.settings.schedule}
        found |= {"frames"} if case.n_frames > 1 else set()
        traits.update(found | case.traits)

    draw()
    return traits, n_populations, n_dead


def test_every_kind_is_drawn_often(drawn: Drawn) -> None:
    traits, n_populations, _ = drawn
    roundings = [f"rounding:{name}" for name in ROUNDINGS]
    biases = ["bias-scalar", "bias-channel", "bias-map"]
    # a pass makes the parts of inputs, tests/ir/test_split_signs.py draws those
    nodes = [kind for kind in NODES if kind != InputPart.kind]
    for kind in [*nodes, *MAPS, *integer_models(), *EXACT_CODES, *SCHEDULES, *roundings, *biases]:
        assert traits[kind] >= OFTEN * len(n_populations), kind
    for kind in ("tie", "frames", "recurrent", "slow-feed", "concat", "permutation", "branches"):
        assert traits[kind] >= OFTEN * len(n_populations), kind
    assert traits["residual"] >= 0.2 * len(n_populations)


def test_graphs_have_some_depth(drawn: Drawn) -> None:
    _, n_populations, _ = drawn
    assert len(n_populations) >= N_GRAPHS
    assert np.median(n_populations) >= 4


def test_populations_show_life(drawn: Drawn) -> None:
    _, n_populations, n_dead = drawn
    assert n_dead < 0.1 * sum(n_populations)


def check_oracle(case: Case) -> None:
    counts = run_case(get_engine("oracle"), case).counts
    expected = evaluate(case.graph, case.feeds)
    assert counts.keys() == expected.keys()
    for name, k in expected.items():
        assert (counts[name] == k).all(), name


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_oracle_gives_the_frame_by_frame_counts(case: Case) -> None:
    """Ticks, codes and schedules change nothing in what is computed."""
    check_oracle(case)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_oracle_gives_the_frame_by_frame_counts_of_many(case: Case) -> None:
    check_oracle(case)


def wide(exponent: int) -> Graph:
    one = Identity(shape=(1,))
    return Graph(
        [
            Input(name="x", shape=(1,), lo=-3, hi=3),
            Population(name="p", shape=(1,), model=Accumulator()),
            Output(name="out", shape=(1,)),
        ],
        [
            Projection(name="w", source="x", target="p", map=one, exponent=exponent),
            Projection(name="read", source="p", target="out", map=one),
        ],
    )


def test_a_graph_has_to_keep_within_63_bits_in_delta_as_well() -> None:
    """A change is up to twice as large as a count."""
    graded = RunSettings("graded")
    assert is_executable(wide(59), graded, 1)
    assert check_graph(wide(60), graded, 1)["p"].membrane_hi == 3 << 60
    assert not is_executable(wide(60), graded, 1)
    assert not is_executable(wide(62), graded, 1)


def test_what_is_drawn_is_asked_whether_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def ask(graph: Graph, given: RunSettings, n_frames: int) -> bool:
        seen.append((graph, given, n_frames))
        return True

    monkeypatch.setattr(import_module("snnc.backends.conformance.cases"), "is_executable", ask)
    few = settings(max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    case = find(cases(code="graded"), lambda case: True, settings=few)
    assert (case.graph, case.settings, case.n_frames) in seen
