"""`snnc trace`: every spike of one sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from snnc.runtime.trace import TraceFile, TraceResult
    from snnc.runtime.trace_plots import PlotKind


def _span(
    _ctx: click.Context, param: click.Parameter, given: str | None
) -> tuple[int | None, int | None] | None:
    """A:B, A: or :B as a first one and the one behind the last."""
    if given is None:
        return None
    first, colon, end = given.partition(":")
    if not colon or not all(part.isdecimal() for part in (first, end) if part):
        raise click.BadParameter(f"`{given}` is not of the form A:B", param_hint=param.opts[0])
    return int(first) if first else None, int(end) if end else None


@click.command("trace", short_help="Record every spike.")
@model_argument
@data_option
@click.option("--sample", metavar="I", type=click.IntRange(0), help="Which sample, from 0.")
@click.option(
    "--samples",
    metavar="A:B",
    callback=_span,
    help="Samples A to B - 1, `:` for all, into one file (needs -o).",
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
@output_option("TRACE.npz", "Write every event (.npz, .h5, .csv or .nix).")
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
def command(
    model: Path,
    data: str,
    sample: int | None,
    samples: tuple[int | None, int | None] | None,
    ticks: tuple[int | None, int | None] | None,
    output: Path | None,
    plot: Path | None,
    plot_kind: PlotKind,
    as_json: bool,
    **options: Any,
) -> None:
    """Trace sample I of DATA through MODEL, tick by tick, in the event engine.

    A file without a picture is written while the engine runs, so that memory holds a part of the
    events only, however many there are.

    \b
    Examples:
      snnc trace model.snnc --data test.npz --sample 0 --code burst -o trace.npz --plot raster.png
      snnc trace model.snnc --data test.npz --sample 0 --population act1 --ticks 2:8 -o part.h5
      snnc trace model.snnc --data test.npz --samples 0:100 -o traces.h5
    """
    if (sample is None) == (samples is None):
        raise click.UsageError("give one of --sample and --samples")
    if samples is not None and (output is None or plot is not None):
        raise click.UsageError("traces of several --samples go to a file (-o), without a --plot")
    from snnc.runtime.trace import trace, trace_to

    terminal = Terminal(as_json=as_json)
    options["ticks"] = ticks or (None, None)
    options["membranes"] |= plot_kind == "membrane"
    result: TraceResult | TraceFile
    with terminal.work() as progress:
        if output is not None and plot is None:
            span = samples or (None, None)
            result = trace_to(
                model, data, output, sample=sample, samples=span, progress=progress, **options
            )
        else:
            assert sample is not None
            options |= {"output": output, "plot": plot, "plot_kind": plot_kind}
            result = trace(model, data, sample=sample, **options)

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
