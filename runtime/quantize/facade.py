"""`snnc.quantize`: load, observe, choose steps, fine-tune, measure, write."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.quantize import (
    LayerError,
    Measurement,
    Method,
    Observer,
    Quantizer,
    choose,
    find_sites,
)
from snnc.converter.quantize.sites import without_integer_form
from snnc.converter.sources import InputGrid, SourceModel, SourceOptions
from snnc.converter.sources.declare import grid_from_options
from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import DataError, NothingToQuantize
from snnc.runtime.convert import as_source
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.progress import Progress, silent
from snnc.runtime.quantize.forms import Form, choose_path, form_of
from snnc.runtime.quantize.networks import Classes, Network, OnnxNetwork, batches, on_grid
from snnc.runtime.quantize.result import Quantization
from snnc.runtime.quantize.settings import Settings
from snnc.runtime.readers.preparation import Preparation, as_preparation

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

DEFAULT_OUTPUT = Path()
"""As `output`: the source's stem with `-quantized` in the current folder."""


def quantize(
    source: SourceModel | torch.nn.Module | str | os.PathLike[str],
    data: DataSet | Array | str | os.PathLike[str],
    example_inputs: Any = None,
    *,
    output: str | os.PathLike[str] | None = None,
    levels: int | None = None,
    bits: int | None = None,
    method: Method = "mse",
    percentile: float | None = None,
    per_channel: bool = False,
    finetune: int = 0,
    lr: float | None = None,
    batch: int = 32,
    seed: int = 0,
    test: DataSet | Array | str | os.PathLike[str] | None = None,
    limit: int | None = None,
    prepare: Preparation | str | os.PathLike[str] | None = None,
    factory: str | None = None,
    input_shape: Shape | None = None,
    input_range: tuple[float, float] | None = None,
    input_bits: int | None = None,
    calibrate: DataSet | Array | str | os.PathLike[str] | None = None,
    trust_pickle: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Quantization:
    """Put integer activations in the place of a float network's own.

    Args:
        source: a model file, a `torch.nn.Module`, or a source that is loaded already.
        data: samples that ranges are taken from, and that fine-tuning trains on.
        example_inputs: for a module: what its forward takes; by default the first sample.
        output: file to write, `.pt` for PyTorch sources, else `.onnx`; None: nothing is written.
        levels: largest count D of each activation; 15 by default.
        bits: instead of `levels`: D = 2**bits - 1.
        method: how a range is chosen: `minmax`, `percentile` or `mse`.
        percentile: in percent, for that method; 99.9 by default.
        per_channel: a step for each channel, save where the model gives the activation out.
        finetune: epochs of quantisation-aware training; PyTorch sources and labels only.
        lr: its largest learning rate; 1e-4 by default.
        batch: samples in one step of it.
        seed: of its order of samples.
        test: data that errors and accuracies are measured on; `data` by default.
        limit: take the first samples of `data` only.
        prepare: TOML of what is done to raw data before the model takes it, as of `snnc.convert`.
        factory: `package.module:callable` that builds the module of a checkpoint.
        input_shape: with a batch axis of 1, where the source does not say it.
        input_range: smallest and largest input, for its grid; by default those of `data`.
        input_bits: of that grid; 8 by default.
        calibrate: data to take the input's range from instead of `data`.
        trust_pickle: run the code in a pickled module.
        force: overwrite what is there.
        progress: is told samples and steps of each stage.

    Raises:
        SnncError: by its subclass: source that cannot be loaded, nothing to quantise, output
            exists, labels missing, ….
    """
    start = time.perf_counter()
    settings = Settings.of(
        levels=levels,
        bits=bits,
        method=method,
        percentile=percentile,
        per_channel=per_channel,
        epochs=finetune,
        lr=lr,
        batch=batch,
        seed=seed,
    )
    preparation = as_preparation(prepare)
    samples = load_data(data, preparation=preparation).limit(limit)
    options = SourceOptions(
        factory=factory,
        input_shape=input_shape,
        input_range=input_range,
        input_bits=input_bits,
        calibrate=_calibration(calibrate, samples, input_range, input_bits, preparation),
        trust_pickle=trust_pickle,
    )
    if example_inputs is None:
        example_inputs = _example(source, samples)
    loaded = as_source(source, options, example_inputs)
    if not isinstance(loaded, SourceModel):
        raise NothingToQuantize("the file holds spiking neurons already", where=loaded.name)
    tested = samples if test is None else load_data(test, preparation=preparation)
    work = _Work(loaded, samples, tested, settings)
    form = form_of(loaded, learn=bool(finetune))
    path = choose_path(form, source, output, default=DEFAULT_OUTPUT, force=force)
    result = work.run(form, progress or silent)
    if path is not None:
        form.write(path, work.grid)
    for note in result.notes:
        _log.info("%s", note)
    return replace(result, output=path, seconds=time.perf_counter() - start)


class _Work:
    """One quantisation: a source, its data and settings."""

    def __init__(
        self, source: SourceModel, data: DataSet, test: DataSet, settings: Settings
    ) -> None:
        self._source, self._data, self._test = source, data, test
        self._settings = settings
        self.grid = self._input_grid()
        self._sites = find_sites(source)
        if settings.epochs and data.y is None:
            raise DataError("fine-tuning needs labels `y` beside `x`", where=data.name)
        if not self._sites:
            raise NothingToQuantize(
                "the network has no float activation to put an integer one in place of",
                where=source.name,
                hint="ReLU, clips, leaky ReLU and embeddings are; for integer networks: "
                "snnc convert",
            )
        tensors = [site.tensor for site in self._sites]
        self._floats = OnnxNetwork(source.onnx, tensors)

    def run(self, form: Form, tell: Progress) -> Quantization:
        """Calibrate, fine-tune and measure; `form` then holds the network."""
        quantizers = self._calibrate(tell)
        form.build(quantizers)
        calibrated: float | None = None
        losses: tuple[float, ...] = ()
        if self._settings.epochs:
            calibrated = self._accuracy(form.network(), tell)
            losses = form.train(self._data, self.grid, self._settings, tell)
        layers, before, after = self._measure(form.quantizers, form.network(), tell)
        accuracy = after.equal_to(self._test.y)
        return Quantization(
            model=form.model,
            output=None,
            method=self._settings.method,
            layers=layers,
            input_grid=self.grid,
            n_samples=len(self._data),
            n_test=len(self._test),
            accuracy_before=before.equal_to(self._test.y),
            accuracy_calibrated=calibrated if self._settings.epochs else accuracy,
            accuracy_after=accuracy,
            agreement=after.equal_to(before.all),
            losses=losses,
            notes=self._notes(),
            seconds=0.0,
        )

    def _input_grid(self) -> InputGrid | None:
        if len(self._source.inputs) != 1:
            raise DataError(
                f"the model has {len(self._source.inputs)} inputs, and DATA holds one `x`",
                where=self._source.name,
            )
        (declared,) = self._source.inputs
        if declared.shape != self._data.x.shape[1:]:
            raise DataError(
                f"a sample has shape {self._data.x.shape[1:]}, the model takes {declared.shape}",
                where=self._data.name,
            )
        if declared.grid is not None or np.dtype(declared.dtype).kind != "f":
            return declared.grid
        return grid_from_options(SourceOptions(calibrate=self._data.x))

    def _calibrate(self, tell: Progress) -> tuple[Quantizer, ...]:
        settings = self._settings
        observers = [Observer(s, per_channel=settings.per_channel) for s in self._sites]
        for stage, add in (("ranges", Observer.add_range), ("values", Observer.add_values)):
            for done, x in batches(self._data):
                shown, _ = self._floats.run(x)
                for observer in observers:
                    add(observer, shown[observer.site.tensor])
                tell(stage, done, len(self._data))
        return tuple(
            choose(
                observer.site,
                observer.result(),
                levels=settings.levels,
                method=settings.method,
                percentile=settings.percentile,
            )
            for observer in observers
        )

    def _accuracy(self, network: Network, tell: Progress) -> float | None:
        classes = Classes()
        for done, x in batches(self._test):
            classes.add(network.run(on_grid(x, self.grid))[1])
            tell("calibrated", done, len(self._test))
        return classes.equal_to(self._test.y)

    def _measure(
        self, quantizers: tuple[Quantizer, ...], network: Network, tell: Progress
    ) -> tuple[tuple[LayerError, ...], Classes, Classes]:
        before, after = Classes(), Classes()
        rows = [Measurement(quantizer) for quantizer in quantizers]
        for done, x in batches(self._test):
            floats, float_output = self._floats.run(x)
            shown, output = network.run(on_grid(x, self.grid))
            for row in rows:
                row.add(floats, shown)
            before.add(float_output)
            after.add(output)
            tell("errors", done, len(self._test))
        return tuple(row.result() for row in rows), before, after

    def _notes(self) -> tuple[str, ...]:
        return tuple(
            f"{where} stays as it is: it has no integer form"
            for where in without_integer_form(self._source)
        )


def _calibration(
    calibrate: Any,
    data: DataSet,
    input_range: Any,
    input_bits: int | None,
    preparation: Preparation | None,
) -> Array | None:
    if calibrate is not None:
        return load_data(calibrate, preparation=preparation).x
    return data.x if input_bits is not None and input_range is None else None


def _example(source: Any, data: DataSet) -> Array | None:
    """The first sample, where the source is a module that has to be traced."""
    if isinstance(source, str | os.PathLike | SourceModel):
        return None
    first = np.asarray(data.x[:1])
    return first.astype(np.float32) if first.dtype == np.float64 else first
