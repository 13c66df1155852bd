"""The `snnc` command: lazy sub-commands, one place for errors and exit codes."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from snnc.cli.errors import EXIT_TERMINATED, EXIT_USAGE, report_error
from snnc.ir.registry import did_you_mean

COMMANDS = (
    "convert",
    "run",
    "trace",
    "verify",
    "report",
    "compare",
    "map",
    "check",
    "inspect",
    "export",
    "quantize",
    "tune",
    "targets",
    "hardware",
    "doctor",
)
"""Sub-commands in the order of `snnc --help`; each is `command` in the module of its name."""


class LazyGroup(click.Group):
    """A group whose commands are modules of `snnc.cli`, imported on use.

    `main` never lets an exception out: errors are shown (as JSON where `--json` was asked for)
    and become exit codes.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"snnc.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"no such command `{name}`{did_you_mean(name, list(COMMANDS))}")
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run a command line and exit: 0, 1 named error or failed check, 2 usage, 130 Ctrl-C."""
        given = list(sys.argv[1:] if args is None else args)
        try:
            status = super().main(given, prog_name, complete_var, False, **extra)
        except BaseException as error:
            status = report_error(error, as_json="--json" in given)
        sys.exit(status if isinstance(status, int) else 0)


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"snnc {version('snnc')}")
    ctx.exit()


_HELP = """Deploy trained integer-activation networks as spiking networks.

\b
  snnc convert model.pt --target loihi
  snnc verify model.pt model.snnc --data test.npz
  snnc run model.snnc --data test.npz
  snnc report model.snnc --data test.npz -o report.html

Every command takes --json; logs and progress go to stderr.
"""


@click.group(
    cls=LazyGroup,
    help=_HELP,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The group of all commands; alone it shows its help, which is wrong usage."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(EXIT_USAGE)


def main() -> NoReturn:
    """Entry point of the `snnc` script."""

    def terminate(_signal: int, _frame: object) -> None:
        sys.exit(EXIT_TERMINATED)  # unwinds, so that temporary files are removed

    signal.signal(signal.SIGTERM, terminate)
    cli.main(prog_name="snnc")
