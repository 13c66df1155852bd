"""The network's integer form in ONNX Runtime's 8-bit operators: the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
from common import arguments, show, timed_batches
from qlinear import Writer

from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.ir.nodes import Population
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import load

CALIBRATED = 32
"""Samples that set the scales of 8-bit sums."""

a = arguments()
model = load(a.folder / "model.snnc")
graph = model.integer_graph
with np.load(a.folder / "samples.npz") as archive:
    x = archive["x"]
feeder = Feeder(model.file)
known = get_engine("dense").prepare(graph, RunSettings()).run(feeder.feeds(x[:CALIBRATED]))
last = graph.nodes[graph.incoming(graph.outputs[0].name)[0].source]
assert isinstance(last, Population)
step = last.step
written = Writer(graph, {name: counts[:, 0] for name, counts in known.counts.items()}).write()
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(written.SerializeToString(), options)


def run(part: np.ndarray) -> tuple[np.ndarray, Any]:
    (counts,) = feeder.feeds(part).values()
    integers = session.run(None, {"counts": counts[:, 0].astype(np.uint8)})[0]
    return integers * step, None


for found in timed_batches(run, x, a):
    show(found)
