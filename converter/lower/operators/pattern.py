"""Constants that differ from frame to frame: neurons that spike by themselves."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.builder import neuron_shape
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.values import Value, wire_to
from snnc.converter.sources.spiking.operators import DOMAIN, PATTERN
from snnc.ir.nodes import Pattern


@lowers(f"{DOMAIN}::{PATTERN}", fate="event", why="a spike train that is the same in every sample")
def pattern(lowering: Lowering, node: SourceNode) -> Value:
    """Frame t of a constant of shape (T, *frame) of integers."""
    counts = lowering.constant(node, 0)
    assert counts is not None
    full = lowering.view.shape(node.outputs[0])
    shape = neuron_shape(full)
    source = Pattern(
        name=lowering.builder.unique(node.name),
        shape=shape,
        module_path=node.name,
        source_tensor=node.outputs[0],
        counts=np.rint(counts).astype(np.int64).reshape(len(counts), *shape),
    )
    lowering.builder.add(source, (source.lo, source.hi))
    return wire_to(source.name, full, tensor=node.outputs[0])
