"""`snnc export`: a converted model for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import force_option, json_option, model_argument, output_option
from snnc.cli.terminal import Terminal


@click.command("export", short_help="Write a model for other simulators and chips.")
@model_argument
@click.option(
    "--format",
    "format",
    type=click.Choice(["nir", "netx"]),
    required=True,
    help="The file's format.",
)
@output_option("FILE", "Where to write.  [default: MODEL's stem in the current folder]")
@force_option
@json_option
def command(model: Path, as_json: bool, **options: Any) -> None:
    """Write MODEL's integers as a file that other tools read.

    What the format cannot express is refused by name.

    \b
    Example:
      snnc export model.snnc --format nir
      snnc export model.snnc --format netx -o model.net
    """
    from snnc.runtime.export import export

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = export(model, **options)

    def render() -> list[Any]:
        from snnc.runtime.tables import key_values

        json = result.to_json()
        shown = {
            "written": json["output"],
            "nodes": json["n_nodes"],
            "edges": json["n_edges"],
        }
        if json["dt"] is not None:
            shown |= {"time step": f"{json['dt']:g} s", "reset": json["reset"]}
        return [key_values(shown), *json["notes"]]

    terminal.show(result, render)
