"""`snnc trace`: every spike of one sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    data_option,
    force_option,
    json_option,
    model_argument,
    output_option,
    setting_options,
)
from snnc.cli.terminal import Terminal


@click.command("trace", short_help="Record every spike of one sample.")
@model_argument
@data_option
@click.option(
    "--sample", metavar="I", type=click.IntRange(0), required=True, help="Which sample, from 0."
)
@click.option("--membranes", is_flag=True, help="Record every membrane at every tick as well.")
@setting_options()
@output_option("TRACE.npz", "Write arrays tick, population, neuron, payload and names.")
@click.option(
    "--plot",
    metavar="RASTER.png",
    type=click.Path(path_type=Path),
    help="Draw a raster plot (.png or .html).",
)
@force_option
@json_option
def command(model: Path, data: str, as_json: bool, **options: Any) -> None:
    """Trace sample I of DATA through MODEL, tick by tick, in the event engine.

    \b
    Example:
      snnc trace model.snnc --data test.npz --sample 0 --code burst -o trace.npz --plot raster.png
    """
    from snnc.runtime.trace import trace

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = trace(model, data, **options)

    def render() -> list[Any]:
        from snnc.runtime.tables import key_values, table

        json = result.to_json()
        shown = {
            "ticks": json["n_ticks"],
            "events": json["n_events"],
            "spikes": json["n_spikes"],
            "written": json["output"],
            "plot": json["plot"],
        }
        rows = [
            (name, row["n_events"], row["n_spikes"], row["first_tick"], row["last_tick"])
            for name, row in json["by_population"].items()
        ]
        heads = ("population", "events", "spikes", "first tick", "last tick")
        return [table(heads, rows), key_values(shown)]

    terminal.show(result, render)
