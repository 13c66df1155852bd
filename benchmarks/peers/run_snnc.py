"""The network in snnc: one engine, from samples to outputs with every counter on.

With `--trace` the clock covers the traces alone: every event of every sample, handed on sample
after sample. A trace holds events, so no outputs are shown then.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from common import Timed, parser, show, timed_batches

from snnc.backends.rate.session import open_session
from snnc.backends.registry import get_engine
from snnc.ir.codes import Rate, RunSettings
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import load
from snnc.runtime.outputs import OutputReader

options = parser()
options.add_argument("--engine", required=True)
options.add_argument("--code", default="burst")
options.add_argument("--trace", action="store_true")
a = options.parse_args()

model = load(a.folder / "model.snnc")
graph = model.integer_graph
with np.load(a.folder / "samples.npz") as archive:
    x = archive["x"]
feeder, reader = Feeder(model.file), OutputReader(graph)
name = graph.outputs[0].name
start = time.perf_counter()
import numba  # noqa: E402, F401  (the dense engine counts compiled from the start, as in a long run)

rate = Rate(ticks=a.steps, pools="average") if a.code == "rate" else None
settings = RunSettings(code=a.code, rate=rate)
session = open_session(get_engine(a.engine), graph, settings, feeder.n_frames(x[:1]))
session.run(feeder.feeds(x[:1]), record=reader.record)
compile_seconds = time.perf_counter() - start


def run(part: np.ndarray) -> tuple[np.ndarray, Any]:
    result = session.run(feeder.feeds(part), record=reader.record)
    return reader.read(result)[name].real, result


def trace(part: np.ndarray) -> tuple[np.ndarray, int]:
    stretches = session.stretches(feeder.feeds(part))  # type: ignore[attr-defined]
    return np.zeros((len(part), 0)), sum(len(each.tick) for each in stretches)


def counted(found: Timed) -> dict[str, Any]:
    """Operations of a sample, and mean counts of the layers."""
    n, results = found.n_samples, found.results
    operations = sum(c.unit_spike_operations for r in results for c in r.counters.values())
    frames = feeder.n_frames(x[:1])
    return {
        "unit_spike_operations": operations / n,
        "mean_count": {
            node.name: sum(r.node_counters[node.name].spikes for r in results)
            / (n * frames * node.size)
            for node in (*graph.sources, *graph.populations)
            if graph.emits(node.name) == "count"
        },
    }


if a.trace:
    for traced in timed_batches(trace, x, a):
        events = sum(traced.results) / traced.n_samples
        show(traced, compile_seconds=compile_seconds, events_traced=events)
else:
    for found in timed_batches(run, x, a):
        show(found, compile_seconds=compile_seconds, **counted(found))
