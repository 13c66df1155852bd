"""Time of every pass of the converter and of the engines' preparation, against size.

Two networks of many small layers (4 channels of 4 x 4), so that what is measured is work on the
graph and not on weights: a residual one, and a chain without a stream for the passes that a chip
asks for. (Of a residual stream, direct projections are quadratic in number by what they are: every
reader gets a projection from every branch before it.) Each size is a process of its own, in which a
small network went before: CPU seconds without imports and compilation.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .common import ROOT, Part, Setting, alone, exponent, table

NODES_OF_A_BLOCK = 9
"""Of the ONNX: 2 x (Clip, Round, Mul), 2 convolutions, an addition."""
FROM = 1000
"""Nodes from which exponents are fitted: below, constant parts count."""


class Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        start = time.process_time()
        yield
        self.seconds[name] = time.process_time() - start


def convert(path: Path, clock: Clock) -> Any:
    """A file's integer graph, by way of a `.snnc` file."""
    from snnc.converter.integer import integer_form
    from snnc.converter.lower import lower
    from snnc.converter.sources import SourceOptions, load_source
    from snnc.ir import file as snnc_file
    from snnc.ir.passes import AssociateProducts, PruneUnread

    with clock.stage("load and normalise"):
        source = load_source(str(path), SourceOptions(input_range=(0.0, 4.0), input_bits=8))
    with clock.stage("lower"):
        lowered = lower(source)
    with clock.stage("associate-products"):
        graph = AssociateProducts()(lowered.graph)
    with clock.stage("prune-unread"):
        graph = PruneUnread()(graph)
    with clock.stage("integer form"):
        graph = integer_form(graph).graph
    with clock.stage("write"):
        content = snnc_file.SnncFile(
            float_graph=lowered.graph, integer_graph=graph, onnx=dict(lowered.onnx)
        )
        snnc_file.save(path.with_suffix(".snnc"), content)
    with clock.stage("read"):
        return snnc_file.load(path.with_suffix(".snnc")).integer_graph


def analyse(graph: Any, clock: Clock) -> None:
    """What is asked of every graph before it runs."""
    from snnc.ir.codes import RunSettings
    from snnc.ir.ranges import analyse
    from snnc.ir.schedule import make_schedule

    with clock.stage("validate"):
        graph.validate()
    with clock.stage("schedule"):
        make_schedule(graph, RunSettings())
    with clock.stage("bounds"):
        analyse(graph, RunSettings(), 1)


def engines(graph: Any, clock: Clock) -> None:
    """Both engines, up to the end of a first sample."""
    from snnc.backends.dense.program import compile_graph
    from snnc.backends.registry import get_engine
    from snnc.ir.codes import RunSettings

    settings = RunSettings(code="burst")
    feed = {n.name: np.zeros((1, 1, *n.shape), dtype=np.int64) for n in graph.sources}
    with clock.stage("event: prepare"):
        session = get_engine("event").prepare(graph, settings)
    with clock.stage("event: first sample"):
        session.run(feed, record=())
    with clock.stage("dense: compile"):
        compile_graph(graph, settings, 1)
    with clock.stage("dense: prepare and first sample"):
        get_engine("dense").prepare(graph, settings).run(feed, record=())


