"""The code `rate` in Lava: stock neurons where a spike clears the membrane, else ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from snnc.backends.conformance import Case, cases, differences, run_case
from snnc.backends.lava.bundle import check_same, read_bundle, write_bundle
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.backends.oracle import OracleEngine
from snnc.backends.rate import open_session
from snnc.ir.codes import Rate, RateReset, RunSettings
from snnc.ir.errors import NotExecutable, UnsupportedByTarget, WidthExceeded
from snnc.ir.maps import Dense
from snnc.ir.neurons import IntegerFire
from tests.backends.lava.graphs import Drawing, feeds_for, mlp, residual_conv_net

REFUSALS = (NotExecutable, UnsupportedByTarget, WidthExceeded)
QUIET = list(HealthCheck)


def at(ticks: int, reset: RateReset = "subtract") -> RunSettings:
    return RunSettings("rate", "sequential", Rate(ticks, reset, "average"))


@pytest.mark.parametrize(("reset", "process"), [("zero", "LIFReset"), ("subtract", "Integrate")])
@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_a_bundle_says_what_it_stands_for(
    tmp_path: Path, reset: RateReset, process: str, target: str
) -> None:
    bundle = write_bundle(mlp(4), tmp_path / "net", settings=at(16, reset), target=target)
    network = (bundle / "network.py").read_text()
    assert network.count(f" = {process}") == 2
    assert "16 of them stand for one frame" in network
    readme = (bundle / "README.md").read_text()
    assert "{'x': 4, 'hidden.0': 4, 'hidden.1': 4}" in readme
    info = read_bundle(bundle)
    assert info.settings == at(16, reset)
    assert info.graph_hash == mlp(4).content_hash()
    stored = json.loads((bundle / "manifest.json").read_text())["settings"]
    assert stored["rate"] == {"ticks": 16, "reset": reset, "pools": "average"}


def test_signed_spikes_are_refused_on_loihi1(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedByTarget, match="no sign"):
        write_bundle(residual_conv_net(), tmp_path / "net", settings=at(4), target="loihi1")
    assert not (tmp_path / "net").exists()


@pytest.mark.lava
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_a_bundle_gives_the_oracles_counts(
    lava: Environment, tmp_path: Path, reset: RateReset
) -> None:
    graph = mlp(4)
    bundle = read_bundle(write_bundle(graph, tmp_path / "net", settings=at(12, reset)))
    feeds = feeds_for(graph, 3)
    check_same(bundle, graph, {})
    found = open_session(LavaEngine(), graph, at(12, reset)).run(feeds)
    wanted = open_session(OracleEngine(), graph, at(12, reset)).run(feeds)
    assert differences(wanted, found) == []
    assert wanted.counts["hidden.1"].any()


@pytest.mark.parametrize(("ticks", "process"), [(2, "IntegrateAndFire"), (16, "LIFReset")])
def test_stock_neurons_are_not_reset_before_their_first_tick(
    tmp_path: Path, ticks: int, process: str
) -> None:
    """Windows shorter than the way to a population would let its bias fire too early."""
    draw = Drawing(5)
    draw.input("x", (4,), 0, 4)
    last = "x"
    for depth in range(4):
        name, fire = f"h{depth}", IntegerFire(lo=0, thresholds=np.array([[8, 16, 24, 32]]))
        draw.population(name, (4,), fire, bias=np.array(30 if depth == 3 else 0))
        draw.project(last, name, Dense(weight=np.eye(4, dtype=np.int64) * 8))
        last = name
    bundle = write_bundle(
        draw.finish("deep", last), tmp_path / "net", settings=at(ticks, "zero"), target="loihi2"
    )
    assert f"h3 = {process}(" in (bundle / "network.py").read_text()


def check(case: Case) -> None:
    engine = LavaEngine(time_limit=300)
    try:
        found = run_case(engine, case)
    except REFUSALS:
        return
    assert differences(run_case(OracleEngine(), case), found) == []


@pytest.mark.lava
@settings(
    max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=QUIET,
)  # fmt: skip
@given(case=cases(code="rate"))
def test_some_random_graphs(lava: Environment, case: Case) -> None:
    check(case)


@pytest.mark.lava
@pytest.mark.slow
@settings(
    max_examples=120, deadline=None, phases=[Phase.generate], suppress_health_check=QUIET
)  # fmt: skip
@given(case=cases(code="rate"))
def test_many_random_graphs(lava: Environment, case: Case) -> None:
    check(case)
