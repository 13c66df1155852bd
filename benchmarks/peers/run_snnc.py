"""The network in snnc: one engine, from images to logits with every counter on.

With `--trace` the clock covers the traces alone (every event of every sample is kept, one sample
after the other); predictions come from an ordinary run beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import load
from snnc.runtime.outputs import OutputReader, predictions

parser = argparse.ArgumentParser()
parser.add_argument("--model", type=Path, required=True)
parser.add_argument("--data", type=Path, required=True)
parser.add_argument("--engine", required=True)
parser.add_argument("--code", default="burst")
parser.add_argument("--batch", type=int, default=100)
parser.add_argument("--limit", type=int, default=1000)
parser.add_argument("--trace", action="store_true")
a = parser.parse_args()

model = load(a.model)
graph = model.integer_graph
with np.load(a.data) as archive:
    x, y = archive["x"][: a.limit], archive["y"][: a.limit]
x = x.reshape(-1, *graph.inputs[0].shape)
feeder, reader = Feeder(model.file), OutputReader(graph)
start = time.perf_counter()
session = get_engine(a.engine).prepare(graph, RunSettings(code=a.code))
session.run(feeder.feeds(x[: a.batch]), record=reader.record)
if a.trace:
    session.trace(feeder.feeds(x[:1]))
compile_seconds = time.perf_counter() - start

start, results, events = time.perf_counter(), [], 0
for at in range(0, len(x), a.batch):
    feeds = feeder.feeds(x[at : at + a.batch])
    if a.trace:
        for i in range(len(x[at : at + a.batch])):
            trace = session.trace({name: feed[i : i + 1] for name, feed in feeds.items()})
            events += len(trace.tick)
    else:
        results.append(session.run(feeds, record=reader.record))
seconds = time.perf_counter() - start

if a.trace:
    results = [session.run(feeder.feeds(x), record=reader.record)]
found = np.concatenate([predictions(reader.read(r)[graph.outputs[0].name].scores) for r in results])
spikes = sum(c.unit_spike_operations for r in results for c in r.counters.values())
mean_count = {
    node.name: sum(r.node_counters[node.name].spikes for r in results) / len(x) / node.size
    for node in (*graph.sources, *graph.populations)
    if graph.emits(node.name) == "count"
}
print(
    json.dumps(
        {
            "seconds": seconds,
            "compile_seconds": compile_seconds,
            "accuracy": float((found == y).mean()),
            "predictions": found.tolist(),
            "batch": a.batch,
            "events_traced": events / len(x) if a.trace else None,
            "unit_spike_operations": spikes / len(x),
            "mean_count": mean_count,
        }
    )
)
