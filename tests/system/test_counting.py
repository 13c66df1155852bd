"""Synaptic operations against plain PyTorch hooks, by NeuroBench's rule, on binary spikes.

NeuroBench counts, for every weight layer and sample, the multiply-accumulates in which neither
the input nor the weight is zero; they are ACs where all inputs of the call are in {-1, 0, 1}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import snnc
from tests.system import models
from tests.system.models import HalfEven


class Binary(nn.Module):
    """Binary spikes everywhere but at the image; depthwise, strided, padded; dense head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.act1 = HalfEven(1)
        self.depthwise = nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False)
        self.act2 = HalfEven(1)
        self.head = nn.Linear(6 * 16, 10, bias=False)
        with torch.no_grad():  # weights on a coarse grid with real zeros: none appears or vanishes
            for layer in (self.conv, self.depthwise, self.head):
                layer.weight.copy_(torch.randint(-3, 4, layer.weight.shape) / 4.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act2(self.depthwise(self.act1(self.conv(x))))
        return self.head(torch.flatten(x, 1))


def hooked_counts(net: nn.Module, x: Tensor) -> dict[str, dict[str, int]]:
    """Operations of every weight layer, one sample after the other."""
    totals: dict[str, dict[str, int]] = {}

    def hook(name: str, layer: Any) -> Any:
        binary_layer = type(layer)

        def count(module: Any, inputs: tuple[Tensor, ...], _: Tensor) -> None:
            spikes, entry = inputs[0], totals.setdefault(name, {"acs": 0, "macs": 0, "synops": 0})
            nonzero_weight, ones = (module.weight != 0).double(), torch.ones_like(module.weight)
            nonzero_input = (spikes != 0).double()

            def apply(values: Tensor, weight: Tensor) -> int:
                if binary_layer is nn.Linear:
                    return int((values @ weight.T).sum())
                options = (None, module.stride, module.padding, module.dilation, module.groups)
                return int(torch.conv2d(values, weight, *options).sum())

            unit = bool(((spikes == 0) | (spikes.abs() == 1)).all())
            entry["acs" if unit else "macs"] += apply(nonzero_input, nonzero_weight)
            entry["synops"] += apply(spikes.abs().double(), ones.double())

        return count

    handles = [
        module.register_forward_hook(hook(name, module))
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        for sample in x:
            net(sample[None])
    for handle in handles:
        handle.remove()
    return totals


@pytest.mark.torch
@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
def test_counters_equal_pytorch_hooks(engine: str) -> None:
    torch.manual_seed(3)
    net = Binary().eval()
    images = models.digits(8)
    x = torch.tensor(images, dtype=torch.float32)
    golden = hooked_counts(net, x)
    conversion = snnc.convert(net, x[:1], input_range=(0.0, 15.0), input_bits=4)
    result = snnc.run(
        conversion.model, np.minimum(images, 15).astype(np.float32), engine=engine, code="graded"
    )
    golden = hooked_counts(net, torch.clamp(x, max=15))
    graph = conversion.integer_graph
    assert len(result.projection_counters) == len(golden) == 3
    for name, counters in result.projection_counters.items():
        layer = graph.nodes[graph.projections[name].target].module_path
        expected = next(v for k, v in golden.items() if layer.startswith(k) or k in name)
        assert counters.effective_acs == expected["acs"], name
        assert counters.effective_macs == expected["macs"], name
        assert counters.unit_spike_operations == expected["synops"], name


@pytest.mark.torch
def test_a_burst_is_unit_spikes_only() -> None:
    """In burst every event is a unit spike: both event counters agree and nothing is a MAC."""
    torch.manual_seed(3)
    net = Binary().eval()
    images = models.digits(4).astype(np.float32)
    conversion = snnc.convert(net, torch.zeros(1, 1, 8, 8), input_range=(0.0, 31.0), input_bits=5)
    burst = snnc.run(conversion.model, images, engine="event", code="burst").counters
    graded = snnc.run(conversion.model, images, engine="event", code="graded").counters
    assert burst["synaptic_events"] == burst["unit_spike_operations"]
    assert burst["unit_spike_operations"] == graded["unit_spike_operations"]
    assert burst["effective_macs"] == 0
    assert graded["effective_macs"] != 0
    assert burst["dense_macs"] == graded["dense_macs"]
