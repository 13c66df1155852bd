"""WAV files of whole numbers (PCM), by the standard library."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import IO

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime.readers.preparation import MOST_VALUES, Preparation
from snnc.runtime.readers.spectra import features

SUFFIXES = (".wav",)


def read(source: Path | str | IO[bytes], preparation: Preparation) -> Array:
    """A recording (channels, length), as `[audio]` says.

    Raises:
        WrongUsage: nothing says what to do with it.
        DataError: another rate, or no PCM.
    """
    how = preparation.audio
    if how is None:
        raise WrongUsage(
            "WAV files need `rate` and `length` under [audio]",
            where=str(source) if isinstance(source, Path | str) else None,
            hint="convert the model with `--prepare FILE.toml`",
        )
    try:
        with wave.open(str(source) if isinstance(source, Path) else source, "rb") as file:
            rate, width, n_channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            data = file.readframes(how.length)
    except (wave.Error, RuntimeError) as error:  # the latter where a chunk ends in nothing
        raise DataError(f"no WAV of whole numbers: {error}") from error
    if rate != how.rate:
        raise DataError(f"it has {rate} samples a second, not {how.rate}")
    if n_channels * how.length > MOST_VALUES:
        raise DataError(f"{n_channels} channels of {how.length} samples do not fit in memory")
    values = _integers(data, width).reshape(-1, n_channels).T
    x = np.zeros((n_channels, how.length), dtype=np.int32)
    x[:, : values.shape[1]] = values
    found = _scaled(x, how.scale, width)
    return found if how.features == "samples" else features(found, how)


def _scaled(x: Array, scale: str, width: int) -> Array:
    if scale == "integer":
        return x
    divisor = float(1 << (8 * width - 1))
    if scale == "peak" and x.any():
        divisor = float(x.max())
        if divisor <= 0:
            raise DataError("no sample is above zero, so there is no peak to scale to 1")
    return (x / divisor).astype(np.float32)


def _integers(data: bytes, width: int) -> Array:
    if width == 1:  # unsigned, around 128
        return np.frombuffer(data, np.uint8).astype(np.int32) - 128
    if width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        return (parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24) >> 8
    return np.frombuffer(data, f"<i{width}").astype(np.int32)
