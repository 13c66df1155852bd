"""`snnc doctor`: is everything there, and does it compute the same numbers?"""

from __future__ import annotations

import sys
from typing import Any

import click

from snnc.cli.errors import EXIT_FAILED
from snnc.cli.options import json_option
from snnc.cli.terminal import Terminal


@click.command("doctor", short_help="Check this installation.")
@click.option(
    "--measure-costs",
    is_flag=True,
    help="Measure again what the event engine's kernels cost on this machine (2 s).",
)
@json_option
def command(as_json: bool, measure_costs: bool) -> None:
    """Show versions, whether Lava is ready, and a self-test of the engines.

    The event engine takes the cheaper of its kernels by what they cost on this machine, which its
    first start measures; results do not depend on it. SNNC_COSTS=off keeps the constants that
    are shipped, SNNC_COSTS=stored measures nothing.

    \b
    Example:
      snnc doctor
      snnc doctor --measure-costs
    """
    from snnc.runtime.doctor import doctor

    terminal = Terminal(as_json=as_json)
    with terminal.work():
        result = doctor(measure_costs=measure_costs)

    def render() -> list[Any]:
        from snnc.runtime.tables import key_values, table

        json = result.to_json()
        versions = [
            (name, version or "not installed") for name, version in json["versions"].items()
        ]
        tests = [
            (row["name"], "ok" if row["ok"] else "FAILED", row["detail"])
            for row in json["self_tests"]
        ]
        return [
            table(("package", "version"), versions),
            table(("self-test", "result", "detail"), tests),
            key_values(
                {
                    "lava": json["lava"]["note"],
                    "kernel costs": _costs(json["costs"]),
                    "verdict": "ok" if json["ok"] else "FAILED",
                }
            ),
        ]

    terminal.show(result, render)
    if not result.ok:
        sys.exit(EXIT_FAILED)


def _costs(found: dict[str, Any]) -> str:
    measured = f", {found['measured']}" if found["measured"] else ""
    return f"{found['source']}{measured}: {found['note']}"
