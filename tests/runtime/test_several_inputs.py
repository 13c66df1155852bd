"""Models with several inputs: DATA has an array for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import snnc
from snnc.ir.errors import DataError
from snnc.runtime.run import run
from snnc.runtime.verify import verify
from tests.runtime.nets import Quantiser


class Two(nn.Module):
    """Two vectors into one layer of neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 6), nn.Linear(4, 6)
        self.spike, self.head = Quantiser(4), nn.Linear(6, 2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.head(self.spike(self.left(a) + self.right(b)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    torch.manual_seed(0)
    grid = snnc.InputGrid.over_range(0.0, 1.0, 8)
    examples = (torch.zeros(1, 3), torch.zeros(1, 4))
    snnc.save_model(Two().eval(), examples, folder / "two.pt", input=[grid, grid])
    snnc.convert(folder / "two.pt", output=folder / "two.snnc")
    rng = np.random.default_rng(0)
    a, b = rng.random((9, 3), np.float32), rng.random((9, 4), np.float32)
    np.savez(folder / "named.npz", a=a, b=b, y=rng.integers(0, 2, 9))
    np.savez(folder / "first.npz", x=a, b=b)
    np.savez(folder / "half.npz", x=a)
    return folder


def test_they_run_and_verify(files: Path) -> None:
    result = verify(files / "two.pt", files / "two.snnc", files / "named.npz", engine="oracle")
    assert result.ok
    named = run(files / "two.snnc", files / "named.npz", engine="oracle")
    assert named.accuracy is not None
    first = run(files / "two.snnc", files / "first.npz", engine="oracle")
    np.testing.assert_array_equal(named.outputs, first.outputs)
    with np.load(files / "named.npz") as arrays:
        given = {"a": arrays["a"], "b": arrays["b"]}
    np.testing.assert_array_equal(
        run(files / "two.snnc", given, engine="oracle").outputs, first.outputs
    )


def test_a_missing_input_is_named(files: Path) -> None:
    with pytest.raises(DataError, match=r"2 inputs \(a, b\), the data has no array `b`, only x"):
        run(files / "two.snnc", files / "half.npz")
    with pytest.raises(DataError, match="has no array `b`"):
        run(files / "two.snnc", np.zeros((2, 3)))
