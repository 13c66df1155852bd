"""`snnc convert`: a trained model becomes a `.snnc` file, and a bundle for a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    force_option,
    json_option,
    no_host_option,
    output_option,
    prepare_option,
    setting_options,
    source_argument,
    source_options,
)
from snnc.cli.terminal import Terminal


@click.command("convert", short_help="Convert a trained model to a .snnc file.")
@source_argument
@output_option("F.snnc", "Where to write.  [default: SOURCE's stem in the current folder]")
@click.option(
    "--target",
    metavar="NAME",
    default="sim",
    show_default=True,
    help="sim, loihi, loihi1 or loihi2; a chip gets a bundle beside the .snnc file.",
)
@click.option(
    "--weight-bits",
    metavar="B",
    type=click.IntRange(2, 16),
    help="Bits of the integer weights, on any chip.  [default: 8]",
)
@setting_options("the target's")
@click.option(
    "--first-layer",
    type=click.Choice(["host", "chip"]),
    help="Where the first layer runs.  [default: chip where the input has a grid]",
)
@click.option(
    "--product-order",
    type=click.Choice(["source", "fewest"]),
    default="fewest",
    show_default=True,
    help="Order of products of three operands: the model's, or with fewest multiplications.",
)
@no_host_option
@click.option(
    "--lava-conv",
    type=click.Choice(["sparse", "conv"]),
    help="How a bundle writes convolutions.  [default: sparse]",
)
@prepare_option
@source_options
@force_option
@json_option
def command(source: Path, as_json: bool, **options: Any) -> None:
    """Convert SOURCE, a trained integer-activation model, to spikes.

    SOURCE is a .pt (from snnc.save_model), .pt2, TorchScript, .onnx, .nir or lava-dl's
    .net file, or a checkpoint of weights with --factory.

    \b
    Examples:
      snnc convert model.pt --target loihi
      snnc convert weights.pth --factory nets:build --input-shape 1,3,32,32 --input-range 0,1
      snnc convert spiking.nir --dt 1e-4 --reset zero
      snnc convert network.net --target loihi
    """
    from snnc.runtime.convert import DEFAULT_OUTPUT, convert

    terminal = Terminal(as_json=as_json)
    options["output"] = options["output"] or DEFAULT_OUTPUT
    with terminal.work() as progress:
        result = convert(source, progress=progress, **options)

    def render() -> list[Any]:
        from snnc.runtime.map.terminal import reason_tables
        from snnc.runtime.tables import key_values

        json = result.to_json()
        shown = {
            "written": json["output"],
            "bundle": json["bundle"],
            "populations": json["n_populations"],
            "projections": json["n_projections"],
            "neurons": json["n_neurons"],
            "synapses": json["n_synapses"],
            "weight bits": json["weight_bits"],
            "levels D": ", ".join(map(str, sorted(set(json["levels"].values())))),
            "host operators": ", ".join(json["host_ops"]) or None,
            "host share of MACs": f"{json['host_mac_share']:.1%}" if json["host_ops"] else None,
            "fits": json["fits"],
        }
        return [key_values(shown), *reason_tables(json["fit_reasons"] or [])]

    terminal.show(result, render)
