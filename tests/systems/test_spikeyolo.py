"""SpikeYOLO: maxima over real values, enlarged and joined maps, detection heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import snnc
from snnc.converter.sources import SourceOptions
from snnc.ir.neurons import Accumulator, Max
from tests.systems.calibrate import measure, randomise
from tests.systems.spikeyolo import (
    Block,
    Count,
    Decoded,
    Head,
    PyramidPool,
    SpikeYolo,
    layer,
    over_frames,
)
from tests.systems.support import check, load

pytestmark = [pytest.mark.torch]


class Small(nn.Module):
    """A stem, the pyramid pool, one enlargement joined with an earlier map, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 7, 4, 2), nn.BatchNorm2d(4))
        self.down, self.pool = layer(4, 8, 3, 2), PyramidPool(8)
        self.larger = nn.Upsample(scale_factor=2, mode="nearest")
        self.join, self.block = layer(12, 4), Block(4, 2, chains=True)
        self.head = Head(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        large = self.stem(x)
        small = self.pool(self.down(large))
        y: Tensor = self.head(self.block(self.join(torch.cat([self.larger(small), large], 1))))
        return y


def prepared(model: nn.Module, x: Tensor) -> nn.Module:
    """Calibrated on all images but two, on which no activation is dead or saturated."""
    randomise(model)
    measure(model, x[:-2])
    means: list[float] = []
    hooks = [
        m.register_forward_hook(lambda module, given, out: means.append(out.mean().item()))
        for m in model.modules()
        if isinstance(m, Count)
    ]
    with torch.no_grad():
        model(x[-2:])
    for hook in hooks:
        hook.remove()
    assert 0.1 < min(means) < max(means) < 2.5
    return model


def test_small() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 3, 32, 32)
    source = load(prepared(Small(), x), x.numpy())
    checked = check(source, x[4:].numpy())
    graph = checked.conversion.integer_graph
    pools = [p for p in graph.populations if isinstance(p.model, Max)]
    assert len(pools) == 3
    first = graph.nodes[graph.incoming(pools[0].name)[0].source]
    assert isinstance(getattr(first, "model", None), Accumulator)
    (host,) = graph.host_ops
    assert host.operators == ("Conv", "BatchNormalization")
    engines = [
        (engine, code) for engine in ("oracle", "event", "dense") for code in ("graded", "burst")
    ]
    outputs = [
        snnc.run(checked.conversion.model, x[4:].numpy(), engine=engine, code=code).outputs
        for engine, code in engines
    ]
    assert all(np.array_equal(output, outputs[0]) for output in outputs[1:])


def test_frames_and_decoding() -> None:
    """Membranes stay over two frames; the distribution over box edges is decoded on the host."""
    torch.manual_seed(0)
    x = torch.randn(6, 3, 32, 32)
    model = Decoded(over_frames(prepared(Small(), x)), (8, 8), 4)
    source = load(model.eval(), x.numpy(), SourceOptions(frames=2))
    frames = torch.randn(2, 2, 3, 32, 32).numpy()
    graph = check(source, frames).conversion.integer_graph
    kinds = [p.model.kind for p in graph.populations]
    assert kinds.count("fixed-integrate-fire") == 15
    decoding = graph.host_ops[-1]
    assert {"Softmax", "Sigmoid"} <= set(decoding.operators)
    assert not {"Conv", "MaxPool"} & set(decoding.operators)


@pytest.mark.slow
def test_whole() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 3, 64, 64)
    model = prepared(SpikeYolo((8, 8, 16, 16), (1, 1, 1, 1), 3), x)
    check(load(model, x.numpy()), x[4:].numpy())
