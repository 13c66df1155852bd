"""Sizes of a model."""

from __future__ import annotations

from snnc.runtime.summary import describe, summarise
from tests.runtime.models import make_file


def test_sizes() -> None:
    found = summarise(make_file())
    assert found.to_json() == {
        "n_populations": 2,
        "n_projections": 2,
        "n_neurons": 8,
        "n_synapses": 30 + 15,
        "levels": {"x": 4, "hidden": 4},
        "weight_bits": 4,
        "host_ops": {},
        "host_mac_share": 0.0,
    }


def test_description() -> None:
    found = describe(make_file().integer_graph)
    assert [n["name"] for n in found["nodes"]] == ["x", "hidden", "scores", "y"]
    assert [p["bits"] for p in found["projections"]] == [4, 4, 2]
