"""Text CNN: a plain ReLU network on real sentences, quantised; and the spiking network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import needs

pytestmark = pytest.mark.torch
torch = needs.module("torch")

import snnc  # noqa: E402
from snnc.converter.sources import SourceOptions, load_source  # noqa: E402
from snnc.ir.errors import CalledTwice  # noqa: E402
from tests.systems import textcnn  # noqa: E402
from tests.systems.support import check, load  # noqa: E402

T = 8


def small(*, shared: bool) -> textcnn.SpikingTextCnn:
    """Random weights; a branch fires in about every third frame."""
    torch.manual_seed(0)
    model = textcnn.SpikingTextCnn(12, 6, shared=shared)
    with torch.no_grad():
        for conv in model.convs:
            conv.get_parameter("weight").abs_().mul_(0.25)
        model.fc.weight.abs_()
    return model.eval()


def test_the_spiking_network() -> None:
    """Integrate and fire, strict, reset one frame late; the frames' spikes are added up."""
    vectors = torch.randn(6, textcnn.WORDS, 12, generator=torch.Generator().manual_seed(1))
    x = textcnn.rates(vectors, T)
    model = small(shared=False)
    options = SourceOptions(frames=T, reduce="sum", input_range=(0.0, 1.0), input_bits=1)
    source = load_source(model, options, torch.from_numpy(x[:1, 0]))
    conversion = check(source, x).conversion
    run = snnc.run(conversion.model, x, counts=True)
    assert run.counts is not None
    hidden = ("middle", "lif1")
    rates = [c.mean() for name, c in run.counts.items() if name.startswith(hidden)]
    assert len(rates) == 6
    assert all(0.1 < rate < 0.9 for rate in rates), rates


def test_one_neuron_module_for_all_branches_is_refused() -> None:
    options = SourceOptions(frames=T, input_range=(0.0, 1.0), input_bits=1)
    with pytest.raises(CalledTwice, match="lif1"):
        load_source(small(shared=True), options, torch.zeros(1, 1, textcnn.WORDS, 12))


@pytest.mark.data
def test_a_small_network_of_real_words() -> None:
    """Words looked up on the host, everything behind the table as events."""
    data = textcnn.sentences()
    torch.manual_seed(0)
    model = textcnn.TextCnn(data.n_words, size=8, channels=6).eval()
    found = snnc.quantize(model, data.train.limit(40), levels=7)
    assert [layer.name for layer in found.layers][:2] == ["words", "relu"]
    assert [layer.lo for layer in found.layers] == [-7, 0, 0, 0, 0, 0, 0]
    conversion = check(load(found.model, data.test.x), data.test.x[:20]).conversion
    assert list(conversion.to_json()["host_ops"]) == ["words"]
    assert conversion.to_json()["host_mac_share"] == 0


@pytest.mark.slow
@pytest.mark.data
def test_real_sentences(tmp_path: Path) -> None:
    """Trained here on SST-2; calibrated, fine-tuned at few levels, converted, all sentences."""
    data = textcnn.sentences()
    saved, path = tmp_path / "float.pt", tmp_path / "integer.pt"
    snnc.save_model(textcnn.trained(data), data.train.x[:1], saved)
    calibrated = snnc.quantize(saved, data.train.limit(300), levels=7, test=data.test, output=path)
    assert calibrated.accuracy_before is not None
    assert calibrated.accuracy_after is not None
    assert calibrated.accuracy_before > 0.73
    assert calibrated.accuracy_after > calibrated.accuracy_before - 0.02
    conversion = check(load_source(path), data.test.x[:100]).conversion
    run = snnc.run(conversion.model, data.test, engine="dense")
    assert run.accuracy is not None
    assert abs(run.accuracy - calibrated.accuracy_after) < 0.02
    tuned = snnc.quantize(saved, data.train, levels=1, test=data.test, finetune=1, lr=3e-4)
    assert tuned.accuracy_calibrated is not None
    assert tuned.accuracy_after is not None
    assert tuned.accuracy_after > tuned.accuracy_calibrated
    assert np.isfinite(tuned.losses).all()
