"""`snnc quantize`: integer activations in the place of a float network's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    data_option,
    force_option,
    json_option,
    limit_option,
    loading_options,
    method_option,
    output_option,
    percentile_option,
    prepare_option,
    source_argument,
)
from snnc.cli.terminal import Terminal


@click.command("quantize", short_help="Give a float network integer activations.")
@source_argument
@data_option
@output_option(
    "FILE",
    "Where to write: .pt for a PyTorch SOURCE, else .onnx.  "
    "[default: SOURCE's stem and -quantized in the current folder]",
)
@click.option("--levels", metavar="D", type=click.IntRange(1), help="Largest count.  [default: 15]")
@click.option("--bits", metavar="B", type=click.IntRange(1, 16), help="The same as D = 2^B - 1.")
@method_option
@percentile_option
@click.option("--per-channel", is_flag=True, help="A step for each channel.")
@click.option(
    "--finetune",
    metavar="EPOCHS",
    type=click.IntRange(0),
    default=0,
    help="Train through the rounding on DATA's labels; for PyTorch sources.",
)
@click.option(
    "--lr",
    metavar="LR",
    type=click.FloatRange(0, min_open=True),
    help="Its largest learning rate.  [default: 1e-4]",
)
@click.option(
    "--batch",
    metavar="N",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Its samples in one step.",
)
@click.option("--seed", metavar="S", default=0, show_default=True, help="Of its order of samples.")
@click.option(
    "--test", metavar="DATA", help="Data for errors and accuracies.  [default: those of --data]"
)
@limit_option
@prepare_option
@loading_options
@force_option
@json_option
def command(source: Path, data: str, as_json: bool, **options: Any) -> None:
    """Put integer activations in the place of SOURCE's ReLUs, clips and leaky ReLUs.

    Their ranges, and that of the input, are taken from DATA. What is written is a SOURCE for
    `snnc convert` (with the same --prepare); weights stay as they are.

    \b
    Examples:
      snnc quantize model.pt --data train.npz --levels 15
      snnc quantize model.pt --data train.npz --bits 3 --finetune 2 --test test.npz
      snnc quantize model.pt --data images/ --prepare images.toml
    """
    from snnc.runtime.quantize import DEFAULT_OUTPUT, quantize

    terminal = Terminal(as_json=as_json)
    options["output"] = options["output"] or DEFAULT_OUTPUT
    with terminal.work() as progress:
        result = quantize(source, data, progress=progress, **options)
    terminal.show(result, result.render)
