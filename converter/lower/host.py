"""Where what the host computes from analog input meets events."""

from __future__ import annotations

from collections.abc import Collection

from snnc.converter.lower.source import SourceNode, SourceView

_CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
_LIGHT = frozenset(
    {
        "Abs",
        "Cast",
        "Div",
        "Expand",
        "Identity",
        "Mul",
        "Neg",
        "Pow",
        "ReduceMean",
        "ReduceSum",
    }
    | {"Reshape", "Squeeze", "Sub", "Transpose", "Unsqueeze"}
)
_ROUNDING = frozenset({"Round", "Floor", "Ceil", "QuantizeLinear", "Greater", "GreaterOrEqual"})


def boundaries(view: SourceView, analog: Collection[str]) -> frozenset[str]:
    """Tensors that the host computes and that meet events: where a residual stream begins.

    Args:
        view: the source.
        analog: names of inputs without a grid.
    """
    host, event = set(analog), {i.name for i in view.source.inputs} - set(analog)
    met: set[str] = set()
    for node in view.nodes:
        read = [name for name in node.inputs if name and name not in view.constants]
        of_host = [name for name in read if name in host]
        if any(name in event for name in read):
            met.update(of_host)
            event.update(node.outputs)
        elif of_host:
            (event if node.op_type in _ROUNDING else host).update(node.outputs)
    return frozenset(met)


def read_by_host_alone(view: SourceView, ruled: Collection[str]) -> dict[str, SourceNode]:
    """Elementwise and reducing operators that only the host reads, by name: they are its own.

    So that a norm which an exporter has written out (means, squares, a root) is one region, and
    no square of membranes travels between neurons and the host.

    Args:
        view: the source.
        ruled: operator types that have an event form.

    Returns:
        by node name: the first operator without event form that reads it.
    """
    varying = {i.name for i in view.source.inputs}
    for node in view.nodes:
        if any(name in varying for name in node.inputs):
            varying.update(node.outputs)
    readers = view.consumers()
    found: dict[str, SourceNode] = {}
    causes: dict[str, SourceNode] = {}
    for node in reversed(view.nodes):
        if not varying.intersection(node.outputs) or not runs_on_host(view, node):
            continue
        behind = [reader for out in node.outputs if out for reader in readers.get(out, [])]
        divides = node.op_type == "Div" and node.inputs[1] in varying
        if node.op_type not in ruled or divides:
            causes[node.name] = node
        elif (
            _is_light(view, node, varying)
            and behind
            and all(reader.name in causes for reader in behind)
            and not any(out in view.source.outputs for out in node.outputs)
        ):
            causes[node.name] = found[node.name] = causes[behind[0].name]
    # what only scales or moves the value that a node emits costs nothing: the host reads behind it
    own: dict[str, SourceNode] = {}
    for node in view.nodes:
        before = [view.producer[n].name for n in node.inputs if n in view.producer]
        if node.name in found and (_costs(node, varying) or any(n in own for n in before)):
            own[node.name] = found[node.name]
    return own


def _is_light(view: SourceView, node: SourceNode, varying: Collection[str]) -> bool:
    """No layer, no residual add, no bias of a layer: those have an event form worth having."""
    if node.op_type != "Add":
        return node.op_type in _LIGHT
    read = [name for name in node.inputs if name in varying]
    before = view.producer.get(read[0])
    return len(read) == 1 and before is not None and before.op_type in _LIGHT


def _costs(node: SourceNode, varying: Collection[str]) -> bool:
    """Would neurons have to sum, multiply or raise to a power?"""
    if node.op_type in ("Pow", "ReduceMean", "ReduceSum", "Abs"):
        return True
    return sum(name in varying for name in node.inputs) > 1


def runs_on_host(view: SourceView, node: SourceNode) -> bool:
    """Can ONNX Runtime compute an operator that has no event form?

    Not what neurons do, nor control flow, nor half precision (which its kernels emulate).
    """
    if node.op_type in _CONTROL_FLOW or node.proto.domain == "snnc":
        return False
    tensors = [name for name in (*node.inputs, *node.outputs) if name]
    return not any(view.dtype(name) in ("float16", "bfloat16") for name in tensors)
