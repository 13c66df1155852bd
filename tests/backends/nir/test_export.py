"""Export to NIR and back: the same integers; what NIR has no word for is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import OutputExists, SnncError, UnsupportedByTarget
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, FloatFire, IntegrateFire, Max
from snnc.ir.nodes import Input, Node, Output, Population
from snnc.ir.rules import FireRule, RuleOp
from snnc.runtime.model import Model
from tests import needs
from tests.converter.nir.files import chain, write
from tests.converter.nir.test_lower import conv, neuron, pool

DT = 1e-3


def outputs(model: Model, x: Array) -> Array:
    """Integers of the output."""
    found = snnc.run(model, x, engine="oracle").outputs_int
    assert found is not None
    return found


def same_after_a_round_trip(model: Model, tmp_path: Path, x: Array) -> None:
    path = tmp_path / "back.nir"
    snnc.export(model, format="nir", output=path, force=True)
    again = snnc.convert(path)
    assert np.array_equal(outputs(model, x), outputs(again.model, x))


@pytest.mark.parametrize(
    ("type_", "reset"),
    [
        ("IF", "zero"),
        ("IF", "subtract"),
        ("LIF", "zero"),
        ("LIF", "subtract"),
        ("CubaLIF", "zero"),
        ("CubaLIF", "subtract"),
        ("Threshold", "zero"),
    ],
)
def test_neurons_come_back(tmp_path: Path, type_: str, reset: Any) -> None:
    rng = np.random.default_rng(len(type_) + len(reset))
    first, second = neuron(type_, rng, 6), neuron(type_, rng, 4)
    for node in (first, second):
        node.pop("v_leak", None)
        if "tau" in node or "tau_mem" in node:
            node["v_leak"] = np.zeros(len(node["r"]))
    nodes, edges = chain(
        (5,),
        {"type": "Affine", "weight": rng.normal(0.3, 1, (6, 5)), "bias": rng.normal(0, 0.2, 6)},
        first,
        {"type": "Linear", "weight": rng.normal(0.2, 1, (4, 6))},
        second,
        out=(4,),
    )
    rec = {"type": "Linear", "weight": rng.normal(0, 0.5, (6, 6))}
    path = write(tmp_path / "a.nir", {**nodes, "rec": rec}, [*edges, ("m1", "rec"), ("rec", "m1")])
    model = snnc.convert(path, dt=DT, reset=reset).model
    x = (rng.random((4, 30, 5)) < 0.5).astype(np.uint8)
    spikes = outputs(model, x)
    assert 0.02 < spikes.mean() < 0.98
    same_after_a_round_trip(model, tmp_path, x)


def test_a_convolutional_net_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    fire = {"type": "IF", "r": np.ones((4, 8, 8)), "v_threshold": np.ones((4, 8, 8))}
    delay = {"type": "Delay", "delay": np.full((2, 8, 8), 2 * DT)}
    flatten = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
    head = {"type": "Affine", "weight": rng.normal(0, 1, (3, 64)), "bias": rng.normal(0, 1, 3)}
    out = {"type": "IF", "r": np.ones(3), "v_threshold": np.ones(3)}
    nodes, edges = chain(
        (2, 8, 8), delay, conv(rng), fire, pool("SumPool2d"), flatten, head, out, out=(3,)
    )
    model = snnc.convert(write(tmp_path / "c.nir", nodes, edges), dt=DT, reset="subtract").model
    x = (rng.random((3, 6, 2, 8, 8)) < 0.3).astype(np.uint8)
    assert outputs(model, x).any()
    same_after_a_round_trip(model, tmp_path, x)


def integer_net(model: Any = None, **more: Any) -> Graph:
    """Counts 0 … 3, a gather, a residual sum: x (4) -> a (4) -> sum, x -> sum -> y."""
    rng = np.random.default_rng(8)
    rule = FireRule(ops=(RuleOp.of("clip", 0.0, 3.0), RuleOp("round")), dtype="float64")
    gather = np.array([3, 1, 0, 2])
    nodes: list[Node] = [
        Input(name="x", shape=(4,), dtype="uint8", lo=0, hi=15),
        Population(
            name="a",
            shape=(4,),
            model=model or FloatFire(rule=rule, lo=0, hi=3),
            bias=np.array([0.5, 0.25, 0.0, -1.0]),
            **more,
        ),
        Population(name="sum", shape=(4,), model=Accumulator()),
        Output(name="y", shape=(4,)),
    ]
    dense = Dense(weight=rng.normal(0, 0.2, (4, 4)))
    identity = Identity(shape=(4,), weight=np.array(1.0))
    return Graph(
        nodes,
        [
            Projection(name="fc", source="x", target="a", map=dense, gather=gather),
            Projection(name="a->sum", source="a", target="sum", map=identity),
            Projection(name="skip", source="x", target="sum", map=identity, gather=gather[::-1]),
            Projection(name="read", source="sum", target="y", map=identity),
        ],
        form="float",
    ).validate()


def model_of(graph: Graph) -> Model:
    from snnc.converter.integer import integer_form

    file = SnncFile(
        float_graph=graph,
        integer_graph=integer_form(graph).graph,
        manifest={"weight_bits": 8, "target": "sim"},
    )
    return Model(path=None, file=file, bundle=None, target="sim", settings=RunSettings())


def test_integer_activations_become_thresholds_side_by_side(tmp_path: Path) -> None:
    model = model_of(integer_net())
    x = np.random.default_rng(0).integers(0, 16, (50, 4)).astype(np.uint8)
    a = snnc.run(model, x, engine="oracle", counts=True).counts
    assert a is not None
    assert set(np.unique(a["a"])) == {0, 1, 2, 3}
    same_after_a_round_trip(model, tmp_path, x)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (
            lambda: integer_net(IntegrateFire(threshold=np.array(1.0), reset="subtract")),
            "a: it fires at v >= threshold and subtracts that",
        ),
        (
            lambda: integer_net(IntegrateFire(threshold=np.array(1.0), rounding="floor", hi=3)),
            "a: it emits counts in a frame",
        ),
        (
            lambda: integer_net(IntegrateFire(threshold=np.array(1.0), reset="none")),
            "a: NIR's neurons reset as they fire",
        ),
        (
            lambda: integer_net(
                FloatFire(
                    rule=FireRule(
                        ops=(RuleOp("round"), RuleOp.of("clip", -2.0, 2.0)), dtype="float64"
                    ),
                    lo=-2,
                    hi=2,
                )
            ),
            "a: its counts begin at -2",
        ),
    ],
)
def test_what_nir_cannot_say(tmp_path: Path, graph: Any, message: str) -> None:
    with pytest.raises(UnsupportedByTarget, match=message):
        snnc.export(model_of(graph()), output=tmp_path / "x.nir")
    assert not (tmp_path / "x.nir").exists()


def test_a_maximum_and_a_bias_by_position_are_refused(tmp_path: Path) -> None:
    same = Conv(
        weight=np.ones((1, 1, 3, 3)),
        in_shape=(1, 4, 4),
        stride=(1, 1),
        padding=((1, 1),) * 2,
        dilation=(1, 1),
    )
    ends: list[Node] = [Input(name="x", shape=(1, 4, 4), dtype="uint8", lo=0, hi=1)]
    read = Projection(
        name="read", source="a", target="y", map=Identity(shape=(1, 4, 4), weight=np.array(1.0))
    )
    bias = np.arange(16.0).reshape(1, 4, 4)
    for node, map_, message in (
        (
            Population(name="a", shape=(1, 4, 4), model=Max()),
            Identity(shape=(1, 4, 4), weight=np.array(1.0)),
            "a: NIR has no `max` neuron",
        ),
        (
            Population(name="a", shape=(1, 4, 4), model=Accumulator(), bias=bias),
            same,
            "a: NIR has no bias by position",
        ),
    ):
        graph = Graph(
            [*ends, node, Output(name="y", shape=(1, 4, 4))],
            [Projection(name="p", source="x", target="a", map=map_), read],
            form="float",
        )
        with pytest.raises(UnsupportedByTarget, match=message):
            snnc.export(model_of(graph), output=tmp_path / "x.nir")


def test_output_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.nir"
    path.touch()
    with pytest.raises(OutputExists):
        snnc.export(model_of(integer_net()), output=path)


def test_the_nir_package_reads_it(tmp_path: Path) -> None:
    nir = needs.module("nir")
    path = tmp_path / "x.nir"
    snnc.export(model_of(integer_net()), output=path)
    graph = nir.read(path)
    assert {type(node).__name__ for node in graph.nodes.values()} == {
        "Affine",
        "Input",
        "Linear",
        "Output",
        "Scale",
        "Threshold",
    }


def test_a_changed_integer_form_is_not_exported(tmp_path: Path) -> None:
    graph = integer_net()
    model = model_of(graph)
    fc = model.integer_graph.projections["fc"]
    from dataclasses import replace

    changed = replace(fc, map=fc.map.with_weight(fc.map.weight + 1))
    others = [p for p in model.integer_graph.projections.values() if p.name != "fc"]
    broken = replace(
        model.file, integer_graph=model.integer_graph.replace(projections=[*others, changed])
    )
    with pytest.raises(SnncError, match="does not follow from its float form"):
        snnc.export(replace(model, file=broken), output=tmp_path / "x.nir")
