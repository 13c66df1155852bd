"""`verify` on a converted network: it holds, and every promise can be seen to fail."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from snnc.backends.base import EngineResult, Feeds
from snnc.backends.registry import get_engine
from snnc.converter.sources import EagerModel, SourceOptions, load_source
from snnc.converter.sources.model import Calls
from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, NotExecutable
from snnc.ir.limits import Limits
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Population
from snnc.runtime.engines import OpenEngine, open_engine
from snnc.runtime.verify import engines as engine_checks
from snnc.runtime.verify import overflow, verify
from snnc.runtime.verify.report import Verification
from tests.converter.sources.nets import ConvNet, conv_net
from tests.runtime.verify.graphs import Case, conv_case, with_node, with_weight

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def case() -> Case:
    return conv_case()


def fire_names(case: Case) -> list[str]:
    return [n.name for n in case.converted.float_graph.populations if n.model.emits == "count"]


def test_a_converted_network_holds_all_promises(case: Case) -> None:
    steps: list[tuple[str, int, int]] = []
    labels = np.zeros(40, dtype=np.int64)
    result = verify(
        case.source,
        case.model(),
        case.x,
        progress=lambda stage, done, total: steps.append((stage, done, total)),
    )
    assert result.ok
    assert result.source == "PyTorch eager"
    assert result.n_samples == 40
    assert result.n_mismatches == 0
    # stem, block and head accumulate, two populations fire: 6·64 and 6 and 3 neurons
    assert result.n_activations == sum(p.lowering.n_values for p in result.populations)
    assert result.n_activations >= 40 * (6 * 64 * 3 + 3)
    assert {(c.engine, c.against) for c in result.engines} == {
        ("event", "dense"),
        ("dense", "event"),
    }
    assert all(c.n_values > 0 for c in result.engines)
    assert steps[-1] == ("verify", 40, 40)
    assert labels.shape == (40,)


def test_json_has_its_keys_and_no_numpy(case: Case) -> None:
    result = verify(case.source, case.model(), case.x, limit=3)
    text = json.dumps(result.to_json(), allow_nan=False)
    found = json.loads(text)
    assert {
        "ok", "n_samples", "n_activations", "n_mismatches", "n_near_threshold", "rounding",
        "engines", "populations",
    } <= set(found)  # fmt: skip
    assert found["ok"] is True
    assert found["n_samples"] == 3
    assert found["first_difference"] is None
    assert isinstance(found["engines"], list)
    assert {p["module_path"] for p in found["populations"]} >= {"fire", "fire2", "head"}


def printed(result: Verification) -> str:
    """What the command line shows of a verification."""
    console = Console(width=100, record=True, file=io.StringIO())
    for part in result.render():
        console.print(part)
    return console.export_text()


def test_tables_name_layers_and_verdict(case: Case) -> None:
    text = printed(verify(case.source, case.model(), case.x, limit=3))
    assert "fire2" in text
    assert "verified" in text
    assert "event" in text


def test_one_changed_weight_fails_the_lowering(case: Case) -> None:
    graph = case.converted.float_graph
    name = next(
        p.name
        for p in graph.projections.values()
        if p.target == fire_names(case)[1] or p.map.kind == "conv"
    )
    change = np.zeros_like(graph.projections[name].map.weight)
    change.flat[3] = 0.05
    result = verify(case.source, case.model(with_weight(graph, name, change)), case.x)
    assert not result.ok
    assert not result.lowering_ok
    assert result.export_ok
    assert result.engines_ok
    stage, first = result.first_difference or ("", None)
    assert stage == "lowering"
    assert first is not None
    assert first.population == graph.projections[name].target


def test_a_moved_threshold_fails_the_lowering(case: Case) -> None:
    graph = case.converted.float_graph
    name = fire_names(case)[0]
    node = graph.nodes[name]
    assert isinstance(node, Population)
    moved = with_node(graph, name, bias=node.bias + 0.01)
    result = verify(case.source, case.model(moved), case.x)
    assert not result.ok
    stage, first = result.first_difference or ("", None)
    assert stage == "lowering"
    assert first is not None
    assert first.population == name
    assert abs(first.expected - first.got) == 1


def test_rounding_is_shown_and_fails_only_on_demand(case: Case) -> None:
    graph = case.converted.integer_graph
    name = fire_names(case)[1]
    node = graph.nodes[name]
    assert isinstance(node, Population)
    assert isinstance(node.model, IntegerFire)
    coarse = replace(node.model, thresholds=node.model.thresholds + 300)
    model = case.model(integer_graph=with_node(graph, name, model=coarse))
    result = verify(case.source, model, case.x)
    assert result.ok
    share = next(p.changed_share for p in result.populations if p.name == name)
    assert share is not None
    assert share > 0.01
    assert verify(case.source, model, case.x, max_changed=share + 0.01).ok
    failed = verify(case.source, model, case.x, max_changed=share - 0.001)
    assert not failed.ok
    assert not failed.rounding_ok
    assert failed.lowering_ok


def test_accuracy_and_agreement_are_shown(case: Case) -> None:
    from snnc.runtime.data import DataSet

    expected = conv_net()(torch.from_numpy(case.x)).argmax(1).numpy()
    data = DataSet(x=case.x, y=expected, name="made")
    rounding = verify(case.source, case.model(), data).to_json()["rounding"]
    assert rounding["source_accuracy"] == 1.0
    assert rounding["accuracy"] == rounding["predictions_agree"]
    assert rounding["input"]["n_rounded"] == 0


def test_values_off_the_input_grid_are_rounding_not_lowering(case: Case) -> None:
    result = verify(case.source, case.model(), case.x + np.float32(0.4), limit=10)
    assert result.ok
    found = result.to_json()["rounding"]
    assert found["input"]["n_rounded"] == 640
    assert found["n_changed"] > 0


@dataclass(frozen=True)
class _Flipping:
    """The oracle with one wrong count."""

    session: Any
    population: str
    kernels: frozenset[str] = frozenset({"wrong"})

    def run(self, feeds: Feeds, **options: Any) -> EngineResult:
        result = self.session.run(feeds, **options)
        counts = {name: values.copy() for name, values in result.counts.items()}
        if len(counts[self.population]) > 3:
            counts[self.population][3, 0].flat[17] += 1
        return replace(result, counts=counts)


@pytest.fixture
def wrong_engine(case: Case, monkeypatch: pytest.MonkeyPatch) -> str:
    name = fire_names(case)[0]
    plain = open_engine

    def opening(model: Any, engine: str, settings: Any, n_frames: int) -> OpenEngine:
        opened = plain(model, "oracle" if engine == "wrong" else engine, settings, n_frames)
        if engine != "wrong":
            return opened
        return replace(opened, name="wrong", session=_Flipping(opened.session, name))

    monkeypatch.setattr(engine_checks, "open_engine", opening)
    return name


def test_a_wrong_engine_is_located(case: Case, wrong_engine: str) -> None:
    result = verify(case.source, case.model(), case.x, engine=("wrong", "event"))
    assert not result.ok
    assert not result.engines_ok
    assert result.lowering_ok
    assert result.n_mismatches == 1
    stage, first = result.first_difference or ("", None)
    assert stage == "engines"
    assert first is not None
    assert (first.sample, first.frame, first.population, first.neuron) == (3, 0, wrong_engine, 17)
    assert first.got - first.expected == 1
    assert first.between == ("event", "wrong")
    assert next(p for p in result.populations if p.name == wrong_engine).ok is False


def test_an_engine_that_gives_no_counts_is_no_proof(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = open_engine

    @dataclass(frozen=True)
    class Silent:
        session: Any
        kernels: frozenset[str] = frozenset({"silent"})

        def run(self, feeds: Feeds, **options: Any) -> EngineResult:
            return replace(self.session.run(feeds, **options), counts={})

    def opening(model: Any, engine: str, settings: Any, n_frames: int) -> OpenEngine:
        opened = plain(model, engine, settings, n_frames)
        return replace(opened, session=Silent(opened.session)) if engine == "dense" else opened

    monkeypatch.setattr(engine_checks, "open_engine", opening)
    result = verify(case.source, case.model(), case.x, limit=2)
    assert not result.engines_ok
    assert any("gave no counts" in note for note in result.notes)


def test_two_engines_with_common_kernels_are_one_computation(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = frozenset({"numpy"})
    monkeypatch.setattr(engine_checks, "kernels_of", lambda opened: same)
    result = verify(case.source, case.model(), case.x, limit=2)
    assert not result.engines_ok
    assert not result.ok
    assert all(c.against is None for c in result.engines)


def test_one_engine_alone_gets_a_second_one(case: Case) -> None:
    result = verify(case.source, case.model(), case.x, engine="oracle", limit=2)
    assert result.ok
    assert {c.engine for c in result.engines} > {"oracle"}
    assert any("joins" in note for note in result.notes)


def test_an_engine_that_cannot_run_is_an_error_only_if_asked_for(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = open_engine

    def opening(model: Any, engine: str, settings: Any, n_frames: int) -> OpenEngine:
        if engine == "dense":
            raise NotExecutable("the dense engine has no such node")
        return plain(model, engine, settings, n_frames)

    monkeypatch.setattr(engine_checks, "open_engine", opening)
    result = verify(case.source, case.model(), case.x, limit=2)
    assert result.ok
    assert {c.engine for c in result.engines} == {"event", "oracle"}
    assert any("dense is left out" in note for note in result.notes)
    with pytest.raises(NotExecutable, match="no such node"):
        verify(case.source, case.model(), case.x, limit=2, engine="dense")


def test_a_graph_that_can_overflow_its_target_fails(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = Limits(target="narrow", membrane_bits=12)
    monkeypatch.setattr(overflow, "target_limits", lambda target: narrow)
    result = verify(case.source, case.model(), case.x, limit=2)
    assert not result.ok
    assert not result.overflow.ok
    assert result.engines_ok
    error = result.to_json()["overflow"]["error"]
    assert error["code"] == "SNNC401"
    assert "narrow has 12" in error["what"]


class _BadEager:
    """PyTorch with an export bug: it computes something else than its ONNX."""

    def __init__(self, eager: EagerModel, tensor: str | None) -> None:
        self._eager = eager
        self._tensor = tensor

    @property
    def tensors(self) -> frozenset[str]:
        return self._eager.tensors

    @property
    def replays(self) -> bool:
        return self._eager.replays

    def run(self, calls: Calls, tensors: Collection[str]) -> list[dict[str, Array]]:
        values = self._eager.run(calls, tensors)
        if self._tensor is not None:
            for value in values:
                value[self._tensor] = value[self._tensor] + np.float32(0.25)
        return values

    def outputs(self, calls: Calls) -> list[Array]:
        found = self._eager.outputs(calls)
        if self._tensor is not None:
            return found
        return [v + np.float32(0.5) for v in found]


def test_an_export_bug_cannot_hide(case: Case) -> None:
    assert case.source.eager is not None
    node = case.converted.float_graph.nodes[fire_names(case)[0]]
    inner = replace(case.source, eager=_BadEager(case.source.eager, node.source_tensor))
    result = verify(inner, case.model(), case.x, limit=4)
    assert not result.export_ok
    assert result.first_difference is not None
    assert result.first_difference[0] == "export"
    assert result.first_difference[1].population == node.name
    outer = replace(case.source, eager=_BadEager(case.source.eager, None))
    result = verify(outer, case.model(), case.x, limit=4)
    assert not result.export_ok
    assert result.lowering_ok


def test_torchscript_and_onnx_sources_have_onnx_runtime_as_reference(
    case: Case, tmp_path: Any
) -> None:
    plain = replace(case.source, eager=None)
    result = verify(plain, case.model(), case.x, limit=4)
    assert result.ok
    assert result.source == "ONNX Runtime, optimisations off"
    assert any("no PyTorch model" in note for note in result.notes)
    from snnc.converter.convert import convert_source

    path = tmp_path / "net.pt"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.trace(conv_net(), torch.zeros(1, 1, 8, 8)).save(str(path))  # type: ignore[no-untyped-call]
    options = SourceOptions(input_shape=(1, 1, 8, 8), input_range=(0.0, 15.0), input_bits=4)
    script = load_source(path, options)
    model = Case(script, convert_source(script), case.x).model()
    result = verify(script, model, case.x, limit=4)
    assert result.ok
    assert all(t.n_values == 12 for t in result.outputs.values())


def test_without_a_source_engines_and_widths_are_checked(case: Case) -> None:
    result = verify(None, case.model(), case.x, limit=4)
    assert result.ok
    assert result.source is None
    assert result.n_activations == 0
    assert result.to_json()["source"] is None
    promises = result.to_json()["promises"]
    unheld = [name for name, holds in promises.items() if holds is None]
    assert unheld == ["export", "lowering", "integer_form", "rounding"]
    rows = [line for line in printed(result).splitlines() if "not applicable" in line]
    assert [row.split()[0] for row in rows] == ["export", "lowering", "integer", "rounding"]


def test_another_source_is_found_out(case: Case) -> None:
    other = load_source(
        conv_net(7), SourceOptions(input_range=(0.0, 15.0), input_bits=4), torch.zeros(1, 1, 8, 8)
    )
    result = verify(other, case.model(), case.x, limit=4)
    assert not result.lowering_ok
    assert result.export_ok

    class Plain(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.round(x).sum((1, 2, 3))

    stranger = load_source(Plain(), example_inputs=torch.zeros(1, 1, 8, 8))
    with pytest.raises(DataError, match="converted from another"):
        verify(stranger, case.model(), case.x, limit=4)


def test_a_module_is_a_source(case: Case) -> None:
    assert verify(conv_net(), case.model(), case.x, limit=2).ok
    assert isinstance(conv_net(), ConvNet)


def test_no_samples_are_an_error(case: Case) -> None:
    with pytest.raises(DataError, match="empty"):
        verify(case.source, case.model(), case.x, limit=0)


def test_the_oracle_is_the_numpy_kernel() -> None:
    assert get_engine("oracle").kernels == frozenset({"numpy"})
