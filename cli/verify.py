"""`snnc verify`: the promises, checked on data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from snnc.cli.errors import EXIT_FAILED
from snnc.cli.options import (
    data_option,
    json_option,
    limit_option,
    model_argument,
    setting_options,
    source_argument,
    source_options,
)
from snnc.cli.terminal import Terminal


@click.command("verify", short_help="Prove that spikes and source compute the same.")
@source_argument
@model_argument
@data_option
@click.option(
    "--engine",
    "engine",
    metavar="E",
    multiple=True,
    help="Repeats.  [default: event and dense; bundle: also lava]",
)
@setting_options()
@limit_option
@click.option(
    "--max-changed",
    metavar="F",
    type=click.FloatRange(0, 1),
    help="Fail where rounding changes more than this fraction of a population's counts.",
)
@source_options
@json_option
def command(source: Path, model: Path, data: str, as_json: bool, **options: Any) -> None:
    """Compare MODEL with its SOURCE and engines with each other, layer by layer.

    Both graphs are read from MODEL; SOURCE is not converted again.

    \b
    Example:
      snnc verify model.pt model.snnc --data test.npz --limit 200
    """
    from snnc.runtime.verify import verify

    terminal = Terminal(as_json=as_json)
    with terminal.work() as progress:
        result = verify(source, model, data, progress=progress, **options)

    terminal.show(result, result.render)
    if not result.ok:
        sys.exit(EXIT_FAILED)
