"""Graphs as JSON and named arrays, driven by the registries: no list of kinds here.

Arrays are narrowed to the smallest dtype that holds them exactly; the classes widen them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DamagedFile, SnncError
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import MAPS, LinearMap
from snnc.ir.neurons import NEURONS, NeuronModel
from snnc.ir.nodes import NODES, Node
from snnc.ir.registry import Registry
from snnc.ir.rules import FireRule, RuleOp

Json: TypeAlias = Any
Arrays: TypeAlias = dict[str, Array]

_REGISTERED: dict[str, tuple[type, Registry[Any]]] = {
    "map": (LinearMap, MAPS),
    "neuron": (NeuronModel, NEURONS),
    "node": (Node, NODES),
}
_PLAIN: dict[str, type] = {"projection": Projection, "rule": FireRule, "rule-op": RuleOp}


def graph_to_json(graph: Graph, arrays: Arrays, prefix: str) -> Json:
    """Describe a graph; arrays go into `arrays` under names that begin with `prefix`."""

    def store(array: Array, path: str) -> Json:
        arrays[f"{prefix}/{path}"] = narrow(array)
        return {"$array": f"{prefix}/{path}"}

    return {
        "name": graph.name,
        "form": graph.form,
        "metadata": dict(graph.metadata),
        "nodes": [_encode(n, f"nodes/{n.name}", store) for n in graph.nodes.values()],
        "projections": [
            _encode(p, f"projections/{p.name}", store) for p in graph.projections.values()
        ],
    }


def graph_from_json(value: Json, arrays: Mapping[str, Array]) -> Graph:
    """Read what `graph_to_json` wrote.

    Raises:
        DamagedFile: anything that does not describe a valid graph.
    """
    try:
        graph = Graph(
            [_decode(n, arrays) for n in value["nodes"]],
            [_decode(p, arrays) for p in value["projections"]],
            form=value["form"],
            name=value["name"],
            metadata=value["metadata"],
        )
        return graph.validate()
    except DamagedFile:
        raise
    except (SnncError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DamagedFile(f"graph.json does not describe a graph: {error}") from error


def content_hash(graph: Graph) -> str:
    """sha256 over the canonical description and the arrays."""
    arrays: Arrays = {}
    text = json.dumps(graph_to_json(graph, arrays, "graph"), sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def narrow(array: Array) -> Array:
    """The same numbers in the smallest dtype that holds them exactly."""
    if array.dtype.kind in "iu" and array.size:
        for dtype in (np.int8, np.int16, np.int32):
            info = np.iinfo(dtype)
            if info.min <= array.min() and array.max() <= info.max:
                return array.astype(dtype)
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            small = array.astype(np.float32)
        if np.array_equal(small.astype(np.float64), array):
            return small
    return array


def _encode(value: Any, path: str, store: Callable[[Array, str], Json]) -> Json:
    if isinstance(value, np.ndarray):
        return store(value, path)
    if isinstance(value, tuple):
        return [_encode(v, f"{path}/{i}", store) for i, v in enumerate(value)]
    group = _group_of(value)
    if group is None:
        return value
    body = {
        f.name: _encode(getattr(value, f.name), f"{path}/{f.name}", store) for f in fields(value)
    }
    return {"$is": f"{group}:{getattr(value, 'kind', '')}", **body}


def _group_of(value: Any) -> str | None:
    for group, (base, _) in _REGISTERED.items():
        if isinstance(value, base):
            return group
    for group, cls in _PLAIN.items():
        if isinstance(value, cls):
            return group
    return None


def _decode(value: Json, arrays: Mapping[str, Array]) -> Any:
    if isinstance(value, list):
        return tuple(_decode(v, arrays) for v in value)
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        if value["$array"] not in arrays:
            raise DamagedFile(f"array `{value['$array']}` is missing")
        return arrays[value["$array"]]
    cls = _class_of(value["$is"])
    known = {f.name for f in fields(cls)}
    body = {key: v for key, v in value.items() if key != "$is"}
    if unknown := set(body) - known:
        raise DamagedFile(f"unknown field `{min(unknown)}` in a {value['$is']}")
    return cls(**{key: _decode(v, arrays) for key, v in body.items()})


def _class_of(tag: str) -> type[Any]:
    group, _, kind = tag.partition(":")
    if group in _REGISTERED:
        _, registry = _REGISTERED[group]
        return registry.find(kind, DamagedFile)
    if group in _PLAIN:
        return _PLAIN[group]
    raise DamagedFile(f"unknown thing `{tag}` in graph.json")
