"""`snnc hardware`: chips with energy figures; `show` prints one, `check` checks a user's file."""

from __future__ import annotations

from typing import Any

import click

from snnc.cli.options import json_option
from snnc.cli.terminal import Terminal


@click.group("hardware", short_help="List chips with energy figures.", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the chips for `snnc report --hardware`, with the origin of their figures.

    \b
    Examples:
      snnc hardware
      snnc hardware show loihi1
      snnc hardware check mychip.toml
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = as_json
        return
    from snnc.runtime.listing import hardware

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = hardware()

    def render() -> list[Any]:
        from snnc.runtime.energy.terminal import overview

        return overview(result.hardware)

    terminal.show(result, render)


@command.command("show", short_help="Print one chip's figures and where they come from.")
@click.argument("name", metavar="NAME|FILE")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Print the figures of a chip: what each covers, its source, and how far it was verified.

    \b
    Example:
      snnc hardware show loihi1
    """
    from snnc.runtime.listing import hardware

    terminal = Terminal(as_json=as_json or bool(ctx.obj))
    with terminal.work():
        result = hardware(name)

    def render() -> list[Any]:
        from snnc.runtime.energy.terminal import sheet

        return sheet(result.hardware[0])

    terminal.show(result, render)


@command.command("check", short_help="Look a hardware file over.")
@click.argument("file", metavar="FILE")
@json_option
@click.pass_context
def check(ctx: click.Context, file: str, as_json: bool) -> None:
    """Say what is wrong with a hardware file, key by key; exit code 1 if something is.

    \b
    Example:
      snnc hardware check mychip.toml
    """
    from snnc.runtime.energy import check_hardware

    terminal = Terminal(as_json=as_json or bool(ctx.obj))
    with terminal.work():
        result = check_hardware(file)

    def render() -> list[Any]:
        from snnc.runtime.energy.terminal import checked

        return checked(result)

    terminal.show(result, render)
    if not result.ok:
        ctx.exit(1)
