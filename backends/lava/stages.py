"""The text of `stages.py`: networks and host operators of a bundle in the order they run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.lava.blueprint import Blueprint, HostCall
from snnc.backends.lava.text import broken, comment_text, identifiers, quoted, table
from snnc.ir.arrays import Array, along
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, Node, Pattern, Population, Product

ARRAYS = "host.npz"
"""Steps by channel and orders of neurons, where there are any."""


def stages_text(blueprint: Blueprint, arrays: dict[str, Array]) -> str:
    """Python source of the whole order; fills `arrays` with what it reads from host.npz."""
    body: list[str] = []
    modules = iter(blueprint.modules())
    files = onnx_files(blueprint)
    for step in blueprint.steps:
        if isinstance(step, HostCall):
            body += _host(blueprint.graph, step, files[step.member], arrays)
        else:
            body.append(f"    Chip({quoted(next(modules))}),")
    loaded = [f'w = np.load(Path(__file__).parent / "{ARRAYS}")', ""] if arrays else []
    path = ["from pathlib import Path", "", "import numpy as np", ""] if arrays else []
    names = ["Chip", "Give", "Host", "Read"] if blueprint.plans else ["Give", "Host", "Read"]
    return "\n".join(
        [
            f'"""`{comment_text(blueprint.graph.name)}`: the chip and the host in turns.',
            "",
            "`Chip` names a module that Lava runs; `Host` a subgraph that ONNX Runtime computes,",
            "once for each frame of each sample. Read and Give say what real numbers its integers",
            "stand for: see host.py.",
            '"""',
            "",
            *path,
            f"from host import {', '.join(names)}",
            "",
            *loaded,
            *table("INPUTS", _inputs(blueprint.graph), "counts: shape, lowest and highest count"),
            "",
            *table("DATA", _data(blueprint.graph), "what the host reads as it is: shape and type"),
            "",
            *table("START", _starts(blueprint), "tick of a first frame, if the host took no time"),
            f"PERIOD = {blueprint.schedule.period}  # ticks from one frame to the next, likewise",
            "",
            "STAGES = (",
            *body,
            ")",
            "",
        ]
    )


def onnx_files(blueprint: Blueprint) -> dict[str, str]:
    """Files of the subgraphs in the bundle, by member of the `.snnc` file."""
    calls = blueprint.host_calls
    names = identifiers((call.nodes[0].name for call in calls), ())
    return {call.member: f"host/{names[call.nodes[0].name]}.onnx" for call in calls}


def operators(call: HostCall) -> str:
    """Types of the operators in a subgraph, for people."""
    found = dict.fromkeys(op for node in call.nodes for op in node.operators)
    return ", ".join(found) or "a subgraph"


def read_by(graph: Graph, call: HostCall) -> list[Projection]:
    """What arrives at a subgraph."""
    return graph.incoming(call.nodes[0].name)


def _host(graph: Graph, call: HostCall, file: str, arrays: dict[str, Array]) -> list[str]:
    ports: dict[str, list[str]] = {}
    for p in read_by(graph, call):
        ports.setdefault(p.port, []).append(_read(graph, p, arrays))
    reads: list[str] = []
    for port, texts in ports.items():
        reads += [f"            {quoted(port)}: ["]
        reads += [line for text in texts for line in broken(f"{text},", " " * 16)]
        reads += ["            ],"]
    gives = [line for node in call.nodes for line in broken(f"{_give(node, arrays)},", " " * 12)]
    return [
        "    Host(",
        f"        onnx={quoted(file)},",
        f"        operators={quoted(operators(call))},",
        "        reads={",
        *reads,
        "        },",
        "        gives=(",
        *gives,
        "        ),",
        "    ),",
    ]


def _read(graph: Graph, p: Projection, arrays: dict[str, Array]) -> str:
    node = graph.nodes[p.source]
    arguments = [quoted(p.source)]
    if isinstance(node, Input) and node.grid and np.dtype(node.dtype).kind in "bui":
        arguments.append(f"dtype={quoted(node.dtype)}")
        if node.zero_point:
            arguments.append(f"zero_point={node.zero_point}")
    elif not _is_real(node):
        arguments.append(f"step={_step(node, arrays)}")
    if p.gather is not None:
        key = f"{p.source} to {p.target}.{p.port}"
        arrays[key] = p.gather
        arguments.append(f"order=w[{quoted(key)}]")
    return f"Read({', '.join(arguments)})"


def _give(node: HostOp, arrays: dict[str, Array]) -> str:
    arguments = [quoted(node.name), f"shape={node.shape!r}", f"kind={quoted(node.result)}"]
    if node.source_tensor:
        arguments.append(f"tensor={quoted(node.source_tensor)}")
    if node.result != "real":
        arguments.append(f"step={_step(node, arrays)}")
        arguments += [f"lowest={node.lo}", f"highest={node.hi}"]
    return f"Give({', '.join(arguments)})"


def _is_real(node: Node) -> bool:
    """Is it known by real values, not by integers?"""
    if isinstance(node, HostOp):
        return node.result == "real"
    return isinstance(node, Input) and not node.grid


def _step(node: Node, arrays: dict[str, Array]) -> str:
    """One number, or an array that broadcasts to the shape."""
    assert isinstance(node, Input | HostOp | Population | Product)
    step = np.asarray(node.step, dtype=np.float64)
    if step.ndim == 0:
        return repr(float(step))
    axis = node.channel_axis if isinstance(node, HostOp | Population) else 0
    key = f"{node.name}.step"
    arrays[key] = along(step, len(node.shape), axis)
    return f"w[{quoted(key)}]"


def _inputs(graph: Graph) -> Mapping[str, str]:
    return {n.name: f"({n.shape}, {n.lo}, {n.hi})" for n in fed(graph) if n.grid}


def _data(graph: Graph) -> Mapping[str, str]:
    return {n.name: f"({n.shape}, {quoted(n.dtype)})" for n in fed(graph) if not n.grid}


def fed(graph: Graph) -> list[Input]:
    """Inputs that data is for, and that something reads."""
    return [n for n in graph.inputs if not isinstance(n, Pattern) and graph.outgoing(n.name)]


def _starts(blueprint: Blueprint) -> Mapping[str, str]:
    return {name: repr(tick) for name, tick in blueprint.schedule.start.items()}
