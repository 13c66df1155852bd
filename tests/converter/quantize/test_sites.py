"""Which activations of a float network become integer ones, and which do not."""

from __future__ import annotations

from typing import Any

import pytest

from tests import needs

pytestmark = pytest.mark.torch
torch = needs.module("torch")
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from snnc.converter.quantize.sites import find_sites, without_integer_form  # noqa: E402
from snnc.converter.sources import load_source  # noqa: E402
from snnc.nn import IntegerActivation  # noqa: E402


class Block(nn.Module):
    """One ReLU module called twice, a functional ReLU in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv(x))
        return F.relu(self.act(self.conv(x)) + x, inplace=True)


class Net(nn.Module):
    """Every kind of activation."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block()
        self.slope = nn.PReLU(2)
        self.mix = nn.Conv2d(2, 2, 1)
        self.integer = IntegerActivation(4)
        self.fc, self.last = nn.Linear(32, 3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.block(x))
        x = F.leaky_relu(x - 1, 0.2)
        x = self.slope(x - 1)
        x = F.hardtanh(self.mix(x))
        x = self.integer(F.relu(self.mix(x)))
        x = torch.clamp(self.mix(x), min=0)
        x = torch.sigmoid(x)
        return self.last(self.fc(x.flatten(1)))


def source_of(module: nn.Module, *shape: int) -> Any:
    return load_source(module, example_inputs=torch.zeros(1, *shape))


@pytest.fixture(scope="module")
def net() -> Any:
    return source_of(Net(), 2, 4, 4)


def test_every_activation_is_found_once(net: Any) -> None:
    sites = find_sites(net)
    assert [(s.module_path, s.operator, s.replaced) for s in sites] == [
        ("block.act", "Relu", True),
        ("block.act#2", "Relu", True),
        ("block", "Relu", True),
        ("relu6", "Clip", True),
        ("leaky_relu", "LeakyRelu", False),
        ("slope", "PRelu", False),
        ("hardtanh", "Clip", False),
        ("clamp_1", "Max", True),
        ("last", "Relu", True),
    ]
    assert [s.is_output for s in sites] == [False] * 8 + [True]
    assert {s.axis for s in sites} == {0}


def test_what_has_no_integer_form_is_named(net: Any) -> None:
    assert without_integer_form(net) == ("sigmoid (Sigmoid)",)


def test_channels_stand_last_behind_a_matrix_product() -> None:
    tokens = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    (site,) = find_sites(source_of(tokens, 7, 6))
    assert (site.shape, site.axis) == ((7, 5), 1)


def test_an_integer_network_has_none() -> None:
    class Rounded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.round(torch.clamp(x / 0.5, 0, 4)) * 0.5

    net = nn.Sequential(nn.Linear(3, 3), Rounded(), nn.Linear(3, 2), IntegerActivation(7))
    assert find_sites(source_of(net, 3)) == ()


def test_an_embedding_is_one() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.table(x).sum(1)

    source = load_source(Words(), example_inputs=torch.zeros(1, 4, dtype=torch.int64))
    (site,) = find_sites(source)
    assert (site.module_path, site.shape, site.axis, site.replaced) == ("table", (4, 5), 1, False)
