"""Promise 2: every engine computes the integer graph bit for bit, on networks of every shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from snnc.backends.base import EngineResult
from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.runtime.convert import Conversion
from snnc.runtime.feeds import Feeder
from tests.needs import missing
from tests.system import models

SETTINGS = [
    RunSettings("graded", "sequential"),
    RunSettings("burst", "sequential"),
    RunSettings("burst", "pipelined"),
    RunSettings("graded", "pipelined"),
]
NAMES = [case.name for case in models.CASES]


def run(conversion: Conversion, engine: str, settings: RunSettings, n: int) -> EngineResult:
    feeds = Feeder(conversion.file).feeds(models.digits(n).astype(np.float32))
    session = get_engine(engine).prepare(conversion.integer_graph, settings)
    return session.run(feeds)


def assert_equal(ours: EngineResult, golden: EngineResult) -> None:
    assert set(ours.counts) == set(golden.counts)
    for name, counts in golden.counts.items():
        assert np.array_equal(ours.counts[name], counts), name
    assert ours.counters == golden.counters
    assert ours.node_counters == golden.node_counters


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.code}-{s.schedule}")
def test_engines_agree(
    convert_case: Callable[[str], Conversion], name: str, settings: RunSettings
) -> None:
    conversion = convert_case(name)
    golden = run(conversion, "oracle", settings, 3)
    for engine in ("event", "dense"):
        assert_equal(run(conversion, engine, settings, 3), golden)


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_event_and_dense_agree_on_200_images(
    convert_case: Callable[[str], Conversion], name: str
) -> None:
    conversion, burst = convert_case(name), RunSettings("burst", "sequential")
    assert_equal(run(conversion, "event", burst, 200), run(conversion, "dense", burst, 200))


@pytest.mark.torch
@pytest.mark.lava
@pytest.mark.parametrize(
    "name",
    [
        "mlp half-even D=4",
        "mlp half-even D=1",
        "conv half-up D=15",
        "residual half-even D=4",
        "concat per-channel D=4",
        "ties half-up D=4",
    ],
)
@pytest.mark.parametrize("settings", SETTINGS[:2], ids=lambda s: s.code)
def test_lava_agrees(
    convert_case: Callable[[str], Conversion], name: str, settings: RunSettings
) -> None:
    from snnc.backends.lava.environment import find_environment

    if find_environment() is None:
        missing("lava", "there is no Lava environment")
    conversion = convert_case(name)
    golden = run(conversion, "oracle", settings, 2)
    ours = run(conversion, "lava", settings, 2)
    for node, counts in golden.counts.items():
        assert np.array_equal(ours.counts[node], counts), node


@pytest.mark.torch
@pytest.mark.parametrize("name", ["ties half-even D=4", "ties half-up D=4"])
def test_the_tie_networks_do_have_ties(
    convert_case: Callable[[str], Conversion], name: str
) -> None:
    """Pre-activations that fall on a threshold exactly, so that the rounding rule decides."""
    conversion = convert_case(name)
    graph = conversion.float_graph
    counts = run(conversion, "oracle", SETTINGS[0], 50).counts
    first = graph.populations[0]
    (p,) = graph.incoming(first.name)
    step = graph.nodes[p.source].step  # type: ignore[attr-defined]
    real = p.apply(counts[p.source].reshape(50, -1) * step) + first.bias_map()
    inside = (real > 0) & (real < 4)
    assert (np.abs(real[inside] % 1 - 0.5) < 1e-9).mean() > 0.2
