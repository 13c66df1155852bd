"""The committed MNIST network: its accuracy, and that of its spikes, on test images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snnc
from tests.needs import data_file

MODEL = Path(__file__).parents[2] / "examples" / "mnist" / "model.pt"

pytestmark = [
    pytest.mark.torch,
    pytest.mark.data,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest.mark.parametrize("n_images", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_accuracy_of_the_spiking_network(n_images: int, tmp_path: Path) -> None:
    pack = np.load(data_file("images/mnist_t10k.npz"))
    np.savez(
        tmp_path / "test.npz",
        x=pack["x"][:n_images].reshape(-1, 1, 28, 28),
        y=pack["y"][:n_images],
    )
    snnc.convert(MODEL, output=tmp_path / "m.snnc")
    result = snnc.run(tmp_path / "m.snnc", tmp_path / "test.npz", engine="dense")
    assert result.n_samples == n_images
    assert result.accuracy is not None
    assert result.accuracy >= 0.985


def test_every_layer_has_four_levels(tmp_path: Path) -> None:
    conversion = snnc.convert(MODEL)
    assert set(conversion.summary.levels.values()) == {4}
    assert conversion.summary.host_mac_share == 0


def test_a_slow_video_costs_a_third_in_delta() -> None:
    """Digits that drift by one pixel every fourth frame; outputs and predictions are the same."""
    images = np.load(data_file("images/mnist_t10k.npz"))["x"][:3].reshape(-1, 28, 28)
    videos = np.stack([np.roll(images, t // 4, axis=2) for t in range(12)], axis=1)[:, :, None]
    model = snnc.convert(MODEL).model
    outputs, counters = {}, {}
    for code in ("graded", "delta"):
        with snnc.stream(model, engine="dense", code=code) as running:
            outputs[code] = np.stack([running.step(videos[:, t]).outputs for t in range(12)])
            counters[code] = running.counters
    np.testing.assert_array_equal(outputs["delta"], outputs["graded"])
    # 3 frames of 12 bring something new
    for name in ("events", "synaptic_events", "unit_spike_operations"):
        assert 3 * counters["delta"][name] < counters["graded"][name]
    assert counters["delta"]["neuron_updates"] == counters["graded"]["neuron_updates"]
