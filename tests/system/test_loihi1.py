"""A residual network of signed counts on a chip whose spikes carry neither payload nor sign."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import snnc
from snnc.backends.lava.environment import Environment, find_environment
from snnc.runtime.convert import Conversion
from tests.needs import missing
from tests.system.models import HalfEven, Signed

pytestmark = pytest.mark.torch


class Net(nn.Module):
    """A stem, a residual branch of signed activations, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.act1 = Signed(3, 0.1)
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.act2 = Signed(4, 0.05)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.act3 = HalfEven(4)
        self.head = nn.Linear(4 * 36, 5)

    def forward(self, x: Tensor) -> Tensor:
        stream = self.stem(x)
        stream = stream + self.conv2(self.act2(self.conv1(self.act1(stream))))
        return self.head(torch.flatten(self.act3(stream), 1))


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Conversion]:
    """The source's path, and what became of it for loihi1."""
    folder = tmp_path_factory.mktemp("loihi1")
    torch.manual_seed(0)
    source = folder / "net.pt"
    grid = snnc.InputGrid(-3, 4)
    snnc.save_model(Net().eval(), torch.zeros(1, 1, 6, 6), source, input=grid)
    return source, snnc.convert(source, output=folder / "net.snnc", target="loihi1")


def images(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-3, 5, (n, 1, 6, 6)).astype(np.float32)


def test_every_promise_holds(converted: tuple[Path, Conversion]) -> None:
    source, conversion = converted
    assert "1 sum (stem) reaches its readers" in conversion.notes[0]
    assert "one for each sign: x, act1, act2" in conversion.notes[1]
    assert conversion.output is not None
    found = snnc.verify(source, conversion.output, images(30))
    assert found.ok
    shares = {p.name: p.changed_share for p in found.populations}
    assert shares["act1"] is not None
    assert 0 < shares["act1"] < 0.05


def test_counts_are_those_of_the_simulators(converted: tuple[Path, Conversion]) -> None:
    """The same source without a chip's passes, the user's populations by their names."""
    source, conversion = converted
    assert conversion.output is not None
    here = snnc.run(conversion.output, images(20), counts=True)
    there = snnc.run(snnc.convert(source).model, images(20), counts=True)
    assert here.counts is not None
    assert there.counts is not None
    for name in ("act1", "act2", "act3", "head"):
        assert np.array_equal(here.counts[name], there.counts[name]), name
    assert here.outputs_int is not None
    assert there.outputs_int is not None
    assert np.array_equal(here.outputs_int, there.outputs_int)
    assert there.counts["act1"].min() < 0
    assert here.counts["act1.negative"].max() == -there.counts["act1"].min()


@pytest.mark.lava
def test_the_bundle_computes_the_same(converted: tuple[Path, Conversion]) -> None:
    if not isinstance(find_environment(), Environment):
        missing("lava", "there is no Lava environment")
    source, conversion = converted
    assert conversion.bundle is not None
    assert snnc.verify(source, conversion.bundle, images(2), engine=("event", "lava")).ok
