"""One place for each concept: a neuron model, an engine and a target that nothing else knows of."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from snnc.backends import registry
from snnc.backends.base import Backend, EngineResult, Target
from snnc.backends.conformance import Case, EngineConformance, cases, differences, run_case
from snnc.backends.conformance.draft import Draft
from snnc.backends.lava.bundle import write_bundle
from snnc.backends.oracle import OracleEngine
from snnc.backends.registry import get_engine
from snnc.ir import file as snnc_file
from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.codes import RunSettings
from snnc.ir.errors import SnncError
from snnc.ir.file import SnncFile
from snnc.ir.limits import Limits
from snnc.ir.maps import Dense
from snnc.ir.neurons import NEURONS, NeuronModel, State
from tests import needs

LIMIT = 9


@dataclass(frozen=True, kw_only=True, eq=False)
class Saturating(NeuronModel):
    """v = clip(v + i, -9, 9);  k = v // step"""

    kind: ClassVar[str] = "saturating"

    step: int

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        v = np.clip(state["v"] + i, -LIMIT, LIMIT)
        return v // self.step, {"v": v}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        low, high = np.full_like(i_lo, -LIMIT), np.full_like(i_hi, LIMIT)
        return low // self.step, high // self.step

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape, dtype=np.int64)}

    @classmethod
    def example(cls, i: IntArray, axis: int, rng: np.random.Generator) -> Self:
        return cls(step=int(rng.integers(1, 4)))


@pytest.fixture(autouse=True)
def saturating(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is registered while a test runs."""
    monkeypatch.setattr(NEURONS, "_classes", {**NEURONS, Saturating.kind: Saturating})


def saturating_case(code: str, schedule: str) -> Case:
    """x -> two saturating layers, 3 frames."""
    draft = Draft(rng=np.random.default_rng(0), n_samples=3, n_frames=3)
    name = draft.add_input((4,), -4, 4)
    for n_out in (5, 3):
        weight = draft.rng.integers(-3, 4, (n_out, draft.nodes[name].size))
        into = [draft.project(name, Dense(weight=weight))]
        name = draft.add_population(Saturating.kind, into, (n_out,), 0)
    graph = draft.finish([name], "saturating").validate()
    feeds = {node.name: draft.values[node.name] for node in graph.sources}
    return Case(graph, feeds, RunSettings(code, schedule), 3, frozenset())  # type: ignore[arg-type]


def by_hand(case: Case) -> IntArray:
    """Frame by frame, neuron by neuron."""
    (x,) = case.feeds.values()
    for node in case.graph.populations:
        (p,) = case.graph.incoming(node.name)
        assert isinstance(node.model, Saturating)
        y = np.zeros((*x.shape[:2], node.size), dtype=np.int64)
        for sample, neuron in np.ndindex(len(x), node.size):
            v, bias = 0, int(node.bias_map().reshape(-1)[neuron])
            for t in range(x.shape[1]):
                v += bias + int(p.map.weight[neuron] @ x[sample, t])
                v = max(-LIMIT, min(LIMIT, v))
                y[sample, t, neuron] = v // node.model.step
        x = y
    return x


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("code", ["burst", "graded"])
def test_a_new_neuron_model_is_saved_and_runs_everywhere(
    tmp_path: Path, code: str, schedule: str
) -> None:
    case = saturating_case(code, schedule)
    path = tmp_path / "model.snnc"
    file = SnncFile(
        float_graph=case.graph,
        integer_graph=case.graph,
        onnx={},
        settings=case.settings,
        manifest={},
    )
    snnc_file.save(path, file)
    read = replace(case, graph=snnc_file.load(path).integer_graph)
    assert read.graph.content_hash() == case.graph.content_hash()
    expected = run_case(get_engine("oracle"), case)
    last = case.graph.populations[-1].name
    assert np.array_equal(expected.counts[last], by_hand(case))
    assert len(np.unique(expected.counts[last])) > 2
    spikes = int(np.abs(expected.counts[last]).sum())
    assert expected.node_counters[last].spikes == spikes
    for name in ("event", "dense"):
        assert differences(expected, run_case(get_engine(name), read)) == []


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases())
def test_random_graphs_draw_the_new_model(case: Case) -> None:
    expected: EngineResult = run_case(get_engine("oracle"), case)
    for name in ("event", "dense"):
        assert differences(expected, run_case(get_engine(name), case)) == []


def test_lava_refuses_the_new_model_by_name(tmp_path: Path) -> None:
    with pytest.raises(SnncError, match="saturating"):
        write_bundle(saturating_case("graded", "sequential").graph, tmp_path / "b", target="loihi2")


PACKAGE = """
from tests.system.test_one_place import backend
"""


class ToyEngine(OracleEngine):
    """The oracle under another name."""

    name = "toychip"


backend = Backend(
    name="toychip",
    engine=ToyEngine(),
    targets=(
        Target(
            name="toychip",
            limits=Limits(target="toychip", membrane_bits=14, weight_bits=6, payload_bits=0),
            settings=RunSettings(code="burst"),
            description="A chip that nobody makes",
        ),
    ),
)


@pytest.fixture
def toychip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with an entry point, and nothing but that."""
    site = tmp_path / "site"
    metadata = site / "toychip-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toychip\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{registry.GROUP}]\ntoychip = toychip:backend\n")
    (site / "toychip.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(site))
    registry._entries.cache_clear()
    registry.get_backend.cache_clear()
    yield
    sys.modules.pop("toychip", None)
    registry._entries.cache_clear()
    registry.get_backend.cache_clear()


@pytest.mark.torch
def test_a_new_target_converts(toychip: None, tmp_path: Path) -> None:
    needs.module("torch")
    from tests.cli import nets
    from tests.cli.helpers import snnc

    source, output = nets.save(tmp_path / "model.pt"), tmp_path / "model.snnc"
    common = ("convert", source, "-o", output, "--target", "toychip", "--json")
    done = snnc(*common)
    assert done.code == 0, done.stderr
    assert (done.json["target"], done.json["code"]) == ("toychip", "burst")
    assert done.json["weight_bits"] == 6
    graph = snnc_file.load(output).integer_graph
    assert max(int(np.abs(p.map.weight).max()) for p in graph.projections.values()) <= 31
    assert "toychip" in [t["name"] for t in snnc("targets", "--json").json["targets"]]

    told = snnc(*common, "--force", "--weight-bits", "8").json
    assert told["weight_bits"] == 8
    assert "weights of more than 6 bits travel as several projections" in told["notes"][-1]
    graph = snnc_file.load(output).integer_graph
    assert max(int(np.abs(p.map.weight).max()) for p in graph.projections.values()) <= 32

    refused = snnc(*common, "--force", "--code", "graded")
    assert refused.code != 0
    assert "unit spikes only" in refused.stdout + refused.stderr


def test_a_new_engine_passes_the_suite(toychip: None) -> None:
    class TestToyChip(EngineConformance):
        engine_name = "toychip"

    suite = TestToyChip()
    suite.check(saturating_case("burst", "sequential"))
    assert suite.engine().name == "toychip"
