"""Makes the model of a setting: quantise, load again, convert, as the commands do one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnc.converter.quantize import Method
from snnc.converter.sources import GraphSource, SourceModel, SourceOptions, open_source
from snnc.runtime.convert import Conversion, convert
from snnc.runtime.data import DataSet
from snnc.runtime.quantize import quantize
from snnc.runtime.quantize.forms import form_of
from snnc.runtime.tune.grid import Setting


@dataclass(frozen=True, kw_only=True)
class Quantizing:
    """How float activations become integer ones; see `snnc.quantize`."""

    method: Method = "mse"
    percentile: float | None = None
    per_channel: bool = False
    finetune: int = 0
    seed: int = 0


class Workshop:
    """Models of settings.

    Args:
        source: what the user gave, loaded.
        calibration: samples that ranges of float activations are taken from, where it has any.
        quantizing: how.
        conversion: arguments of `snnc.convert`.
        folder: for quantised networks.
    """

    def __init__(
        self,
        source: SourceModel | GraphSource,
        calibration: DataSet | None,
        quantizing: Quantizing,
        conversion: Mapping[str, Any],
        folder: Path,
    ) -> None:
        self._source = source
        self._calibration = calibration
        self._quantizing = quantizing
        self._conversion = conversion
        self._folder = folder
        self._quantized: dict[int, SourceModel | GraphSource] = {}
        self._files: dict[int, Path] = {}

    def model(self, setting: Setting, output: Path | None = None) -> Conversion:
        """The source in a setting.

        Args:
            setting: the setting.
            output: `.snnc` to write; what is there is overwritten.

        Raises:
            SnncError: by its subclass, as of `snnc.quantize` and `snnc.convert`.
        """
        rate = {} if setting.code == "rate" else {"rate_ticks": None}
        return convert(
            self._quantised(setting.levels),
            weight_bits=setting.bits,
            code=setting.code,
            output=output,
            force=True,
            **{**self._conversion, **rate},
        )

    def quantised_file(self, levels: int) -> Path:
        """The network that `snnc quantize` writes for these levels."""
        self._quantised(levels)
        return self._files[levels]

    @property
    def suffix(self) -> str:
        """Of such files."""
        assert isinstance(self._source, SourceModel)
        return form_of(self._source, learn=bool(self._quantizing.finetune)).suffix

    def _quantised(self, levels: int | None) -> SourceModel | GraphSource:
        if levels is None:
            return self._source
        if levels not in self._quantized:
            self._quantized[levels] = self._quantise(levels)
        return self._quantized[levels]

    def _quantise(self, levels: int) -> SourceModel | GraphSource:
        """By way of a file, so that it is the network that `snnc quantize` writes."""
        assert isinstance(self._source, SourceModel)
        assert self._calibration is not None
        folder = self._folder / f"D{levels}"
        folder.mkdir(exist_ok=True)  # there already where it was refused in another setting
        path = folder / f"{self._source.name}{self.suffix}"
        quantize(
            self._source,
            self._calibration,
            levels=levels,
            test=self._calibration.limit(1),  # errors are measured on the spiking network
            output=path,
            force=True,
            **vars(self._quantizing),
        )
        self._files[levels] = path
        # the file holds one frame; what was said about frames holds for the network as before
        timed = SourceOptions(frames=self._source.n_frames, reduce=self._source.reduce)
        return open_source(path, timed)
