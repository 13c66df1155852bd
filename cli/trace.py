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


def _span(
    _ctx: click.Context, _param: click.Parameter, given: str | None
) -> tuple[int | None, int | None]:
    """A:B, A: or :B as a first tick and the one behind the last."""
    first, colon, end = (given or ":").partition(":")
    if not colon or not all(part.isdecimal() for part in (first, end) if part):
        raise click.BadParameter(f"`{given}` is not of the form A:B", param_hint="--ticks")
    return int(first) if first else None, int(end) if end else None


@click.command("trace", short_help="Record every spike of one sample.")
@model_argument
@data_option
@click.option(
    "--sample", metavar="I", type=click.IntRange(0), required=True, help="Which sample, from 0."
)
@click.option("--membranes", is_flag=True, help="Record membranes at every tick as well.")
@click.option(
    "--population",
    "populations",
    metavar="NAME",
    multiple=True,
    help="Keep what this population does; repeats.  [default: all]",
)
@click.option("--ticks", metavar="A:B", callback=_span, help="Keep ticks A to B - 1.")
@setting_options()
@output_option("TRACE.npz", "Write every event (.npz, .h5 or .csv).")
@click.option(
    "--plot",
    metavar="RASTER.png",
    type=click.Path(path_type=Path),
    help="Draw a picture (.png, .svg, .pdf, or .html to look into).",
)
@click.option(
    "--plot-kind",
    type=click.Choice(["raster", "psth", "membrane"]),
    default="raster",
    help="What to draw: spikes, events in each tick, membranes.  [default: raster]",
)
@force_option
@json_option
def command(model: Path, data: str, as_json: bool, **options: Any) -> None:
    """Trace sample I of DATA through MODEL, tick by tick, in the event engine.

    \b
    Examples:
      snnc trace model.snnc --data test.npz --sample 0 --code burst -o trace.npz --plot raster.png
      snnc trace model.snnc --data test.npz --sample 0 --population act1 --ticks 10:40 -o part.h5
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
