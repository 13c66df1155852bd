"""`snnc inspect`: what is in a converted model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import json_option, model_argument
from snnc.cli.terminal import Terminal


@click.command("inspect", short_help="Show what is in a converted model.")
@model_argument
@json_option
def command(model: Path, as_json: bool) -> None:
    """Show MODEL: its populations, projections, settings and origin.

    \b
    Example:
      snnc inspect model.snnc
    """
    from snnc.runtime.model import load

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = load(model)

    def render() -> list[Any]:
        from snnc.runtime.tables import host_table, key_values, table

        json = result.to_json()
        nodes = [
            (row["name"], row["kind"], "x".join(map(str, row["shape"])), row["range"])
            for row in json["nodes"]
        ]
        projections = [
            (f"{row['source']} -> {row['target']}", row["map"], row["n_synapses"], row["bits"])
            for row in json["projections"]
        ]
        return [
            table(("node", "model", "shape", "range"), nodes, title="Nodes"),
            table(("projection", "map", "synapses", "bits"), projections, title="Projections"),
            *host_table(json["host_regions"]),
            key_values(
                {
                    "file": json["path"],
                    "target": json["target"],
                    "settings": f"{json['code']}, {json['schedule']}",
                    "neurons": json["n_neurons"],
                    "synapses": json["n_synapses"],
                    "fits": json["fits"],
                    "hash": json["graph_hash"],
                    "written by": json["written_by"],
                }
            ),
        ]

    terminal.show(result, render)
