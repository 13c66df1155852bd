"""Host operators among events: converted, run stage by stage, verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from snnc.ir.errors import DataError, NeedsHost, WidthExceeded
from snnc.ir.file import SnncFile, save
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import HostOp, Input, Output, Population
from snnc.ir.ranges import analyse
from snnc.ir.stages import stages
from snnc.runtime.convert import Conversion, convert
from snnc.runtime.model import load
from snnc.runtime.run import run
from snnc.runtime.trace import trace
from snnc.runtime.verify import verify
from tests.backends.lava.conftest import need_lava
from tests.runtime.nets import Mixed
from tests.runtime.test_host import times_two

X = np.random.default_rng(0).random((5, 3, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def net() -> Mixed:
    torch.manual_seed(0)
    return Mixed().eval()


@pytest.fixture(scope="module")
def converted(net: Mixed) -> Conversion:
    return convert(net, torch.zeros(1, 3, 6), input_range=(0, 1), weight_bits=12)


def test_what_has_no_event_form_is_in_maximal_regions(converted: Conversion) -> None:
    hosts = converted.integer_graph.host_ops
    found = [(host.operators, host.result) for host in hosts]
    norm = ("ReduceMean", "Sub", "Mul", "Add", "Sqrt", "Div", "Mul", "Clip", "Round", "Div")
    assert found[0] == (tuple(dict.fromkeys(norm)), "count")
    assert sorted(result for _, result in found) == ["count", "count", "real", "value", "value"]
    assert {"LayerNormalization", "Softmax", "Sigmoid"} <= {o for ops, _ in found for o in ops}
    # the residual stream and every layer that reads spikes stay events
    kinds = [p.model.kind for p in converted.integer_graph.populations]
    assert kinds.count("accumulator") >= 5
    assert len(converted.integer_graph.products) == 3
    assert converted.summary.host_mac_share == 0  # elementwise work counts none
    assert any("stays on the host in" in note for note in converted.notes)


def test_every_promise_holds(net: Mixed, converted: Conversion) -> None:
    result = verify(net, converted.model, X)
    assert result.ok
    assert result.n_mismatches == 0
    hosts = {p.name: p for p in result.populations if p.kind == "host-op"}
    assert len(hosts) == len(converted.integer_graph.host_ops)
    assert all(p.checked for p in hosts.values())


def test_outputs_come_from_the_host(net: Mixed, converted: Conversion, tmp_path: Path) -> None:
    path = tmp_path / "mixed.snnc"
    save(path, converted.file)
    with torch.no_grad():
        wanted = net(torch.from_numpy(X)).numpy()
    results = {engine: run(path, X, engine=engine) for engine in ("oracle", "event", "dense")}
    for result in results.values():
        assert result.outputs_int is None
        np.testing.assert_array_equal(result.outputs, results["oracle"].outputs)
        assert result.counters == results["oracle"].counters
        assert result.n_ticks == results["oracle"].n_ticks
    assert np.abs(results["event"].outputs - wanted).max() < 0.05
    seen = trace(load(path), X, sample=1)
    assert seen.n_ticks == results["event"].n_ticks
    one = run(path, X[1:2], engine="event")
    assert seen.n_spikes == one.counters["spikes"]


def test_no_host_says_what_and_where(net: Mixed) -> None:
    with pytest.raises(NeedsHost, match="LayerNormalization has no event form") as caught:
        convert(net, torch.zeros(1, 3, 6), input_range=(0, 1), no_host=True)
    assert "Softmax" in str(caught.value)


def test_what_a_chip_cannot_carry_is_refused(net: Mixed) -> None:
    """Not for its host operators: their values meet in products, which outgrow 24 bits."""
    with pytest.raises(WidthExceeded, match="the membrane can need"):
        convert(net, torch.zeros(1, 3, 6), input_range=(0, 1), target="loihi")


def crossing(*, states: bool = False) -> SnncFile:
    """x -> a -> host (2 a) -> b -> y by hand."""
    host = HostOp(
        name="host",
        shape=(3,),
        onnx="host",
        reads=("x",),
        result="value",
        lo=-100,
        hi=100,
        step=np.array(0.5),
    )
    graph = Graph(
        nodes=[
            Input(name="in", shape=(3,), lo=0, hi=9, step=0.25),
            Population(name="a", shape=(3,), model=Accumulator(), step=np.array(0.25)),
            host,
            Population(name="b", shape=(3,), model=Accumulator(), step=np.array(0.5)),
            Output(name="y", shape=(3,)),
        ],
        projections=[
            Projection(name="1", source="in", target="a", map=Identity(shape=(3,))),
            Projection(
                name="2",
                source="a",
                target="host",
                port="x",
                map=Identity(shape=(3,)),
                gather=np.array([2, 0, 1]),
            ),
            Projection(name="3", source="host", target="b", map=Identity(shape=(3,))),
            Projection(name="4", source="b", target="y", map=Identity(shape=(3,))),
        ],
    ).validate()
    return SnncFile(float_graph=graph, integer_graph=graph, onnx={"host": times_two()})


def test_the_host_reads_real_values_in_its_own_order(tmp_path: Path) -> None:
    path = tmp_path / "m.snnc"
    save(path, crossing())
    result = run(path, np.array([[0.25, 0.5, 1.75]]), engine="oracle")
    # 2 * (7, 1, 2) * 0.25 = 3.5, 0.5, 1 in steps of 0.5
    assert result.outputs.tolist() == [[3.5, 0.5, 1.0]]
    assert result.outputs_int is not None
    assert result.outputs_int.tolist() == [[7, 1, 2]]
    assert result.counters["synaptic_events"] == 6


@pytest.mark.lava
def test_lava_runs_stage_by_stage(tmp_path: Path) -> None:
    need_lava()
    path = tmp_path / "m.snnc"
    save(path, crossing())
    x = np.random.default_rng(0).integers(0, 10, (3, 3)) * 0.25
    results = [run(path, x, engine=engine) for engine in ("oracle", "lava")]
    assert np.array_equal(results[0].outputs, results[1].outputs)
    assert results[0].counters == results[1].counters


def test_stages_are_cut_at_the_host() -> None:
    graph = crossing().integer_graph
    found = stages(graph, analyse(graph))
    assert [sorted(stage.owned) for stage in found] == [["a"], ["b"]]
    assert [[host.name for host in stage.hosts] for stage in found] == [[], ["host"]]
    assert [sorted(stage.fed) for stage in found] == [["in"], ["host"]]


def test_a_value_beyond_its_limit_is_refused() -> None:
    file = crossing()
    nodes = [
        replace(n, hi=5) if isinstance(n, HostOp) else n for n in file.integer_graph.nodes.values()
    ]
    narrow = replace(file, integer_graph=file.integer_graph.replace(nodes=nodes))
    from snnc.ir.codes import RunSettings
    from snnc.runtime.model import Model

    model = Model(path=None, file=narrow, bundle=None, target="sim", settings=RunSettings())
    with pytest.raises(DataError, match="widths were checked for -100 to 5"):
        run(model, np.array([[0.25, 0.5, 1.75]]), engine="oracle")
