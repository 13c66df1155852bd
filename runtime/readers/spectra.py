"""Log-mel spectrograms and MFCC of sound, as `tf.signal` defines them.

The features of keyword spotting in MLPerf Tiny (github.com/mlcommons/tiny, keyword_spotting/
get_dataset.py): frames without padding, a periodic Hann window, the FFT of the next power of two,
magnitudes, mel filters, ln(x + 1e-6), and for MFCC a DCT-II times 1 / sqrt(2 · filters).
"""

from __future__ import annotations

import functools

import numpy as np

from snnc.ir.arrays import Array, FloatArray
from snnc.runtime.readers.preparation import AudioPreparation

_FLOOR = 1e-6
_AXES = {"CTF": (0, 1, 2), "CFT": (0, 2, 1), "TFC": (1, 2, 0)}


def features(x: Array, how: AudioPreparation) -> Array:
    """Of samples (channels, length): float32, computed in float64, axes as `layout` says."""
    assert how.frame is not None
    assert how.hop is not None
    size = how.fft_size
    frames = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), how.frame, axis=1)
    frames = frames[:, :: how.hop] * _hann(how.frame)
    magnitudes = np.abs(np.fft.rfft(frames, size, axis=-1))
    low, high = how.band
    mel = magnitudes @ _mel_filters(how.mels, size // 2 + 1, how.rate, low, high)
    found = np.log(mel + _FLOOR)
    if how.features == "mfcc":
        found = found @ _dct(how.mels)[:, : how.coefficients]
    return np.ascontiguousarray(found.transpose(_AXES[how.layout]).astype(np.float32))


def _hann(n: int) -> FloatArray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


@functools.lru_cache(maxsize=4)
def _mel_filters(n_mels: int, n_bins: int, rate: int, low: float, high: float) -> FloatArray:
    """Triangles (bins, filters) that are linear over mel; the constant bin belongs to none."""
    bins = _mel(np.linspace(0, rate / 2, n_bins))[:, None]
    edges = np.linspace(_mel(low), _mel(high), n_mels + 2)
    below, middle, above = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - below) / (middle - below)
    falling = (above - bins) / (above - middle)
    filters = np.maximum(0, np.minimum(rising, falling))
    filters[0] = 0
    return filters


def _mel(hertz: FloatArray | float) -> FloatArray:
    """O'Shaughnessy's scale, as HTK writes it."""
    return np.asarray(1127 * np.log1p(np.asarray(hertz) / 700))


def _dct(n: int) -> FloatArray:
    """DCT-II (values, coefficients) with sqrt(2 / n) on all coefficients."""
    k = np.arange(n)
    return np.sqrt(2 / n) * np.cos(np.pi * (2 * k[:, None] + 1) * k / (2 * n))
