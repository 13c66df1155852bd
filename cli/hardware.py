"""`snnc hardware`: the chips whose figures ship with snnc."""

from __future__ import annotations

from typing import Any

import click

from snnc.cli.options import json_option
from snnc.cli.terminal import Terminal


@click.command("hardware", short_help="List chips with energy figures.")
@json_option
def command(as_json: bool) -> None:
    """List the chips for `snnc report --hardware`, with the origin of their figures.

    \b
    Example:
      snnc hardware --json
    """
    from snnc.runtime.listing import hardware

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = hardware()

    def render() -> list[Any]:
        from snnc.runtime.tables import table

        rows = [
            (chip.name, chip.title, len(chip.figures) or None, chip.process)
            for chip in result.hardware
        ]
        return [table(("name", "chip", "figures", "process"), rows)]

    terminal.show(result, render)
