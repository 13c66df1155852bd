"""`snnc map`: a model on the cores of a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    force_option,
    json_option,
    limit_option,
    model_argument,
    output_option,
    setting_options,
)
from snnc.cli.terminal import Terminal


@click.command("map", short_help="Put a model on the cores of a chip.")
@model_argument
@click.option(
    "--target",
    metavar="NAME|FILE",
    help="loihi1, loihi2 (loihi) or a chip file.  [default: what MODEL was converted for]",
)
@click.option(
    "--data",
    metavar="DATA",
    help="Data to measure activity on.  [default: every neuron sends once a frame]",
)
@click.option("--engine", metavar="NAME", help="Runs MODEL on DATA.  [default: event]")
@click.option(
    "--operands",
    type=click.Choice(["neurons", "memory"]),
    default="neurons",
    show_default=True,
    help="Of attention's products: a neuron for each, or packed into a core's memory.",
)
@setting_options()
@limit_option
@output_option("FILE", "Write .json or .csv (every core), .png or .html (core maps).")
@force_option
@json_option
def command(model: Path, as_json: bool, **options: Any) -> None:
    """Map MODEL onto a chip: cores and chips that it needs, and the work and traffic on them.

    Cores are placed so that events travel over few links, weighted by how often each neuron sends.

    \b
    Examples:
      snnc map model.snnc --target loihi2 --data test.npz -o map.html
      snnc map model.snnc --target mychip.toml --json
    """
    from snnc.runtime.map import map as map_model

    terminal = Terminal(as_json=as_json)
    with terminal.work() as progress:
        result = map_model(model, progress=progress, **options)

    terminal.show(result, result.render)
