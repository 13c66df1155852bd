"""The digits example: how its data is split, what it saves, how well it does."""

from __future__ import annotations

import importlib.util
import statistics
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import snnc

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def load_example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"{name}_train", ROOT / "examples" / name / "train.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_split_is_a_stratified_fifth() -> None:
    x_train, x_test, y_train, y_test = load_example("digits").split()
    assert (len(x_train), len(x_test)) == (1437, 360)
    shares = np.bincount(y_test) / np.bincount(np.concatenate([y_train, y_test]))
    assert np.abs(shares - 0.2).max() < 0.01
    assert x_test.shape[1:] == (1, 8, 8)
    assert set(np.unique(x_test)) <= set(range(17))


def test_saved_model_is_the_model_that_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = load_example("digits")
    x_train, x_test, y_train, _ = map(torch.from_numpy, example.split())
    monkeypatch.setattr(example, "EPOCHS", 1)
    model = example.train(x_train[:192], y_train[:192], seed=0)
    snnc.save_model(model, x_test[:1], tmp_path / "m.pt", input=snnc.InputGrid(0, 16))
    snnc.convert(tmp_path / "m.pt", output=tmp_path / "m.snnc")
    result = snnc.run(tmp_path / "m.snnc", x_test[:20].numpy(), engine="dense")
    with torch.no_grad():
        logits = model(x_test[:20]).numpy()
    # what 8-bit weights cost is small against the spread of the logits
    assert np.abs(result.outputs - logits).max() < 0.25 * np.ptp(logits)


@pytest.mark.slow
def test_median_of_five_seeds() -> None:
    example = load_example("digits")
    x_train, x_test, y_train, y_test = map(torch.from_numpy, example.split())
    accuracies = [
        example.accuracy(example.train(x_train, y_train, seed), x_test, y_test)
        for seed in range(example.SEEDS)
    ]
    assert statistics.median(accuracies) >= 0.97
