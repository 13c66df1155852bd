"""The network in snnc: one engine, from samples to outputs with every counter on.

With `--trace` the clock covers the traces alone (every event of every fifth sample is kept, one
sample after the other); outputs come from an ordinary run beside it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from common import show
from nets import NETS

from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import load
from snnc.runtime.outputs import OutputReader

parser = argparse.ArgumentParser()
parser.add_argument("net", choices=NETS)
parser.add_argument("folder", type=Path)
parser.add_argument("--engine", required=True)
parser.add_argument("--code", default="burst")
parser.add_argument("--batch", type=int, default=100)
parser.add_argument("--trace", action="store_true")
a = parser.parse_args()

model = load(a.folder / "model.snnc")
graph = model.integer_graph
with np.load(a.folder / "samples.npz") as archive:
    x = archive["x"]
feeder, reader = Feeder(model.file), OutputReader(graph)
start = time.perf_counter()
session = get_engine(a.engine).prepare(graph, RunSettings(code=a.code))
session.run(feeder.feeds(x[: a.batch]), record=reader.record)
if a.trace:
    session.trace(feeder.feeds(x[:1]))
compile_seconds = time.perf_counter() - start

start, results, traced, events = time.perf_counter(), [], x[::5], 0
if a.trace:
    for i in range(len(traced)):
        events += len(session.trace(feeder.feeds(traced[i : i + 1])).tick)
    seconds = (time.perf_counter() - start) * len(x) / len(traced)
    results.append(session.run(feeder.feeds(x), record=reader.record))
else:
    for at in range(0, len(x), a.batch):
        results.append(session.run(feeder.feeds(x[at : at + a.batch]), record=reader.record))
    seconds = time.perf_counter() - start

name = graph.outputs[0].name
operations = sum(c.unit_spike_operations for r in results for c in r.counters.values())
mean_count = {
    node.name: sum(r.node_counters[node.name].spikes for r in results) / len(x) / node.size
    for node in (*graph.sources, *graph.populations)
    if graph.emits(node.name) == "count"
}
show(
    seconds,
    a.batch,
    np.concatenate([reader.read(r)[name].real for r in results]),
    compile_seconds=compile_seconds,
    events_traced=events / len(traced) if a.trace else None,
    unit_spike_operations=operations / len(x),
    mean_count=mean_count,
)
