"""`snnc run`: a converted model on a data set."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from snnc.cli.options import (
    data_option,
    distributed_option,
    engine_option,
    force_option,
    jobs_option,
    json_option,
    limit_option,
    model_argument,
    on_bad_option,
    output_option,
    resume_option,
    setting_options,
    time_limit_option,
)
from snnc.cli.terminal import Terminal, say


@click.command("run", short_help="Run a converted model on data.")
@model_argument
@data_option
@engine_option
@setting_options()
@limit_option
@click.option("--counts", is_flag=True, help="Keep every population's counts in the output.")
@click.option(
    "--stream",
    type=click.Choice(["frames", "events"]),
    help="Answer window by window, a JSON line each; DATA is - (stdin), tcp://HOST:PORT or a file.",
)
@click.option(
    "--max-wait",
    "max_wait_ms",
    metavar="MS",
    type=click.FloatRange(0),
    help="Of --stream events: answer a window MS ms after its end at the latest, events or not.",
)
@on_bad_option
@jobs_option
@distributed_option
@output_option("OUT.npz", "Write outputs and predictions, kept shard by shard on the way.")
@resume_option
@time_limit_option
@force_option
@json_option
def command(
    model: Path, data: str, as_json: bool, stream: Any, max_wait_ms: Any, **options: Any
) -> None:
    """Run MODEL, a .snnc file or a bundle folder, on DATA.

    \b
    Example:
      snnc run model.snnc --data test.npz --engine dense -o out.npz
      snnc run model.snnc --data test.npz --engine dense -o out.npz --jobs 8 --resume
      camera | snnc run model.snnc --stream events --data -
    """
    from snnc.ir.errors import WrongUsage
    from snnc.runtime.run import run

    terminal = Terminal(as_json=as_json)
    if stream:
        _stream(terminal, model, data, stream, max_wait_ms, options)
        return
    if max_wait_ms is not None:
        raise WrongUsage("--max-wait is for --stream events")
    with terminal.work() as progress:
        result = run(model, data, progress=progress, **options)

    def render() -> list[Any]:
        from snnc.runtime.tables import key_values, number, table

        json = result.to_json()
        accuracy = json["accuracy"]
        shown = {
            "engine": f"{json['engine']}, {json['code']}, {json['schedule']}",
            "samples": json["n_samples"],
            **({"skipped": json["n_skipped"]} if json["n_skipped"] else {}),
            **({"done before": json["n_resumed"]} if json["n_resumed"] else {}),
            "accuracy": None if accuracy is None else f"{accuracy:.2%}",
            "seconds": number(json["seconds"]),
            "written": json["output"],
        }
        n, sums = json["n_samples"], json["sums"]
        rows = [
            (
                name.replace("_", " "),
                total,
                None if total is None else total / n,
                sums[name] / n if total is not None and name in sums else None,
            )
            for name, total in json["counters"].items()
        ]
        counters = table(("counter", "total", "per sample", "of it sums"), rows)
        return [key_values(shown), counters]

    terminal.show(result, render)


_STREAM_OPTIONS = ("engine", "code", "schedule", "rate_ticks", "rate_reset", "rate_pools")


def _stream(
    terminal: Terminal, model: Path, data: str, kind: Any, max_wait_ms: float | None, options: Any
) -> None:
    from snnc.ir.errors import WrongUsage
    from snnc.runtime.live import Ready, answers, check_source
    from snnc.runtime.model import load
    from snnc.runtime.stream import stream

    for name in ("output", "resume", "distributed", "counts", "time_limit", "force"):
        if options[name]:
            raise WrongUsage(f"--{name.replace('_', '-')} is not for a stream")
    if options["jobs"] != 1 or options["on_bad_sample"] != "stop":
        raise WrongUsage("--jobs and --on-bad-sample are not for a stream")
    start = time.perf_counter()
    with terminal.work():
        loaded = load(model)
        check_source(loaded.preparation, kind, data, max_wait_ms=max_wait_ms)
        opened = stream(loaded, **{name: options[name] for name in _STREAM_OPTIONS})
    ready = Ready(
        prepare_seconds=time.perf_counter() - start,
        frame_shape=opened.frame_shape,
        frame_dtype=opened.frame_dtype,
    )
    if terminal.as_json:
        click.echo(json.dumps(ready.to_json()))
    else:
        say(f"ready after {ready.prepare_seconds:.1f} s")
    with opened:
        for n, answer in enumerate(answers(opened, kind, data, max_wait_ms=max_wait_ms), start=1):
            click.echo(json.dumps(answer.to_json()))
            if n == options["limit"]:
                return
