"""WAV files of whole numbers (PCM), by the standard library."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import IO

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime.readers.preparation import Preparation

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
    values = _integers(data, width).reshape(-1, n_channels).T
    x = np.zeros((n_channels, how.length), dtype=np.int32)
    x[:, : values.shape[1]] = values
    return x if how.scale == "integer" else (x / float(1 << (8 * width - 1))).astype(np.float32)


def _integers(data: bytes, width: int) -> Array:
    if width == 1:  # unsigned, around 128
        return np.frombuffer(data, np.uint8).astype(np.int32) - 128
    if width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        return (parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24) >> 8
    return np.frombuffer(data, f"<i{width}").astype(np.int32)
