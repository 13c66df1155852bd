"""Arguments and options that several commands share, and their value types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

CODES = ("burst", "graded", "delta", "rate")
SCHEDULES = ("sequential", "pipelined")
RATE_RESETS = ("subtract", "zero")
RATE_POOLS = ("refuse", "average")


def integers(text: str) -> tuple[int, ...]:
    """Read `1,3,224,224`."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"`{text}` is no list of integers such as `1,3,8,8`") from None


def interval(text: str) -> tuple[float, float]:
    """Read `LO,HI`."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"`{text}` is no pair of numbers such as `0,1`") from None
    return low, high


def _stack(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator out of several, in the order in which help lists them."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


source_argument = click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path))
model_argument = click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))

models_argument = click.argument(
    "models", metavar="MODEL…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
figures_option = click.option(
    "--figures",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Draw figures for a paper there (.png, .svg, .pdf).",
)

_naming_options = _stack(
    click.option("--factory", metavar="M:F", help="Callable that builds a checkpoint's module."),
    click.option(
        "--input-shape",
        metavar="1,3,224,224",
        type=integers,
        help="Input shape with a batch axis of 1.",
    ),
)
_levels_option = click.option(
    "--levels",
    metavar="D",
    type=click.IntRange(1),
    help="Largest count, where the source does not say it.",
)
_grid_options = _stack(
    click.option(
        "--input-range",
        metavar="LO,HI",
        type=interval,
        help="Range of the input grid.",
    ),
    click.option(
        "--input-bits",
        metavar="B",
        type=click.IntRange(1, 16),
        help="Bits of the input grid, 8 unless given.",
    ),
    click.option("--calibrate", metavar="DATA", help="Data to take the input's range from."),
)
_frame_options = _stack(
    click.option(
        "--frames",
        metavar="T",
        type=click.IntRange(1),
        help="Frames of a sample, where the model has state or takes them all at once.",
    ),
    click.option(
        "--time-axis",
        metavar="A",
        type=click.IntRange(0, 1),
        help="Axis of the input that holds the frames, 0 or 1.  [default: one frame a call]",
    ),
    click.option(
        "--reduce",
        type=click.Choice(["none", "mean", "sum"]),
        help="Of the outputs of a sample's frames.  [default: as the model does]",
    ),
)
_trust_option = click.option(
    "--trust-pickle", is_flag=True, help="Load a pickled module: runs the code in it."
)
_nir_options = _stack(
    click.option(
        "--dt",
        metavar="S",
        type=click.FloatRange(0, min_open=True),
        help="NIR: seconds of one frame.",
    ),
    click.option(
        "--reset",
        type=click.Choice(["zero", "subtract"]),
        help="NIR: what a spike leaves of the membrane.",
    ),
)
_net_options = _stack(
    click.option(
        "--net-timing",
        type=click.Choice(["aligned", "lava"]),
        help=".net: do layers take a frame each, as in Lava?  [default: aligned]",
    ),
    click.option(
        "--readout",
        type=click.Choice(["spikes", "membrane"]),
        help=".net: what leaves the last layer.  [default: spikes]",
    ),
    click.option(
        "--reset-interval",
        metavar="T",
        type=click.IntRange(1),
        help=".net: frames after which all state is cleared.  [default: at a sample's start only]",
    ),
    click.option(
        "--reset-offset",
        metavar="T",
        type=click.IntRange(0),
        help=".net: the first frame in which it is.  [default: 0]",
    ),
)
loading_options = _stack(_naming_options, _grid_options, _trust_option)
"""What loading a network without spikes needs."""
source_options = _stack(
    _naming_options,
    _levels_option,
    _grid_options,
    _frame_options,
    _trust_option,
    _nir_options,
    _net_options,
)
"""The options of every command that takes SOURCE as it is."""
tuning_source_options = _stack(
    _naming_options, _grid_options, _frame_options, _trust_option, _nir_options, _net_options
)
"""Likewise, where levels are what is sought."""

data_option = click.option(
    "--data",
    metavar="DATA",
    required=True,
    help="An .npz with x (and y), .npy or .h5, a folder or CSV list of files, one file, "
    "module:callable, hf:NAME:SPLIT, or a name.",
)
prepare_option = click.option(
    "--prepare",
    metavar="FILE.toml",
    type=click.Path(path_type=Path),
    help="What is done to raw data (images, events, audio, text) before the model takes it.",
)
limit_option = click.option(
    "--limit", metavar="N", type=click.IntRange(1), help="Take the first N samples only."
)
engine_option = click.option(
    "--engine", metavar="NAME", help="oracle, event, dense or lava.  [default: event; bundle: lava]"
)


def setting_options(default: str = "MODEL's") -> Callable[[Command], Command]:
    """The settings of a run, event code and schedule; `default` is whose they are without."""
    return _stack(
        click.option(
            "--code",
            type=click.Choice(CODES),
            help=f"How a count travels.  [default: {default}]",
        ),
        click.option(
            "--schedule",
            type=click.Choice(SCHEDULES),
            help=f"When a frame may start.  [default: {default}]",
        ),
        click.option(
            "--rate-ticks",
            metavar="R",
            type=click.IntRange(1),
            help="Ticks of a window in code rate.",
        ),
        click.option(
            "--rate-reset",
            type=click.Choice(RATE_RESETS),
            help="What a spike leaves of a membrane in code rate.  [default: subtract]",
        ),
        click.option(
            "--rate-pools",
            type=click.Choice(RATE_POOLS),
            help="Max-pools in code rate.  [default: refuse]",
        ),
    )


time_limit_option = click.option(
    "--time-limit",
    metavar="S",
    type=click.FloatRange(0, min_open=True),
    help="Stop with an error after S seconds.",
)
on_bad_option = click.option(
    "--on-bad-sample",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    help="At a sample that cannot be used.  [default: stop]",
)
jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    help="Worker processes; results are the same for any number.  [default: 1]",
)
distributed_option = click.option(
    "--distributed",
    metavar="[ADDRESS]",
    is_flag=False,
    flag_value="local",
    help="Run on a Ray cluster: of this machine's cores, or the one at ADDRESS (auto, IP:6379).",
)
resume_option = click.option(
    "--resume", is_flag=True, help="Go on with a run that was stopped, from its complete shards."
)
no_host_option = click.option(
    "--no-host", is_flag=True, help="Refuse operators that the host would have to compute."
)
force_option = click.option("--force", is_flag=True, help="Overwrite existing output.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def output_option(
    metavar: str, text: str, *, multiple: bool = False
) -> Callable[[Command], Command]:
    """The option `-o`, once or repeated."""
    return click.option(
        "-o",
        "--output",
        metavar=metavar,
        type=click.Path(path_type=Path),
        multiple=multiple,
        help=text,
    )


method_option = click.option(
    "--method",
    type=click.Choice(["minmax", "percentile", "mse"]),
    default="mse",
    show_default=True,
    help="How an activation's range is chosen.",
)
percentile_option = click.option(
    "--percentile",
    metavar="P",
    type=click.FloatRange(0, 100, min_open=True),
    help="Of the values in the range, in percent.  [default: 99.9]",
)
