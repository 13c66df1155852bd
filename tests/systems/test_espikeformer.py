"""E-SpikeFormer: every block of Base and Large becomes events, and verifies layer by layer."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

import snnc
from snnc.converter.check import check_source
from snnc.ir.nodes import Product
from tests.systems.espikeformer import (
    Base,
    Large,
    RepConv,
    Residual,
    Spike,
    base,
    calibrate,
    mean_counts,
)
from tests.systems.support import check, load, with_grid

pytestmark = [pytest.mark.torch]

GRID = snnc.InputGrid.over_range(-3.0, 3.0, 8)


def images(n: int, size: int) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(3))


def tiny_base() -> nn.Module:
    return Base((8, 8, 16, 24), (1, 1, 1), 10)


def tiny_large() -> nn.Module:
    return Large((8, 8, 32), depth=1, rep=True, classes=10)


def prepared(model: nn.Module, x: Tensor, lower: float) -> nn.Module:
    """Calibrated on all images but two, on which no activation is dead or saturated."""
    calibrate(model, x[:-2], lower=lower)
    counts = mean_counts(model, x[-2:])
    assert all(0.02 < mean < 3 for mean in counts.values()), counts
    return model


@pytest.mark.parametrize(
    ("make", "lower"), [(tiny_base, 0.2), (tiny_large, -1.4)], ids=["base", "large"]
)
def test_small(make: type[nn.Module], lower: float) -> None:
    """With the stem on the host, and with an input grid all on chip."""
    torch.manual_seed(0)
    x = images(6, 64)
    model = prepared(make(), x, lower)
    source = load(model, x.numpy())
    statuses = Counter(o.status for o in check_source(source).operators)
    assert set(statuses) == {"event", "folded", "host"}
    assert statuses["host"] == 2  # the stem's convolution and norm
    for loaded in (source, with_grid(source, GRID)):
        conversion = check(loaded, x[4:].numpy()).conversion
        graph = conversion.integer_graph
        assert set(conversion.summary.levels.values()) == ({4} if loaded is source else {4, 128})
        products = [n for n in graph.nodes.values() if isinstance(n, Product)]
        assert len(products) == 2 * sum(n.endswith("spike_out") for n in mean_counts(model, x))
        assert len(graph.host_ops) == (loaded is source)
        note = next(n for n in conversion.notes if "three operands" in n)
        assert ("the model's order is kept" in note) == (make is tiny_large)


class Reps(nn.Sequential):
    """RepConvs behind activations, as in the variant whose Q, K and V are such."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1),
            Residual(nn.Sequential(Spike(), RepConv(8), Spike(), RepConv(8))),
            Spike(),
            nn.Flatten(),
            nn.Linear(8 * 8 * 8, 10),
        )


def test_rep_conv() -> None:
    """Norms that pad with their own zero fold into one convolution that pads with zeros."""
    torch.manual_seed(0)
    x = images(6, 8)
    source = load(prepared(Reps(), x, 0.0), x.numpy())
    graph = check(source, x[4:].numpy()).conversion.integer_graph
    convs = [p.map for p in graph.projections.values() if p.map.kind == "conv"]
    assert [c.weight.shape for c in convs] == [(8, 8, 3, 3)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("size", ["t"])
def test_published_size(size: str) -> None:
    torch.manual_seed(0)
    x = images(4, 224)
    source = load(prepared(base(size), x, 1.2), x.numpy())
    check(source, x[:1].numpy())
