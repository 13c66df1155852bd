"""`snnc tune`: the cheapest bits, levels and code within an accuracy budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    data_option,
    figures_option,
    force_option,
    integers,
    json_option,
    limit_option,
    method_option,
    output_option,
    percentile_option,
    source_argument,
    tuning_source_options,
)
from snnc.cli.terminal import Terminal

SCHEDULES = ("sequential", "pipelined")


def _words(text: str) -> tuple[str, ...]:
    """Read `graded,burst`."""
    return tuple(text.split(","))


def _share(text: str) -> float:
    """Read `1%` or `0.01`; `1` could be meant as either."""
    number, percent = text.removesuffix("%"), text.endswith("%")
    try:
        # the digits that were typed: 1% is 0.01, and not 0.01 plus a rounding
        found = float(f"{number}e-2") if percent else float(number)
    except ValueError:
        raise click.BadParameter(f"`{text}` is no share such as `1%` or `0.01`") from None
    if not (percent or found < 1):
        raise click.BadParameter(f"`{text}` could be `{text}%` or a share: write the `%`")
    return found


@click.command("tune", short_help="Find the cheapest bits, levels and code within a budget.")
@source_argument
@data_option
@click.option(
    "--hardware",
    metavar="NAME|FILE",
    multiple=True,
    required=True,
    help="Chip whose energy decides; repeats, the first one decides.",
)
@click.option("--bits", metavar="4,6,8", type=integers, help="Weight bits.  [default: 4,6,8]")
@click.option(
    "--levels",
    metavar="3,7,15",
    type=integers,
    help="Largest counts D of float activations.  [default: 3,7,15]",
)
@click.option(
    "--codes",
    metavar="C,…",
    type=_words,
    help="Event codes.  [default: burst,graded; with frames: delta, too]",
)
@click.option(
    "--max-loss",
    metavar="P%",
    type=_share,
    default="1%",
    show_default=True,
    help="Accuracy that may be lost, in percentage points.",
)
@click.option(
    "--reference",
    metavar="P%",
    type=_share,
    help="Accuracy that losses are counted from.  [default: SOURCE's own on DATA]",
)
@click.option(
    "--minimise",
    type=click.Choice(["energy", "ticks"]),
    default="energy",
    show_default=True,
    help="Of a sample; the other one decides between equals.",
)
@click.option(
    "--samples",
    metavar="N",
    type=click.IntRange(1),
    help="Measure the grid on the first N samples, then confirm the best on all.",
)
@limit_option
@method_option
@percentile_option
@click.option("--per-channel", is_flag=True, help="A step for each channel of an activation.")
@click.option(
    "--finetune",
    metavar="EPOCHS",
    type=click.IntRange(0),
    default=0,
    help="Train each network through the rounding, on the labels of --calibrate.",
)
@click.option("--seed", metavar="S", default=0, show_default=True, help="Of that training.")
@click.option(
    "--target", metavar="NAME", default="sim", show_default=True, help="As of `snnc convert`."
)
@click.option(
    "--schedule", type=click.Choice(SCHEDULES), help="When a frame may start.  [default: target's]"
)
@click.option(
    "--rate-ticks",
    metavar="R",
    type=click.IntRange(1),
    help="Ticks of a window in code rate, where --codes names it.",
)
@click.option(
    "--first-layer",
    type=click.Choice(["host", "chip"]),
    help="Where the first layer runs.  [default: chip where the input has a grid]",
)
@click.option(
    "--include", metavar="PART", multiple=True, help="Part of the energy to add up; repeats."
)
@click.option("--exclude", metavar="PART", multiple=True, help="Part to leave out of the sum.")
@click.option(
    "--prepare",
    metavar="FILE.toml",
    type=click.Path(path_type=Path),
    help="What is done to raw data before the model takes it.",
)
@output_option(
    "FILE",
    "Write the best (.snnc), its quantised network (.pt, .onnx), the grid (.html, .json, "
    ".csv, .md, .tex); repeats.  [default: SOURCE's stem and -tuned.snnc in the current folder]",
    multiple=True,
)
@figures_option
@click.option("--resume", is_flag=True, help="Go on with what a run that was stopped has measured.")
@tuning_source_options
@force_option
@json_option
def command(source: Path, data: str, as_json: bool, **options: Any) -> None:
    """Find the cheapest weight bits, activation levels and event code for SOURCE.

    Each setting is quantised, converted and run on DATA. The one with the least energy that keeps
    the accuracy is written. SOURCE is a float network, or one whose activations are integers
    already: then its levels are its own.

    \b
    Examples:
      snnc tune model.pt --data test.npz --calibrate train.npz --hardware 45nm-int8
      snnc tune model.pt --data test.npz --hardware loihi1 --bits 4,8 --max-loss 0.5% -o best.snnc
      snnc tune model.pt --data test.npz --hardware 45nm-int8 --samples 200 --resume
    """
    from snnc.runtime.tune import DEFAULT_OUTPUT, tune

    terminal = Terminal(as_json=as_json)
    options["output"] = options["output"] or (DEFAULT_OUTPUT,)
    for axis in ("bits", "levels", "codes"):
        options[axis] = options[axis] or ()
    with terminal.work() as progress:
        result = tune(source, data, progress=progress, **options)
    terminal.show(result, result.render)
