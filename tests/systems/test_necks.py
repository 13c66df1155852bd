"""Segmentation and detection: resizes, sums and transposed convolutions become synapses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snnc.ir.neurons import Max
from tests.systems.calibrate import measure, randomise
from tests.systems.espikeformer import mean_counts
from tests.systems.necks import Detection, Segmentation
from tests.systems.support import check, load

pytestmark = [pytest.mark.torch]

WIDTHS = (4, 6, 8)
ON_HOST = {"Conv", "BatchNormalization", "Clip", "Round", "Div"}


@pytest.mark.parametrize(
    "make",
    [lambda: Segmentation(WIDTHS, 6, 5), lambda: Detection(WIDTHS, 6, 3)],
    ids=["segmentation", "detection"],
)
def test_neck_and_head(make: type[nn.Module]) -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 3, 32, 32)
    model = make()
    randomise(model)
    measure(model, x[:4])
    assert all(0.05 < mean < 3 for mean in mean_counts(model, x[4:]).values())
    graph = check(load(model, x.numpy()), x[4:].numpy()).conversion.integer_graph
    assert not any(isinstance(p.model, Max) for p in graph.populations)
    assert {o for host in graph.host_ops for o in host.operators} <= ON_HOST
