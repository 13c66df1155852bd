"""Features of sound: against TensorFlow's own numbers, and against sums written out."""

from __future__ import annotations

import cmath
import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime.data import load_data
from snnc.runtime.readers.preparation import Preparation
from tests.close import close

MFCC_OF_TENSORFLOW = [
    [38.158294677734375, -4.941046237945557, -0.5944709777832031, -0.989745020866394],
    [38.60466384887695, -4.166654109954834, 0.5115389227867126, -0.6102849245071411],
    [37.71257781982422, -4.654461860656738, -0.1294487714767456, -1.1297744512557983],
]
LOG_MEL_OF_TENSORFLOW = [
    [3.212111473083496, 3.181046724319458, 4.328161716461182, 5.283674240112305],
    [3.5515811443328857, 3.346742868423462, 3.814173698425293, 5.548268795013428],
    [2.81268572807312, 3.4378864765167236, 4.189016342163086, 5.542518615722656],
]
"""tensorflow-cpu 2.21.0: stft (hann_window), abs, linear_to_mel_weight_matrix(40, 513, 16000, 20,
7600), log(mel + 1e-6), mfccs_from_log_mel_spectrograms of the noise below over its maximum;
frames 0, 20 and 48, coefficients 0 to 3, filters 0, 1, 20 and 39."""
FLOAT32 = 2e-5
"""What TensorFlow's float32 arithmetic leaves: values up to 40, of 24 bits, over 40 terms."""


def write(path: Path, values: Array, rate: int) -> Path:
    with wave.open(str(path), "wb") as f:
        f.setnchannels(1 if values.ndim == 1 else values.shape[1])
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes(values.astype("<i2").tobytes())
    return path


def read(path: Path, **audio: Any) -> Array:
    data = load_data(path, preparation=Preparation.from_json({"audio": audio}))
    return np.asarray(data.x)[0]


def test_tensorflow_gives_the_same(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-(2**15), 2**15, 16000)
    path = write(tmp_path / "noise.wav", noise, 16000)
    how = {
        "rate": 16000, "length": 16000, "scale": "peak", "frame": 640, "hop": 320, "high_hz": 7600,
    }  # fmt: skip
    mfcc = read(path, **how, features="mfcc")
    assert mfcc.shape == (1, 49, 10)
    assert mfcc.dtype == np.float32
    np.testing.assert_allclose(mfcc[0, [0, 20, 48], :4], MFCC_OF_TENSORFLOW, atol=FLOAT32, rtol=0)
    mel = read(path, **how, features="log-mel", layout="CFT")
    assert mel.shape == (1, 40, 49)
    found = mel[0, :, [0, 20, 48]][:, [0, 1, 20, 39]]
    np.testing.assert_allclose(found, LOG_MEL_OF_TENSORFLOW, atol=FLOAT32, rtol=0)


def mel_of(hertz: float) -> float:
    return 1127 * math.log(1 + hertz / 700)


def by_hand(x: Array, rate: int, n_mels: int, low: float, high: float) -> list[float]:
    """Log-mel of one frame of 24 samples: Hann, a DFT of 32 written out, filters, logarithm."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / 24) for n in range(24)]
    spectrum = [
        abs(
            sum(
                v * w * cmath.exp(-2j * cmath.pi * k * n / 32)
                for n, (v, w) in enumerate(zip(x, window, strict=True))
            )
        )
        for k in range(17)
    ]
    step = (mel_of(high) - mel_of(low)) / (n_mels + 1)
    found = []
    for m in range(n_mels):
        middle = mel_of(low) + (m + 1) * step
        share = [max(0.0, 1 - abs(mel_of(k * rate / 32) - middle) / step) for k in range(1, 17)]
        found.append(math.log(sum(a * b for a, b in zip(spectrum[1:], share, strict=True)) + 1e-6))
    return found


def test_written_out(tmp_path: Path) -> None:
    x = np.random.default_rng(1).integers(-(2**15), 2**15, (60, 2))
    path = write(tmp_path / "two.wav", x, 8000)
    how = {
        "rate": 8000, "length": 64, "frame": 24, "hop": 10, "mels": 5, "low_hz": 100,
        "high_hz": 3800,
    }  # fmt: skip
    mel = read(path, **how, features="log-mel")
    mfcc = read(path, **how, features="mfcc", coefficients=3, layout="TFC")
    assert (mel.shape, mfcc.shape) == ((2, 5, 5), (5, 3, 2))
    padded = np.concatenate([x, np.zeros((4, 2))]) / 2**15
    for channel in (0, 1):
        for t in range(5):
            wanted = by_hand(padded[10 * t : 10 * t + 24, channel], 8000, 5, 100, 3800)
            np.testing.assert_allclose(mel[channel, t], wanted, rtol=1e-6)
            for k in range(3):
                turned = [v * math.cos(math.pi * k * (n + 0.5) / 5) for n, v in enumerate(wanted)]
                coefficient = 2 * sum(turned) / math.sqrt(2 * 5)
                assert mfcc[t, k, channel] == pytest.approx(coefficient, rel=1e-5, abs=1e-6)


def test_silence_and_peaks(tmp_path: Path) -> None:
    silent = write(tmp_path / "silent.wav", np.zeros(50, int), 8000)
    how = {"rate": 8000, "length": 50, "frame": 16, "hop": 8, "scale": "peak"}
    assert read(silent, **how, features="log-mel") == close(math.log(1e-6))
    low = write(tmp_path / "low.wav", np.full(50, -3), 8000)
    with pytest.raises(DataError, match="no sample is above zero"):
        read(low, **how)
    ramp = write(tmp_path / "ramp.wav", np.arange(-10, 40), 8000)
    assert read(ramp, **how).max() == 1.0


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"length": 10**12}, r"length: 1000000000000 values are more"),
        ({"features": "mfcc"}, "need `frame` and `hop`"),
        ({"features": "mfcc", "frame": 200, "hop": 1}, "a frame of 200 in 100 samples"),
        ({"features": "mfcc", "frame": 20, "hop": 5, "coefficients": 41}, "41 coefficients of 40"),
        ({"features": "mfcc", "frame": 20, "hop": 5, "high_hz": 5000}, "ends at 4000.0"),
        ({"features": "log-mel", "frame": 20, "hop": 5, "low_hz": -1}, "filters from -1"),
        ({"features": "log-mel", "frame": 20, "hop": 5, "mels": 10**9}, "are more than a sample"),
        ({"features": "chroma"}, "there is samples, log-mel, mfcc"),
    ],
)
def test_what_features_cannot_be(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        Preparation.from_json({"audio": {"rate": 8000, "length": 100, **tables}})


@pytest.mark.parametrize(
    "events", [{"sensor": [10**6, 10**6]}, {"sensor": [128, 128], "frames": 10**6}]
)
def test_frames_of_events_are_bounded(events: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage, match="more than a sample may have"):
        Preparation.from_json({"events": events})
