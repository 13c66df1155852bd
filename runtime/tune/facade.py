"""`snnc.tune`: load, measure the grid, choose, write."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from snnc.converter.quantize import Method
from snnc.converter.sources import GraphSource, SourceModel
from snnc.ir.arrays import Array
from snnc.ir.errors import UnknownHardware, WrongUsage
from snnc.runtime.compare import Comparison
from snnc.runtime.data import DataSet
from snnc.runtime.energy import Hardware, load_each
from snnc.runtime.progress import Progress, silent
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.tune.budget import Budget, budget_of
from snnc.runtime.tune.grid import (
    DEFAULT_BITS,
    DEFAULT_LEVELS,
    Setting,
    checked_axes,
    codes_for,
    settings_of,
)
from snnc.runtime.tune.inputs import Inputs, identity, load_inputs
from snnc.runtime.tune.journal import journal
from snnc.runtime.tune.measure import Measurer, Paying
from snnc.runtime.tune.notes import notes
from snnc.runtime.tune.outputs import DEFAULT_OUTPUT as DEFAULT_OUTPUT
from snnc.runtime.tune.outputs import Outputs, compare_reports
from snnc.runtime.tune.result import Row, Tuning
from snnc.runtime.tune.search import Found, Objective, Search
from snnc.runtime.tune.workshop import Quantizing, Workshop

if TYPE_CHECKING:
    import torch

    from snnc.runtime.convert import FirstLayer
    from snnc.runtime.source_options import SourceArguments


def tune(
    source: SourceModel | GraphSource | torch.nn.Module | str | os.PathLike[str],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str],
    example_inputs: Any = None,
    *,
    hardware: Sequence[str | os.PathLike[str]],
    bits: Sequence[int] = (),
    levels: Sequence[int] = (),
    codes: Sequence[str] = (),
    max_loss: float = 0.01,
    reference: float | None = None,
    minimise: Objective = "energy",
    samples: int | None = None,
    limit: int | None = None,
    method: Method = "mse",
    percentile: float | None = None,
    per_channel: bool = False,
    finetune: int = 0,
    seed: int = 0,
    target: str = "sim",
    schedule: str | None = None,
    rate_ticks: int | None = None,
    first_layer: FirstLayer | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    prepare: Preparation | str | os.PathLike[str] | None = None,
    output: Sequence[str | os.PathLike[str]] = (),
    figures: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    **said: Any,
) -> Tuning:
    """Find the cheapest weight bits, activation levels and event code within a budget.

    Each setting is quantised, converted and reported as `snnc.quantize`, `snnc.convert` and
    `snnc.report` do, one by one: the whole grid, no guess.

    Args:
        source: as of `snnc.convert`. Float activations are quantised to each of `levels`; where
            all are integers already, the levels are the source's own.
        data: samples and labels that accuracy and energy are measured on.
        example_inputs: for a module: what its forward takes; by default the first sample.
        hardware: names or files; the first one's energy decides, the others are shown.
        bits: widths of weights; none: 4, 6, 8.
        levels: largest counts D; none: 3, 7, 15.
        codes: event codes; none: burst, graded and, where there are frames, delta.
        max_loss: accuracy that may be lost, as a share of the samples: 0.01 is one point.
        reference: accuracy that losses are counted from; None: the source's own on `data`, or
            where it has several inputs or frames that of the best setting.
        minimise: `energy` or `ticks` of a sample; the other one decides between equals.
        samples: measure the grid on the first of `data`, then confirm the winner on all.
        limit: take the first samples of `data` only.
        method, percentile, per_channel, finetune, seed: as of `snnc.quantize`.
        target, schedule, first_layer: as of `snnc.convert`.
        rate_ticks: of code `rate`.
        include, exclude: as of `snnc.report`.
        prepare: TOML of what is done to raw data before the model takes it.
        output: files to write: the winner as `.snnc`, its quantised network as `.pt` or `.onnx`,
            the grid as `.json`, `.csv`, `.md`, `.tex`, `.html`. With one, measurements are kept on
            the way in `OUTPUT.part`.
        figures: folder for plots of the grid.
        resume: go on with what a run that was stopped has measured.
        force: overwrite files.
        progress: is told samples of all measurements.
        said: about the source, as of `snnc.convert`; ranges, of the input and of activations, are
            taken from `calibrate`, or else from `data`.

    Raises:
        BudgetUnreachable: no setting keeps the accuracy; the best that was reached is named.
        DataError: no labels, or outputs that are no class scores.
        UnknownHardware: no such hardware, or it has no figures.
        UnsupportedByTarget: a code that the hardware cannot send.
        SnncError: by its subclass, as of `snnc.quantize`, `snnc.convert`, `snnc.report`.
    """
    start = time.perf_counter()
    if minimise not in get_args(Objective):
        raise WrongUsage(f"minimise is 'energy' or 'ticks', not {minimise!r}")
    if samples is not None and samples < 1:
        raise WrongUsage(f"the grid is measured on one sample at least, not {samples}")
    checked_axes(bits, levels, codes, rate_ticks)
    chips = _chips(hardware)
    outputs = Outputs.of(source, output, figures, target, force=force)
    given = load_inputs(
        source, data, example_inputs, prepare, cast("SourceArguments", said), limit, levels
    )
    job = _Job(
        given=given,
        chips=chips,
        settings=_settings(given, chips[0], bits, levels, codes),
        outputs=outputs,
        quantizing=Quantizing(
            method=method,
            percentile=percentile,
            per_channel=per_channel,
            finetune=finetune,
            seed=seed,
        ),
        conversion={
            "target": target,
            "schedule": schedule,
            "rate_ticks": rate_ticks,
            "first_layer": first_layer,
            "prepare": given.preparation,
        },
        paying=Paying(
            hardware=tuple(os.fspath(name) for name in hardware),
            include=tuple(include),
            exclude=tuple(exclude),
        ),
        minimise=minimise,
        tell=progress or silent,
    )
    budget = budget_of(given.source, given.data, max_loss, reference, job.tell)
    found = job.run(budget, samples or len(given.data), resume=resume)
    return replace(found, seconds=time.perf_counter() - start)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """One tuning: everything loaded and checked."""

    given: Inputs
    chips: tuple[Hardware, ...]
    settings: tuple[Setting, ...]
    outputs: Outputs
    quantizing: Quantizing
    conversion: Mapping[str, Any]
    paying: Paying
    minimise: Objective
    tell: Progress

    def run(self, budget: Budget, n: int, *, resume: bool) -> Tuning:
        """Measure on the first n samples, choose, confirm, write."""
        given, outputs, n_all = self.given, self.outputs, len(self.given.data)
        known = identity(given, self.conversion, self.quantizing, self.chips, self.paying)
        with (
            tempfile.TemporaryDirectory(prefix="snnc-tune-") as folder,
            journal(outputs.journal, known, resume=resume, force=outputs.force) as kept,
        ):
            workshop = Workshop(
                given.source, given.calibration, self.quantizing, self.conversion, Path(folder)
            )
            outputs.check_network(workshop, own_levels=given.own_levels)
            measurer = Measurer(workshop, given.data, self.paying, kept, self.tell)
            search = Search(measurer, budget, self.minimise, self.chips[0].name)
            found = search.run(self.settings, min(n, n_all), n_all)
            files = outputs.write_winner(workshop, found.best)
            side_by_side = compare_reports(found, outputs)
            return self._tuning(found, side_by_side, files, kept.n_resumed)

    def _tuning(
        self, found: Found, compared: Comparison, files: list[Path], n_resumed: int
    ) -> Tuning:
        given, budget, n = self.given, found.budget, len(self.given.data)
        names = {
            point.name: str(setting)
            for point, setting in zip(compared.points, found.reports, strict=True)
        }
        best = found.confirmed[found.best]
        return Tuning(
            best=Row.of(found.best, best, budget),
            rows=tuple(Row.of(s, r, found.on_grid) for s, r in found.reports.items()),
            confirmed=tuple(Row.of(s, r, budget) for s, r in found.confirmed.items()),
            refused=found.refused,
            hardware={c.name: c.title for c in self.chips if c.name in compared.hardware},
            pareto={
                name: tuple(names[each] for each in compared.pareto(name))
                for name in compared.hardware
            },
            minimised=self.minimise,
            reference=float(budget.reference(n)),
            reference_of=budget.origin,
            max_loss=float(budget.max_loss),
            own_levels=given.own_levels,
            n_samples=n,
            n_calibration=None if given.calibration is None else len(given.calibration),
            n_resumed=n_resumed,
            notes=tuple(notes(given, self.chips[0], found, best)),
            output=self.outputs.model,
            files=(*files, *compared.files),
            seconds=0.0,
        )


def _settings(
    given: Inputs,
    chip: Hardware,
    bits: Sequence[int],
    levels: Sequence[int],
    codes: Sequence[str],
) -> tuple[Setting, ...]:
    if given.own_weights and bits:
        raise WrongUsage("the file has integer weights, no --bits can be chosen")
    return settings_of(
        [None] if given.own_levels else levels or DEFAULT_LEVELS,
        [None] if given.own_weights else bits or DEFAULT_BITS,
        codes_for(chip, codes, given.n_frames),
    )


def _chips(hardware: Sequence[str | os.PathLike[str]]) -> tuple[Hardware, ...]:
    """The hardware, the first of which has to have figures."""
    if isinstance(hardware, str | os.PathLike) or not hardware:
        raise WrongUsage("hardware is a list of names or files", hint="--hardware 45nm-int8")
    chips = load_each(hardware)
    if not chips[0].figures:
        raise UnknownHardware(
            "no energy per operation is published for it, so that it cannot tell which setting is "
            "best",
            where=chips[0].name,
            hint="`snnc hardware` lists which have figures",
        )
    return chips
