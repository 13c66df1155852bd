"""Tuning other sources: a PyTorch network with fine-tuning, and a graph of neurons with state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc
from snnc.ir.errors import DataError, WrongUsage
from tests.needs import data_file, module


@pytest.mark.slow
@pytest.mark.torch
def test_a_module_is_fine_tuned_for_each_level(tmp_path: Path) -> None:
    module("torch")
    from tests.runtime.quantize.nets import digits, trained

    train, test = digits()
    args: Any = {
        "calibrate": train, "hardware": ["45nm-int8"], "bits": [8], "levels": [2, 7],
        "codes": ["graded"], "max_loss": 1,
    }  # fmt: skip
    plain = snnc.tune(trained(), test, **args)
    output = [tmp_path / "best.snnc", tmp_path / "best.pt"]
    tuned = snnc.tune(trained(), test, finetune=3, output=output, **args)
    assert tuned.reference == plain.reference
    assert tuned.rows[0].graph_hash != plain.rows[0].graph_hash
    assert tuned.rows[0].accuracy > plain.rows[0].accuracy  # D = 2
    assert tuned.best == min(tuned.rows, key=lambda row: row.picojoule["45nm-int8"])
    assert snnc.verify(output[1], output[0], test, limit=3).ok
    again = snnc.quantize(trained(), train, levels=tuned.best.levels, finetune=3, test=test)
    assert abs(tuned.best.accuracy - (again.accuracy_after or 0)) <= 0.03  # 8-bit weights


def test_a_graph_of_neurons_with_state(tmp_path: Path) -> None:
    path = data_file("models/nir/braille_noDelay_bias_zero.nir")
    rng = np.random.default_rng(0)
    x = (rng.random((12, 20, 12)) < 0.2).astype(np.float32)
    stated: Any = {"dt": 1e-4, "reset": "subtract", "reduce": "sum"}
    args: Any = {"hardware": ["45nm"], "bits": [4, 8], "max_loss": 0.25, **stated}
    model = snnc.convert(path, output=tmp_path / "m.snnc", **stated).model
    # labels that the network of 8-bit weights gets right
    y = snnc.run(model, x).predictions
    assert y is not None
    found = snnc.tune(path, {"x": x, "y": y}, **args)
    assert found.own_levels
    assert found.reference_of == "best"
    assert found.reference == 1.0
    assert [row.accuracy for row in found.rows if row.weight_bits == 8] == [1.0] * 3
    assert {row.code for row in found.rows} == {"burst", "graded", "delta"}
    report = snnc.report(model, {"x": x, "y": y}, hardware=["45nm"], code="delta").to_json()
    (row,) = (r for r in found.rows if (r.weight_bits, r.code) == (8, "delta"))
    assert row.picojoule["45nm"] == report["energy"]["45nm"]["picojoule"]
    with pytest.raises(WrongUsage, match="no axis of tuning"):
        snnc.tune(path, {"x": x, "y": y}, levels=[3, 7], **args)
    with pytest.raises(DataError, match="no class scores"):
        snnc.tune(path, {"x": x, "y": y}, **{**args, "reduce": None})
