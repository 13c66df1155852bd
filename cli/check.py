"""`snnc check`: which operators of a source can be converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snnc.cli.options import json_option, no_host_option, source_argument, source_options
from snnc.cli.terminal import Terminal


@click.command("check", short_help="Say which operators of a model can be converted.")
@source_argument
@source_options
@no_host_option
@json_option
def command(source: Path, as_json: bool, **options: Any) -> None:
    """Say for each operator of SOURCE: event, folded, host or unsupported, and why.

    \b
    Example:
      snnc check model.onnx
    """
    from snnc.runtime.check import check

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = check(source, **options)

    def render() -> list[Any]:
        from snnc.runtime.tables import key_values, table

        json = result.to_json()
        rows = [
            (row["operator"], row["where"], row["status"], row["reason"])
            for row in json["operators"]
        ]
        shown = {
            "compatible": "yes" if json["compatible"] else "no",
            "share of operators": f"{json['compatible_share']:.1%}",
        }
        return [table(("operator", "where", "becomes", "why"), rows), key_values(shown)]

    terminal.show(result, render)
