"""A readable view of the normalised ONNX: nodes, attributes, shapes, uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snnc.converter.sources.model import SourceModel
from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import BadWeights, CannotLoad


@dataclass(frozen=True, eq=False)
class SourceNode:
    """One operator of the source.

    Attributes:
        proto: the ONNX node.
        module_path: in the user's names.
    """

    proto: onnx.NodeProto
    module_path: str

    @property
    def op_type(self) -> str:
        """Operator type, with its domain where it is not ONNX's own."""
        domain = self.proto.domain
        return (
            self.proto.op_type if domain in ("", "ai.onnx") else f"{domain}::{self.proto.op_type}"
        )

    @property
    def name(self) -> str:
        """Unique name of the node."""
        return str(self.proto.name)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tensor names, "" for a left-out optional input."""
        return tuple(self.proto.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Tensor names."""
        return tuple(self.proto.output)

    @property
    def where(self) -> str:
        """For messages: the user's name and the operator."""
        return f"{self.module_path or self.name} ({self.op_type})"

    @cached_property
    def _attributes(self) -> dict[str, Any]:
        return {a.name: helper.get_attribute_value(a) for a in self.proto.attribute}

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute's value; strings as `str`."""
        value = self._attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value


class SourceView:
    """Nodes in order, with shapes, constants and how often each tensor is used.

    Args:
        model: normalised ONNX.
        source: what else is known of it.

    Raises:
        BadWeights: a constant holds NaN or infinity where it cannot be meant.
    """

    def __init__(self, model: onnx.ModelProto, source: SourceModel) -> None:
        self.model = model
        self.source = source
        self.constants = _constants(model)
        self.nodes = [SourceNode(n, source.module_path(n.name)) for n in model.graph.node]
        self.producer = {out: node for node in self.nodes for out in node.outputs if out}
        self.uses = Counter(name for node in self.nodes for name in node.inputs if name)
        self.uses.update(source.outputs)
        self._count_comparisons_once()
        self._types = _types(model)

    def _count_comparisons_once(self) -> None:
        """Comparisons of a tensor with thresholds join in one activation."""
        compared = Counter(n.inputs[0] for n in self.nodes if n.op_type == "GreaterOrEqual")
        for tensor, n_times in compared.items():
            self.uses[tensor] -= n_times - 1

    def consumers(self) -> Mapping[str, list[SourceNode]]:
        """The nodes that read each tensor."""
        readers: dict[str, list[SourceNode]] = {}
        for node in self.nodes:
            for name in node.inputs:
                readers.setdefault(name, []).append(node)
        return readers

    def behind(self, tensors: Iterable[str]) -> set[str]:
        """Every tensor that some tensors are computed from."""
        found: set[str] = set()
        todo = [self.producer[t] for t in tensors if t in self.producer]
        while todo:
            new = [name for name in todo.pop().inputs if name and name not in found]
            found.update(new)
            todo += [self.producer[name] for name in new if name in self.producer]
        return found

    def shape(self, tensor: str) -> Shape:
        """Static shape of a tensor, batch axis of 1 included.

        Raises:
            CannotLoad: the model does not tell it.
        """
        found = self.known_shape(tensor)
        if found is None:
            raise CannotLoad(f"the shape of tensor `{tensor}` is not known", where=self.source.name)
        return found

    def known_shape(self, tensor: str) -> Shape | None:
        """Static shape of a tensor; None where it depends on the data."""
        if tensor in self.constants:
            return self.constants[tensor].shape
        return self._types[tensor][0] if tensor in self._types else None

    def name_inner(self, name: str, *, like: str) -> None:
        """Name a real value inside of a quantised operator.

        Args:
            name: of the value.
            like: tensor of the same shape; who makes it makes the value.
        """
        self._types[name] = (self.shape(like), "float32")
        if like in self.producer:
            self.producer[name] = self.producer[like]

    def dtype(self, tensor: str) -> str:
        """Numpy name of a tensor's type; float32 where the model does not tell it."""
        return self._types[tensor][1] if tensor in self._types else "float32"


def _constants(model: onnx.ModelProto) -> dict[str, Array]:
    constants = {}
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f" and array.ndim > 0 and not np.isfinite(array).all():
            what = "NaN" if np.isnan(array).any() else "infinite"
            raise BadWeights(f"the weights hold {what} values", where=tensor.name)
        constants[tensor.name] = array
    return constants


def _types(model: onnx.ModelProto) -> dict[str, tuple[Shape, str]]:
    types = {}
    graph = model.graph
    for info in (*graph.input, *graph.value_info, *graph.output):
        tensor = info.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim]
        if not tensor.HasField("shape") or any(d < 0 for d in dims):
            continue
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type).name if tensor.elem_type else ""
        types[info.name] = (tuple(dims), dtype or "float32")
    return types
