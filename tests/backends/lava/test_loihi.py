"""Loihi's and sigma-delta neurons in bundles: Lava against the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.ir.codes import RunSettings
from tests.converter.netx.files import CUBA, counts, dense, read, write

pytestmark = pytest.mark.lava
RNG = np.random.default_rng(8)
SDNN: dict[str, Any] = {"type": "SDNN", "vThMant": 2, "activation": "relu"}


def even(*shape: int) -> Any:
    return RNG.integers(-40, 41, shape) * 2


NETS: dict[str, list[dict[str, Any]]] = {
    "spiking": [
        dense(even(8, 6), CUBA, bias=np.arange(8) - 2),
        {**dense(even(5, 8)), "type": "dense_rec", "weight_rec": even(5, 5)},
        dense(even(3, 5), None),
    ],
    "sigma-delta": [
        {"type": "input", "shape": np.array([6]), "neuron": SDNN},
        dense(even(8, 6), SDNN, bias=np.arange(8)),
        dense(even(3, 8), {**SDNN, "sigma_output": True}),
    ],
}


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("name", NETS)
def test_lava_gives_the_oracles_integers(
    tmp_path: Path, lava: Environment, name: str, schedule: Any
) -> None:
    graph = read(write(tmp_path / "a.net", *NETS[name]), reset_interval=4).graph
    (entering,) = graph.inputs
    x = RNG.integers(entering.lo, entering.hi + 1, (10, 6))
    settings = RunSettings(schedule=schedule)
    session = LavaEngine().prepare(graph, settings, n_frames=10)
    found = session.run({"input": x[None]}).counts
    expected = counts(graph, x)
    assert expected
    for node, value in expected.items():
        assert np.array_equal(found[node][0], value), node
