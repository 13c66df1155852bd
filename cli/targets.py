"""`snnc targets`: what a model can be converted for; `snnc targets setup NAME` readies one."""

from __future__ import annotations

from typing import Any

import click

from snnc.cli.options import json_option
from snnc.cli.terminal import Terminal


@click.group("targets", short_help="List targets, or set one up.", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the targets of `snnc convert --target` and whether they are ready to run.

    \b
    Examples:
      snnc targets
      snnc targets setup loihi
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = as_json
        return
    from snnc.runtime.listing import targets

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = targets()

    def render() -> list[Any]:
        from snnc.runtime.tables import table

        rows = [
            (row["name"], row["engines"], "ready" if row["ready"] else "not set up", row["note"])
            for row in result.to_json()["targets"]
        ]
        return [table(("target", "runs in", "state", "note"), rows)]

    terminal.show(result, render)


@command.command("setup", short_help="Make the environment that a target runs in.")
@click.argument("name", metavar="NAME")
@click.option("--python", metavar="PYTHON", help="Python interpreter to use.")
@click.option(
    "--wheels", metavar="FOLDER", help="Folder with all packages, for machines without a network."
)
@click.option(
    "--onnxruntime",
    is_flag=True,
    help="Install ONNX Runtime, too: bundles with host operators need it to run without snnc.",
)
@json_option
@click.pass_context
def setup(
    ctx: click.Context,
    name: str,
    python: str | None,
    wheels: str | None,
    onnxruntime: bool,
    as_json: bool,
) -> None:
    """Make the environment that target NAME runs in (`loihi`: Lava on Python 3.10).

    \b
    Examples:
      snnc targets setup loihi
      snnc targets setup loihi --wheels FOLDER
    """
    from snnc.runtime.listing import set_up

    terminal = Terminal(as_json=as_json or bool(ctx.obj))
    with terminal.work():
        result = set_up(name, python=python, wheels=wheels, onnxruntime=onnxruntime)

    def render() -> list[Any]:
        from snnc.runtime.tables import key_values

        json = result.to_json()
        return [key_values({"target": json["target"], "environment": json["environment"]})]

    terminal.show(result, render)
