"""`snnc report`: synaptic operations and energy, beside the non-spiking network."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snnc.cli.options import (
    data_option,
    engine_option,
    figures_option,
    force_option,
    json_option,
    limit_option,
    models_argument,
    output_option,
    setting_options,
)
from snnc.cli.terminal import Terminal

if TYPE_CHECKING:
    from snnc.runtime.compare import Comparison
    from snnc.runtime.report import Report


@click.command("report", short_help="Count operations, estimate energy.")
@models_argument
@data_option
@click.option(
    "--hardware", metavar="NAME|FILE", multiple=True, help="Chip to estimate for; repeats."
)
@click.option(
    "--include", metavar="PART", multiple=True, help="Part of the energy to add up; repeats."
)
@click.option("--exclude", metavar="PART", multiple=True, help="Part to leave out of the sum.")
@click.option(
    "--codes",
    metavar="CODE|exact|own",
    multiple=True,
    help="Event code to show beside the run's own; repeats.  [default: exact; several MODELs: own]",
)
@click.option(
    "--statistics",
    metavar="N",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Samples to look at one by one; 0: none.",
)
@engine_option
@setting_options()
@limit_option
@click.option(
    "--verification",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What `snnc verify --json` printed, to show beside.",
)
@click.option(
    "--map",
    metavar="CHIP|FILE",
    help="Map onto CHIP (or take what `snnc map -o map.json` wrote): hops enter its energy.",
)
@output_option("FILE", "Write .json, .csv, .html or .txt; repeats.", multiple=True)
@figures_option
@force_option
@json_option
def command(models: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Report what MODEL costs on DATA: events, operations, energy, by layer.

    Several MODELs give one comparison, as `snnc compare` makes it: a table, accuracy against
    energy and ticks, a page (-o .html), .json, .csv, .md and .tex. Reports that are there (.json)
    may stand among them.

    Parts of an energy are synapses, neurons, spikes, hops, memory and static; each one is shown,
    and the hardware file, --include and --exclude say which the total adds up.

    \b
    Examples:
      snnc report model.snnc --data test.npz --hardware 45nm -o report.html -o report.json
      snnc report model.snnc --data test.npz --code burst --map loihi1
      snnc report a.snnc b.snnc c.snnc --data test.npz -o compared.html --figures figures
    """
    terminal = Terminal(as_json=as_json)
    with terminal.work() as progress:
        typed = shlex.join(["snnc", *sys.argv[1:]])
        work = _one if len(models) == 1 else _several
        result = work(models, command=typed, progress=progress, **options)

    terminal.show(result, result.render)


def _one(models: tuple[Path, ...], codes: tuple[str, ...], **options: Any) -> Report:
    from snnc.runtime.report import report

    return report(models[0], codes=codes or ("exact",), **options)


def _several(models: tuple[Path, ...], codes: tuple[str, ...], **options: Any) -> Comparison:
    from snnc.runtime.compare import compare

    return compare(models, codes=() if codes == ("own",) else codes, **options)
