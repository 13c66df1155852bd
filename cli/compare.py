"""`snnc compare`: models and reports side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    engine_option,
    figures_option,
    force_option,
    json_option,
    limit_option,
    output_option,
)
from snnc.cli.terminal import Terminal
from snnc.ir.codes import CODES


@click.command("compare", short_help="Models, codes and reports side by side.")
@click.argument(
    "given", metavar="MODEL|REPORT.json…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--data", metavar="DATA", help="For models: an .npz with x and y, or a data set.")
@click.option(
    "--code",
    "codes",
    type=click.Choice(CODES),
    multiple=True,
    help="Event code that each model is run in; repeats.  [default: the MODEL's]",
)
@click.option(
    "--hardware", metavar="NAME|FILE", multiple=True, help="Chip to estimate for; repeats."
)
@engine_option
@limit_option
@output_option("FILE", "Write .json, .csv, .md, .tex or .html; repeats.", multiple=True)
@figures_option
@force_option
@json_option
def command(given: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Compare models, and reports that are there: accuracy, ticks, operations, energy.

    Each MODEL is run on DATA in each code; a REPORT.json is taken as it is. A * marks what no
    other row beats in accuracy, energy and ticks together.

    \b
    Example:
      snnc compare a.snnc b.snnc --data test.npz --code burst --code graded -o table.tex
      snnc compare a.snnc b.snnc --data test.npz -o compared.html
      snnc compare report4.json report8.json --figures figures
    """
    from snnc.runtime.compare import compare

    terminal = Terminal(as_json=as_json)
    with terminal.work() as progress:
        result = compare(given, progress=progress, **options)
    terminal.show(result, result.render)
