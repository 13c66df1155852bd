"""The event-camera VGG converts and verifies on real recordings, over all of their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import needs

pytestmark = [pytest.mark.torch, pytest.mark.data]
torch = needs.module("torch")

import snnc  # noqa: E402
from snnc.converter.sources import InputGrid, SourceOptions, load_source  # noqa: E402
from snnc.ir.neurons import IntegrateFire  # noqa: E402
from snnc.runtime.data import DataSet  # noqa: E402
from tests.systems.calibrate import measure, randomise  # noqa: E402
from tests.systems.event_vgg import EventVGG, recordings  # noqa: E402
from tests.systems.support import Checked, check, with_grid  # noqa: E402

GRID = InputGrid.over_range(0.0, 4.0, 8)


def _calibrated(net: EventVGG, x: np.ndarray) -> EventVGG:
    """Batch norms that keep every layer between silence and saturation."""
    torch.manual_seed(0)
    randomise(net, shift=0.4)
    measure(net, torch.from_numpy(x).transpose(0, 1))
    return net


def _checked(net: EventVGG, x: np.ndarray, n_frames: int) -> Checked:
    options = SourceOptions(frames=n_frames, time_axis=0)
    example = torch.from_numpy(x[:1]).transpose(0, 1)
    source = with_grid(load_source(net, options, example), GRID)
    return check(source, x)


def _mean_counts(found: Checked, x: np.ndarray) -> dict[str, float]:
    counts = snnc.run(found.conversion.model, x, engine="dense", counts=True).counts
    assert counts is not None
    graph = found.conversion.float_graph
    firing = [n.name for n in graph.populations if isinstance(n.model, IntegrateFire)]
    return {name: float(counts[name].mean()) for name in firing}


def test_a_narrow_one_verifies_on_recordings() -> None:
    x, _ = recordings(4, 16, range(6))
    net = _calibrated(EventVGG(1 / 32, 16), x)
    found = _checked(net, x[:3], 4)
    assert found.verification.n_frames == 4
    means = _mean_counts(found, x[:3])
    assert len(means) == 8
    assert all(0.02 < mean < 0.9 for mean in means.values()), means
    assert not found.conversion.float_graph.host_ops


@pytest.mark.slow
def test_a_wider_one_at_full_resolution() -> None:
    x, _ = recordings(10, 48, range(3))
    net = _calibrated(EventVGG(1 / 8, 48), x)
    found = _checked(net, x[:2], 10)
    means = _mean_counts(found, x[:2])
    assert all(0.02 < mean < 0.9 for mean in means.values()), means


@pytest.mark.slow
def test_a_trained_one_keeps_its_accuracy(tmp_path: Path) -> None:
    """Trained for some epochs on 900 recordings: 100 others, before and after conversion."""
    x, y = recordings(5, 16, range(1000))
    order = np.random.default_rng(0).permutation(1000)
    train, test = order[:900], order[900:]
    torch.manual_seed(0)
    net = EventVGG(1 / 4, 16, plan=(64, None, 128, None))
    _train(net, x[train], y[train])
    path = tmp_path / "net.pt"
    example = torch.from_numpy(x[:1]).transpose(0, 1)
    snnc.save_model(net, example, path, input=GRID, time_axis=0)
    conversion = snnc.convert(path)
    data = DataSet(name="nmnist", x=x[test], y=y[test])
    ran = snnc.run(conversion.model, data, engine="dense")
    with torch.no_grad():
        before = net(torch.from_numpy(x[test]).transpose(0, 1)).argmax(1).numpy()
    accuracy = float((before == y[test]).mean())
    assert accuracy > 0.8
    assert ran.accuracy is not None
    assert ran.accuracy >= accuracy - 0.02
    assert snnc.verify(path, conversion.model, data.limit(10)).ok


def _train(net: EventVGG, x: np.ndarray, y: np.ndarray) -> None:
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    data, labels = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(6):
        for batch in torch.randperm(len(x)).split(50):
            optimiser.zero_grad()
            scores = net(data[batch].transpose(0, 1))
            torch.nn.functional.cross_entropy(scores, labels[batch]).backward()
            optimiser.step()
    net.eval()
