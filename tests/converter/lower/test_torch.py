"""What PyTorch exports, lowered and compared with what it computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.converter.lower import lower
from snnc.converter.nn import IntegerActivation
from snnc.ir.maps import Conv
from tests.converter.lower.nets import check, fires, from_torch, model_of

pytestmark = pytest.mark.torch


class PaddedNorm(nn.Module):
    """A batch norm whose padding holds what it makes of zero (BNAndPad)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(n)
        nn.init.normal_(self.bn.bias)
        self.bn.running_mean = torch.randn(n)

    def forward(self, x: Tensor) -> Tensor:
        bn = self.bn
        assert bn.running_mean is not None
        assert bn.running_var is not None
        y = F.pad(bn(x), [1, 1, 1, 1])
        at_zero = bn.bias - bn.running_mean * bn.weight / torch.sqrt(bn.running_var + bn.eps)
        border = at_zero.view(1, -1, 1, 1)
        y[:, :, 0:1, :] = border
        y[:, :, -1:, :] = border
        y[:, :, :, 0:1] = border
        y[:, :, :, -1:] = border
        return y


def test_a_padded_batch_norm_between_layers_folds_into_one_convolution() -> None:
    """RepConv: 1x1, padded batch norm, 3x3 depthwise, 1x1, batch norm."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 1, bias=False),
        PaddedNorm(4),
        nn.Conv2d(4, 4, 3, groups=4, bias=False),
        nn.Conv2d(4, 3, 1, bias=False),
        nn.BatchNorm2d(3),
        IntegerActivation(4),
    )
    lowered, _ = check(from_torch(net, (2, 6, 5)))
    (population,) = lowered.graph.populations
    (projection,) = lowered.graph.incoming(population.name)
    assert projection.gather is None
    assert isinstance(projection.map, Conv)
    assert projection.map.padding == ((1, 1), (1, 1))
    np.testing.assert_allclose(
        population.bias_map(), population.bias_map()[:, :1, :1] * np.ones((1, 6, 5)), atol=1e-6
    )


ACTIVATIONS = {
    "half-even": IntegerActivation(4),
    "half-up": IntegerActivation(4, rounding="half-up"),
    "learned-scale": IntegerActivation(15, scale=0.3, learn_scale=True),
    "signed": IntegerActivation(7, lo=-7, scale=0.5, normalise=False),
    "one-level": IntegerActivation(1),
}


@pytest.mark.parametrize("form", ACTIVATIONS)
def test_the_activation_for_training(form: str) -> None:
    torch.manual_seed(0)
    activation = ACTIVATIONS[form]
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), activation)
    lowered, _ = check(from_torch(net, (2, 6, 5)))
    (population,) = fires(lowered)
    assert (model_of(population).lo, model_of(population).hi) == (activation.lo, activation.levels)
    assert population.name == "2"


class Quantiser(torch.autograd.Function):
    """The rounding of the published E-SpikeFormer neuron."""

    @staticmethod
    def forward(ctx: object, x: Tensor, lo: float, hi: float) -> Tensor:
        return torch.round(torch.clamp(x, min=lo, max=hi))


class MultiSpike(nn.Module):
    """Re-described from the published formula round(clamp(x, 0, 4)) / Norm."""

    def __init__(self, norm: float = 4.0) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        rounded: Tensor = Quantiser.apply(x, 0.0, 4.0)  # type: ignore[no-untyped-call]
        return rounded / self.norm


class Attention(nn.Module):
    """A spike-driven attention block with a membrane shortcut, (Q K^T) V."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_spike = MultiSpike()
        for name, width in (("q", dim), ("k", dim), ("v", 2 * dim)):
            layer = nn.Sequential(nn.Conv2d(dim, width, 1, bias=False), nn.BatchNorm2d(width))
            self.add_module(f"{name}_conv", layer)
            self.add_module(f"{name}_spike", MultiSpike())
        self.attn_spike = MultiSpike()
        self.proj = nn.Sequential(nn.Conv2d(2 * dim, dim, 1, bias=False), nn.BatchNorm2d(dim))

    def _heads(self, name: str, x: Tensor) -> Tensor:
        y = self.get_submodule(f"{name}_spike")(self.get_submodule(f"{name}_conv")(x)).flatten(2)
        b, c, n = y.shape
        y = y.transpose(-1, -2).reshape(b, n, self.heads, c // self.heads)
        return y.permute(0, 2, 1, 3).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        spikes = self.head_spike(x)
        q, k, v = (self._heads(name, spikes) for name in "qkv")
        y = (q @ k.transpose(-2, -1)) @ v * (0.5 * 2)
        y = self.attn_spike(y.transpose(2, 3).reshape(b, -1, h * w)).reshape(b, -1, h, w)
        return x + self.proj(y)


class Transformer(nn.Module):
    """A stem on the analog image, two attention blocks, the published head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.BatchNorm2d(8))
        self.blocks = nn.Sequential(Attention(8, 2), Attention(8, 2))
        self.spike = MultiSpike(1.0)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(self.stem(x)).flatten(2).mean(2)
        return self.head(self.spike(y))


def test_a_spike_driven_transformer_is_lowered_whole() -> None:
    lowered, compared = check(from_torch(Transformer(), (3, 12, 12), grid=None))
    graph = lowered.graph
    assert [n.module_path for n in graph.products] == [
        "blocks.0",
        "blocks.0",
        "blocks.1",
        "blocks.1",
    ]
    assert [n.source_tensor is not None for n in graph.host_ops] == [True]
    assert graph.host_ops[0].result == "value"
    stream = [p for p in graph.populations if p.model.kind == "accumulator"]
    assert len(stream) == 3
    assert (model_of(fires(lowered)[-1]).hi, float(fires(lowered)[-1].step)) == (4, 1.0)
    assert any(abs(c.source).max() > 0 for c in compared.values())


class Branches(nn.Module):
    """Concatenation, depthwise and strided layers, average and max pools, flatten."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.a = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), IntegerActivation(4))
        self.b = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), IntegerActivation(3))
        self.c = nn.Sequential(nn.Conv2d(8, 6, 3, stride=2, padding=1), nn.MaxPool2d(2))
        self.act = IntegerActivation(4)
        self.pool = nn.AvgPool2d(2)
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        y = self.act(self.c(torch.cat([a, self.b(a)], dim=1)))
        return self.fc(torch.flatten(self.pool(y), 1))


def test_branches_and_pools() -> None:
    lowered, _ = check(from_torch(Branches(), (2, 8, 8)))
    kinds = [p.model.kind for p in lowered.graph.populations]
    assert kinds.count("max") == 1
    assert kinds.count("accumulator") == 2
    assert "act" in lowered.graph.nodes


def test_the_result_does_not_depend_on_the_run() -> None:
    first, second = (lower(from_torch(Branches(), (2, 8, 8))) for _ in range(2))
    assert first.graph.content_hash() == second.graph.content_hash()
    assert first.onnx == second.onnx
