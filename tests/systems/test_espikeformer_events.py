"""E-SpikeFormer for event cameras, with and without membranes that stay from frame to frame."""

from __future__ import annotations

import pytest
import torch

from snnc.converter.sources import SourceOptions
from snnc.ir.neurons import FixedIntegrateFire, IntegerFire
from tests.systems.espikeformer import calibrate, mean_counts
from tests.systems.espikeformer_events import EventVision
from tests.systems.support import check, load

pytestmark = [pytest.mark.torch]
FRAMES = 4


@pytest.mark.parametrize(
    "carried", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["carried", "fresh"]
)
def test_frames_of_event_counts(carried: bool) -> None:
    torch.manual_seed(0)
    model = EventVision((8, 8, 16, 16), (1, 1, 0), 11, frames=FRAMES, carried=carried)
    rate = torch.full((3, FRAMES, 2, 64, 64), 0.4)
    x = torch.poisson(rate, generator=torch.Generator().manual_seed(3))
    calibrate(model, x[:1], lower=-1.5)
    counts = mean_counts(model, x[1:2])
    assert all(0.02 < mean < 3 for mean in counts.values()), counts
    checked = check(load(model, x.numpy(), SourceOptions(time_axis=1)), x[2:].numpy())
    assert checked.verification.to_json()["n_frames"] == FRAMES
    kinds = {
        type(p.model)
        for p in checked.conversion.integer_graph.populations
        if p.model.emits == "count"
    }
    assert kinds == ({FixedIntegrateFire} if carried else {IntegerFire})
