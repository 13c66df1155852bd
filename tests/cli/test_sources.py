"""One model in every kind of file: the same spikes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import needs
from tests.cli.helpers import snnc

pytestmark = pytest.mark.torch
torch = needs.module("torch")
from tests.cli import nets  # noqa: E402

SHAPE = ("--input-shape", "1,1,8,8")
FACTORY = ("--factory", "tests.cli.nets:net_for_factory", *SHAPE)


def exported(path: Path) -> None:
    torch.export.save(torch.export.export(nets.net(), (torch.zeros(nets.SHAPE),)), path)


def scripted(path: Path) -> None:
    torch.jit.trace(nets.net(), torch.zeros(nets.SHAPE)).save(path)


def onnx_file(path: Path) -> None:
    torch.onnx.export(nets.net(), (torch.zeros(nets.SHAPE),), path, dynamo=True, verbose=False)


def weights(path: Path) -> None:
    torch.save({"epoch": 3, "ema": nets.net().state_dict()}, path)


def pickled(path: Path) -> None:
    torch.save(nets.net(), path)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[list[int]]:
    """Predictions of the file that `snnc.save_model` writes."""
    folder = tmp_path_factory.mktemp("saved")
    nets.save(folder / "model.pt", input=(0, 15))
    return outputs(folder, "model.pt", (), ())


def outputs(
    folder: Path, name: str, options: tuple[str, ...], grid: tuple[str, ...]
) -> list[list[int]]:
    model, out = folder / "model.snnc", folder / "out.npz"
    done = snnc("convert", folder / name, "-o", model, *options, *grid, "--json")
    assert done.code == 0, done.stdout
    data = folder / "x.npy"
    np.save(data, np.random.default_rng(0).integers(0, 16, (8, 1, 8, 8)).astype(np.float32))
    done = snnc("run", model, "--data", data, "--engine", "dense", "-o", out, "--json")
    assert done.code == 0, done.stdout
    with np.load(out) as arrays:
        return list(arrays["outputs_int"].tolist())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("name", "write", "options"),
    [
        ("model.pt2", exported, ()),
        ("model.pt", scripted, SHAPE),
        ("model.onnx", onnx_file, ()),
        ("weights.pth", weights, FACTORY),
        ("pickled.bin", pickled, (*SHAPE, "--trust-pickle")),
    ],
)
def test_every_kind_of_file(
    tmp_path: Path,
    expected: list[list[int]],
    name: str,
    write: Callable[[Path], None],
    options: tuple[str, ...],
) -> None:
    write(tmp_path / name)
    grid = ("--input-range", "0,15", "--input-bits", "4")
    assert outputs(tmp_path, name, options, grid) == expected
