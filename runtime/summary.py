"""How large a model is and what it is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snnc.ir.arrays import bits
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product
from snnc.ir.schedule import levels


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Sizes of a converted model; the keys that `convert` and `inspect` share.

    Attributes:
        n_populations: populations and products.
        n_projections: projections that carry events.
        n_neurons: neurons of populations and products.
        n_synapses: existing synapses; padding has none, stored zero weights count.
        levels: D by node that emits counts.
        weight_bits: width that `convert` was asked for.
        host_ops: operator types by host operator.
        host_mac_share: the host's part of the multiply-accumulates of one frame.
    """

    n_populations: int
    n_projections: int
    n_neurons: int
    n_synapses: int
    levels: dict[str, int]
    weight_bits: int | None
    host_ops: dict[str, list[str]]
    host_mac_share: float

    def to_json(self) -> dict[str, Any]:
        """Attributes by name."""
        return asdict(self)


def summarise(file: SnncFile) -> Summary:
    """Sizes of the integer form."""
    graph = file.integer_graph
    events = [p for p in graph.projections.values() if graph.is_event(p)]
    neurons = [*graph.populations, *graph.products]
    host = host_macs(graph)
    total = host + chip_macs(graph)
    return Summary(
        n_populations=len(neurons),
        n_projections=len(events),
        n_neurons=sum(node.size for node in neurons),
        n_synapses=sum(p.map.n_synapses for p in events),
        levels={n: levels(graph, n) for n in graph.nodes if _emits_counts(graph, n)},
        weight_bits=file.manifest.get("weight_bits"),
        host_ops={n.name: list(n.operators) for n in graph.host_ops},
        host_mac_share=host / total if total else 0.0,
    )


def host_regions(graph: Graph) -> list[dict[str, Any]]:
    """What ONNX Runtime computes at one go, for `snnc inspect` and reports."""
    regions: dict[str, list[HostOp]] = {}
    for node in graph.host_ops:
        regions.setdefault(node.onnx, []).append(node)
    return [
        {
            "region": name,
            "operators": list(nodes[0].operators),
            "n_macs": sum(node.n_macs for node in nodes),
            "reads": sorted({p.source for p in graph.incoming(nodes[0].name)}),
            "gives": {node.name: node.result for node in nodes},
        }
        for name, nodes in regions.items()
    ]


def host_macs(graph: Graph) -> int:
    """Multiply-accumulates of one sample and frame on the host."""
    return sum(node.n_macs for node in graph.host_ops)


def chip_macs(graph: Graph) -> int:
    """Multiply-accumulates of one frame that the events replace."""
    linear = sum(p.map.n_synapses for p in graph.projections.values() if graph.is_event(p))
    return linear + sum(node.pairs() for node in graph.products)


def describe(graph: Graph) -> dict[str, list[dict[str, Any]]]:
    """Every node and projection, for `snnc inspect`."""
    return {
        "nodes": [_node(graph, node) for node in graph.nodes.values()],
        "projections": [_projection(p) for p in graph.projections.values()],
        "host_regions": host_regions(graph),
    }


def _emits_counts(graph: Graph, name: str) -> bool:
    node = graph.nodes[name]
    if isinstance(node, Output) or (isinstance(node, Input) and not node.grid):
        return False
    return graph.emits(name) == "count"


def _node(graph: Graph, node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "kind": node.model.kind if isinstance(node, Population) else node.kind,
        "shape": list(node.shape),
        "module_path": node.module_path,
        "range": _range(node),
        "emits": None if isinstance(node, Output) else graph.emits(node.name),
    }


def _range(node: Node) -> str | None:
    bounds: Any = node.model if isinstance(node, Population) else node
    if isinstance(node, Product | Output) or not hasattr(bounds, "lo"):
        return None
    if isinstance(node, Input) and not node.grid:
        return "analog"
    if isinstance(node, HostOp) and node.result == "value":
        return None
    return f"{bounds.lo}..{bounds.hi}"


def _projection(p: Projection) -> dict[str, Any]:
    weight = p.map.weight
    empty = weight.size == 0 or weight.dtype.kind == "f"
    return {
        "name": p.name,
        "source": p.source,
        "target": p.target,
        "port": p.port,
        "map": p.map.kind,
        "shape": [list(p.map.in_shape), list(p.map.out_shape)],
        "n_synapses": p.map.n_synapses,
        "bits": None if empty else bits(int(np.min(weight)), int(np.max(weight))),
        "exponent": p.exponent,
        "delay": p.delay,
        "frames": p.frames,
    }
