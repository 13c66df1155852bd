"""Where a float network gets integer activations: its own activations, found in the ONNX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.converter.sources.model import SourceModel
from snnc.ir.arrays import Array, Shape

_ROUNDING = frozenset({"Round", "Floor", "Ceil", "QuantizeLinear", "Greater", "GreaterOrEqual"})
_ELEMENTWISE = frozenset(
    {"Add", "Sub", "Mul", "Div", "Clip", "Min", "Max", "Relu", "LeakyRelu", "PRelu", "Cast"}
)
_BY_LAST_AXIS = frozenset({"Gemm", "MatMul"})
_BY_SECOND_AXIS = frozenset({"Conv", "ConvTranspose", "BatchNormalization"})
_NO_INTEGER_FORM = frozenset(
    {"Celu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Mish", "Selu", "Sigmoid", "Softplus"}
    | {"Softsign", "Swish", "Tanh", "Erf"}
)


@dataclass(frozen=True, kw_only=True)
class Site:
    """A float activation that becomes an integer one.

    Attributes:
        node: name of its ONNX node.
        tensor: what it computes.
        operator: its ONNX operator.
        module_path: in the user's names, `#2` behind the second activation of a module.
        shape: of one sample's value.
        axis: channel axis within `shape`.
        replaced: the clip of the counts at 0 does the same as the activation, which goes; else
            the integer activation stands behind it.
        is_output: the model gives the value out, so that all channels need one step.
    """

    node: str
    tensor: str
    operator: str
    module_path: str
    shape: Shape
    axis: int
    replaced: bool
    is_output: bool


def find_sites(source: SourceModel) -> tuple[Site, ...]:
    """The activations of a source that are not integer yet, in the order of its nodes.

    ReLU, ReLU6 and other clips, leaky ReLU, and a table of vectors that is looked up by the
    input (an embedding), whose vectors are what travels.
    """
    view = SourceView(source.onnx, source)
    readers = view.consumers()
    seen: Counter[str] = Counter()
    sites = []
    for node in view.nodes:
        if _is_activation(view, node) and not _is_integer(view, readers, node):
            path = node.module_path or node.name
            seen[path] += 1
            number = f"#{seen[path]}" if seen[path] > 1 else ""
            sites.append(_site(view, node, path + number))
    return tuple(sites)


def without_integer_form(source: SourceModel) -> tuple[str, ...]:
    """Module path and operator of each activation that stays as it is."""
    view = SourceView(source.onnx, source)
    return tuple(node.where for node in view.nodes if node.op_type in _NO_INTEGER_FORM)


def _site(view: SourceView, node: SourceNode, module_path: str) -> Site:
    tensor = node.outputs[0]
    shape = view.shape(tensor)[1:]
    return Site(
        node=node.name,
        tensor=tensor,
        operator=node.op_type,
        module_path=module_path,
        shape=shape,
        axis=_channel_axis(view, node, len(shape)),
        replaced=_ends_at_zero(view, node),
        is_output=tensor in view.source.outputs,
    )


def _is_activation(view: SourceView, node: SourceNode) -> bool:
    read = [name for name in node.inputs if name]
    if node.op_type == "Gather":
        table = view.constants.get(read[0])
        return table is not None and table.dtype.kind == "f" and read[1] not in view.constants
    if node.op_type not in ("Relu", "LeakyRelu", "PRelu", "Clip", "Max"):
        return False
    bounds = [view.constants.get(name) for name in read[1:]]
    if read[0] in view.constants or any(b is None for b in bounds):
        return False
    if node.op_type == "Max":
        return len(bounds) == 1 and not np.any(bounds[0])
    return node.op_type != "Clip" or bool(bounds)


def _ends_at_zero(view: SourceView, node: SourceNode) -> bool:
    """Does the activation clip at 0, and above only where a calibrated count does?"""
    if node.op_type == "Clip":
        lowest = view.constants.get(node.inputs[1])
        return lowest is not None and not np.any(lowest)
    return node.op_type in ("Relu", "Max")


def _is_integer(
    view: SourceView, readers: Mapping[str, list[SourceNode]], node: SourceNode
) -> bool:
    """Is it part of an integer activation already: a rounding among elementwise neighbours?"""
    return any(n.op_type in _ROUNDING for n in _before(view, node)) or any(
        n.op_type in _ROUNDING for n in _behind(view, readers, node)
    )


def _before(view: SourceView, node: SourceNode) -> Iterator[SourceNode]:
    maker = _only(_makers(view, node))
    while maker is not None:
        yield maker
        if maker.op_type not in _ELEMENTWISE:
            return
        maker = _only(_makers(view, maker))


def _behind(
    view: SourceView, readers: Mapping[str, list[SourceNode]], node: SourceNode
) -> Iterator[SourceNode]:
    reader = _only(readers.get(node.outputs[0], []))
    while reader is not None:
        yield reader
        if reader.op_type not in _ELEMENTWISE or len(_makers(view, reader)) != 1:
            return
        reader = _only(readers.get(reader.outputs[0], []))


def _makers(view: SourceView, node: SourceNode) -> list[SourceNode | None]:
    """What makes each value that is no constant; None for an input of the model."""
    read = [name for name in node.inputs if name and name not in view.constants]
    return [view.producer.get(name) for name in read]


def _only(nodes: list[SourceNode] | list[SourceNode | None]) -> SourceNode | None:
    return nodes[0] if len(nodes) == 1 else None


def _channel_axis(view: SourceView, node: SourceNode, n_axes: int) -> int:
    """The last axis behind a matrix product or a table, else the first."""
    if node.op_type == "Gather":
        return n_axes - 1
    at: SourceNode | None = node
    while at is not None and at.op_type not in _BY_SECOND_AXIS:
        if at.op_type in _BY_LAST_AXIS:
            return n_axes - 1
        at = next((maker for maker in _makers(view, at) if maker is not None), None)
    return 0


def along_axis(values: Array, site: Site) -> Array:
    """One value, or one per channel, ready to broadcast against samples (N, *shape)."""
    values = np.asarray(values)
    if values.ndim == 0:
        return values
    return values.reshape([-1 if axis == site.axis else 1 for axis in range(len(site.shape))])
