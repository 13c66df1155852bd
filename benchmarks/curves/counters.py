"""What counting costs the dense engine: the same program with its counters and without them.

Every network of the benchmark, one sample at a time and in batches. Both sessions run the same
feeds in turns, so that whatever else the machine does meets both; what is compared is the time that
nine runs in ten need at least, and their outputs must be equal.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .common import Part, Setting, table

NETWORKS = ("mnist", "vgg", "resnet", "pilotnet", "recurrent")
SECONDS = 4.0
"""Of a network and batch size."""
FASTEST = 0.1
"""The quantile of the times that is compared: the slow ones were disturbed."""


def sessions(folder: Path) -> tuple[Any, Any, dict[str, np.ndarray], frozenset[str]]:
    """The dense engine with and without counters, feeds of all samples, and what is read."""
    import numba  # noqa: F401  (as in a long run: counting is compiled from the start)

    from snnc.backends.dense.engine import DenseEngine, DenseSession
    from snnc.ir.codes import RunSettings
    from snnc.runtime.feeds import Feeder
    from snnc.runtime.model import load
    from snnc.runtime.outputs import OutputReader

    model = load(folder / "model.snnc")
    graph, feeder = model.integer_graph, Feeder(model.file)
    with np.load(folder / "samples.npz") as archive:
        x = archive["x"]
    engine, settings, n_frames = DenseEngine(1), RunSettings("burst"), feeder.n_frames(x[:1])
    counting = engine.prepare(graph, settings, n_frames=n_frames)
    bare = replace(counting.program, tallies=(), products=())
    without = DenseSession(engine, graph, settings, n_frames, bare)
    return counting, without, feeder.feeds(x), OutputReader(graph).record


def in_turns(runs: list[Callable[[], Any]], seconds: float) -> list[float]:
    """Seconds of each, at its fastest tenth."""
    times: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 3:
        for run, found in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            found.append(time.perf_counter() - start)
    return [float(np.quantile(found, FASTEST)) for found in times]


def compared(folder: Path, batch: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of a sample with and without counters.

    Raises:
        SystemExit: counts differ, or nothing was counted.
    """
    counting, without, feeds, record = sessions(folder)
    some = {name: feed[:batch] for name, feed in feeds.items()}
    n = len(next(iter(some.values())))

    def of(session: Any) -> Callable[[], Any]:
        return lambda: session.run(some, record=record)

    one, other = of(counting)(), of(without)()
    if any((one.counts[name] != other.counts[name]).any() for name in record):
        raise SystemExit(f"{folder.name}: counting changes the counts")
    if not sum(c.synaptic_events for c in one.counters.values()):
        raise SystemExit(f"{folder.name}: nothing was counted")
    with_them, bare = in_turns([of(counting), of(without)], seconds)
    return {
        "batch": n,
        "ms": 1000 * with_them / n,
        "ms_without": 1000 * bare / n,
        "extra": with_them / bare - 1,
    }


def measure(setting: Setting) -> dict[str, Any]:
    """All networks."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))
    from nets import NETS  # of peers/
    from networks import Place, prepare

    seconds = 0.3 if setting.quick else SECONDS
    rows = []
    for net in NETWORKS[::4] if setting.quick else NETWORKS:
        with tempfile.TemporaryDirectory() as name:
            place = Place(net=net, folder=Path(name), peers=setting.peers, seconds=seconds)
            prepare(place, setting.data, None)
            for batch in (1, NETS[net].batch):
                rows.append({"net": net, **compared(place.folder, batch, seconds)})
                print(rows[-1], flush=True)
    return {"rows": rows}


def page(found: dict[str, Any]) -> str:
    """Milliseconds by network."""
    head = ["network", "samples at once", "ms a sample", "without counters", "extra"]
    cells = [
        [
            row["net"],
            row["batch"],
            f"{row['ms']:.3f}",
            f"{row['ms_without']:.3f}",
            f"{100 * row['extra']:.1f} %",
        ]
        for row in found["rows"]
    ]
    return (
        "The dense engine in burst, from feeds to counts, with all counters and without any; both "
        "in turns on the same feeds, the fastest tenth of the runs.\n\n" + table(head, cells)
    )


PART = Part(title="What counting costs the dense engine", measure=measure, page=page)
