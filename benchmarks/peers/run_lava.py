"""The network in Lava's CPU simulation: the processes of snnc's Lava bundle, bit for bit Loihi's.

Lava has no batches: a run is a stream of samples. The first result is of samples one after the
other (schedule `sequential`), the second of a stream in which a new frame enters as soon as the
first layer is free (`pipelined`). Building the network takes seconds and is outside of the clock:
milliseconds are the difference of a long and a short run.
"""

from __future__ import annotations

import numpy as np
from common import Timed, parser, show, streamed

from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings, ScheduleKind
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import load
from snnc.runtime.outputs import OutputReader

MOST_SYNAPSES = 20_000_000
"""More take minutes to build and to send, as sparse matrices of 12 bytes an entry."""


def measured(schedule: ScheduleKind) -> Timed:
    """A stream as long as the seconds allow."""
    settings = RunSettings(code="graded", schedule=schedule)
    session = get_engine("lava").prepare(graph, settings, n_frames=feeder.n_frames(x[:1]))

    def run(part: np.ndarray) -> np.ndarray:
        result = session.run(feeder.feeds(part), record=reader.record)
        return reader.read(result)[name].real

    return streamed(run, x, 1, a.seconds)


a = parser().parse_args()
model = load(a.folder / "model.snnc")
graph = model.integer_graph
synapses = sum(p.map.n_synapses for p in graph.projections.values())
if synapses > MOST_SYNAPSES:
    raise SystemExit(
        f"{synapses / 1e6:,.0f} M synapses: as sparse matrices they take Lava minutes to start"
    )
with np.load(a.folder / "samples.npz") as archive:
    x = archive["x"]
feeder, reader = Feeder(model.file), OutputReader(graph)
name = graph.outputs[0].name
for schedule in ("sequential", "pipelined")[: len(a.batches)]:
    show(measured(schedule), schedule=schedule)  # type: ignore[arg-type]
