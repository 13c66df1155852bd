"""The parties of `make bench` compute what the tables say of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import needs

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.torch


def script(name: str, *arguments: object) -> list[dict[str, Any]]:
    """What a script of benchmarks/peers prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", BENCHMARKS / "peers" / name, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parent / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def by_hand(weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """The recurrent network in whole numbers of 1/64 and halves of them: Python integers."""
    into, offset, back, out, constant = (
        np.rint(weights[name] * 64).astype(object)
        for name in ("into.weight", "into.bias", "back.weight", "out.weight", "out.bias")
    )
    totals = []
    for sample in x.astype(int).astype(object):
        v, z, total = 0 * offset, 0 * offset, 0 * constant
        for t, row in enumerate(sample):
            # v is in units of 1/64 of 2^-t: halving the unit is halving v
            v = v + (into @ row + offset + back @ z) * 2**t
            z = np.array([int(each > 64 * 2**t) for each in v], dtype=object)
            v = v * (1 - z)
            total = total + out @ z + constant
        totals.append(total)
    return np.array(totals, dtype=float) / 64


@pytest.mark.slow
def test_recurrent_parties_are_equal_to_integers_by_hand(tmp_path: Path) -> None:
    """PyTorch's loop and snnc's engines, one at a time and in batches."""
    torch = needs.module("torch")
    needs.module("sklearn")
    needs.module("nir")
    script("make_net.py", "recurrent", tmp_path, "--data", tmp_path, "--samples", 6)
    sys.path.insert(0, str(BENCHMARKS / "peers"))
    try:
        recurrent = needs.module("recurrent")
    finally:
        sys.path.remove(str(BENCHMARKS / "peers"))
    model = [tmp_path / "source.nir", "-o", tmp_path / "model.snnc"]
    convert = [sys.executable, "-m", "snnc", "convert", *model, *recurrent.CONVERT]
    subprocess.run(convert, check=True, capture_output=True)
    weights = torch.load(tmp_path / "weights.pt", weights_only=True)
    with np.load(tmp_path / "samples.npz") as archive:
        expected = by_hand({k: w.numpy() for k, w in weights.items()}, archive["x"])
    assert len(np.unique(expected.argmax(1))) > 2
    common = ["recurrent", tmp_path, "--batches", 1, 4]
    engines = ["--engine", "event", "--code"]
    for party in (
        ["run_torch.py", *common],
        ["run_snnc.py", *common, "--engine", "dense"],
        ["run_snnc.py", *common, *engines, "burst"],
        ["run_snnc.py", *common, *engines, "delta"],
    ):
        for found in script(str(party[0]), *party[1:]):
            assert np.array_equal(found["outputs"], expected), party
            assert found["n_samples"] == 6
            assert found["ms"] > 0
    for found in script("run_snnc.py", *common, *engines, "burst", "--trace"):
        assert found["outputs"] == [[]] * 6
        assert found["events_traced"] > 0