def for_chips(n_nodes: int, clock: Clock) -> None:
    """Every pass that a chip may ask for, on the chain."""
    from tests.converter.chain import chain, chip_passes

    graph = chain(max(2, n_nodes // 2))
    for each in chip_passes():
        with clock.stage(each.kind):
            graph = each(graph)


def measure(path: Path, n_nodes: int) -> dict[str, Any]:
    """CPU seconds of every stage at one size."""
    clock = Clock()
    graph = convert(path, clock)
    analyse(graph, clock)
    engines(graph, clock)
    for_chips(n_nodes, clock)
    return {"graph_nodes": len(graph.nodes), "seconds": clock.seconds}


def write_onnx(n_nodes: int, path: Path) -> int:
    """Write the ONNX of a residual network; returns its number of nodes."""
    import onnx

    from tests.converter.residual import residual_onnx

    model = residual_onnx(max(1, n_nodes // NODES_OF_A_BLOCK))
    onnx.save(model, path)
    return len(model.graph.node)


def one(n_nodes: int) -> dict[str, Any]:
    """One size, in a process of its own."""
    return alone("graph", str(n_nodes))


def all_sizes(setting: Setting) -> dict[str, Any]:
    """Every size, and the exponents."""
    rows = []
    for n_nodes in setting.nodes:
        rows.append(one(n_nodes))
        print(f"{rows[-1]['nodes']:,} nodes: {sum(rows[-1]['seconds'].values()):.1f} s", flush=True)
    large = [row for row in rows if row["nodes"] >= FROM]
    found: dict[str, Any] = {"rows": rows, "exponents": {}}
    if len(large) > 1:
        nodes = [row["nodes"] for row in large]
        found["exponents"] = {
            stage: exponent(nodes, [max(row["seconds"][stage], 1e-6) for row in large])
            for stage in rows[0]["seconds"]
        }
    return found


def page(found: dict[str, Any]) -> str:
    """Seconds by stage and size."""
    rows = found["rows"]
    head = ["stage", *(f"{row['nodes']:,} nodes" for row in rows), "exponent"]
    cells = [
        [stage, *(f"{row['seconds'][stage]:.3f}" for row in rows), exponent_of(found, stage)]
        for stage in rows[0]["seconds"]
    ]
    nodes = ", ".join(f"{row['graph_nodes']:,}" for row in rows)
    return (
        "CPU seconds of one thread. Nodes are those of the ONNX (layers of 4 channels of 4 × 4 in "
        f"a residual network); the event graphs have {nodes}. The passes of chips run on an event "
        "graph that has itself as many nodes as the column says. The exponent is fitted from "
        f"{FROM:,} nodes on: 1 is linear, 2 quadratic.\n\n" + table(head, cells)
    )


def exponent_of(found: dict[str, Any], stage: str) -> str:
    """Or nothing, where it takes no time at all."""
    known = found["exponents"].get(stage)
    small = found["rows"][-1]["seconds"][stage] < 0.02
    return "" if known is None or small else f"{known:.2f}"


def plot(figure: Any, found: dict[str, Any]) -> None:
    """Seconds against nodes, both logarithmic: the converter, chips' passes, the engines."""
    rows = found["rows"]
    nodes = [row["nodes"] for row in rows]
    stages = list(rows[0]["seconds"])
    first = stages.index("event: prepare")
    last = stages.index("direct-projections")
    groups = {
        "Converter": stages[:first],
        "Engines": stages[first:last],
        "Passes for chips": stages[last:],
    }
    for axes, (title, group) in zip(
        figure.subplots(1, len(groups), sharey=True), groups.items(), strict=True
    ):
        for stage in group:
            seconds = [max(row["seconds"][stage], 1e-4) for row in rows]
            label = f"{stage} {exponent_of(found, stage)}".strip()
            axes.loglog(nodes, seconds, marker="o", markersize=3, label=label)
        guide = np.array([nodes[0], nodes[-1]], dtype=float)
        axes.loglog(guide, guide * 1e-3, color="grey", linestyle=":", label="linear")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("nodes")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    figure.axes[0].set_ylabel("CPU seconds")


PART = Part(title="Time against the size of the graph", measure=all_sizes, page=page, plot=plot)


def main() -> None:
    """Measure one size in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("nodes", type=int)
    n_nodes = parser.parse_args().nodes
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        for size in (NODES_OF_A_BLOCK, n_nodes):  # the first loads and compiles everything
            path = Path(folder) / f"{size}.onnx"
            nodes = write_onnx(size, path)
            found = {"nodes": nodes, **measure(path, size)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
