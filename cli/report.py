"""`snnc report`: synaptic operations and energy, beside the non-spiking network."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    data_option,
    engine_option,
    force_option,
    json_option,
    limit_option,
    model_argument,
    output_option,
    setting_options,
)
from snnc.cli.terminal import Terminal


@click.command("report", short_help="Count operations, estimate energy.")
@model_argument
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
    default=("exact",),
    show_default="exact",
    help="Event code to show beside the run's own; repeats.",
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
@force_option
@json_option
def command(model: Path, data: str, as_json: bool, **options: Any) -> None:
    """Report what MODEL costs on DATA: events, operations, energy, by layer.

    Parts of an energy are synapses, neurons, spikes, hops, memory and static; each one is shown,
    and the hardware file, --include and --exclude say which the total adds up.

    \b
    Examples:
      snnc report model.snnc --data test.npz --hardware 45nm -o report.html -o report.json
      snnc report model.snnc --data test.npz --code burst --map loihi1
    """
    from snnc.runtime.report import report

    terminal = Terminal(as_json=as_json)
    with terminal.work() as progress:
        typed = shlex.join(["snnc", *sys.argv[1:]])
        result = report(model, data, command=typed, progress=progress, **options)

    terminal.show(result, result.render)
