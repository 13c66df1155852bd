"""What leaves a lowered source: its outputs, and what the host keeps for the next frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import repeats
from snnc.converter.lower.values import Affine, Host, Value, wire_to
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Output


def add_output(lowering: Lowering, tensor: str) -> None:
    """Add the node that reads an output of the source.

    Raises:
        UnsupportedOperator: it is an input, or has no batch axis of 1.
    """
    value = _settled(lowering, tensor)
    if isinstance(value, Host):
        if tensor not in lowering.view.producer:
            name = lowering.view.source.name
            raise UnsupportedOperator(f"output `{tensor}` is an input", where=name)
        host = lowering.add_real(tensor)
        _read(lowering, tensor, host.name, lowering.view.shape(tensor))
        return
    assert isinstance(value, Affine)
    if len(value.shape) > 1 and value.shape[0] != 1:
        raise UnsupportedOperator(
            f"output `{tensor}` of shape {value.shape} has no batch axis of 1 in front",
            where=lowering.name_of(tensor),
            hint="let the model's result have samples as its first axis",
        )
    if not _is_readable(lowering, value):
        value = _summed(lowering, replace(value, tensor=tensor))
    wire = value.wires[0]
    _read(lowering, tensor, wire.source, value.shape, wire.gather)


def keep_states(lowering: Lowering) -> None:
    """Let the host give what it takes again in the next frame.

    Raises:
        UnsupportedOperator: an input stands in a state's place.
    """
    for state in lowering.held.values():
        producer = lowering.view.producer.get(state.given)
        if producer is None:
            raise UnsupportedOperator(
                f"`{state.given}`, which replaces `{state.taken}`, is an input",
                where=lowering.view.source.name,
            )
        if not isinstance(_settled(lowering, state.given), Host):
            kept = f"the host keeps its result for `{state.taken}` of the next frame"
            lowering.send(producer, UnsupportedOperator(kept, where=producer.where))
        lowering.readers.append(lowering.add_real(state.given).name)


def _settled(lowering: Lowering, tensor: str) -> Value:
    try:
        return lowering.settle(lowering.values[tensor])
    except UnsupportedOperator as error:
        return lowering.send(lowering.view.producer[tensor], error)[0]


def _read(
    lowering: Lowering, tensor: str, node: str, shape: Shape, gather: IntArray | None = None
) -> None:
    """Add the `Output` of `tensor`, of a frame's `shape`, behind a node."""
    source, builder = lowering.view.source, lowering.builder
    shape = source.output_shape(tensor, shape)
    output = builder.add(
        Output(
            name=builder.unique("output" if tensor in builder.nodes else tensor),
            shape=shape,
            module_path=lowering.name_of(tensor),
            source_tensor=tensor,
            reduction=source.reduction(tensor),
        )
    )
    builder.connect(node, output.name, Identity(shape=shape), gather=gather)
    lowering.readers.append(output.name)


def _is_readable(lowering: Lowering, value: Affine) -> bool:
    """One node's neurons, each once, a count worth the same in every channel?"""
    if not value.is_plain or repeats(value.wires[0].gather):
        return False
    step = np.asarray(getattr(lowering.builder.nodes[value.wires[0].source], "step", 1.0))
    return bool((step == step.flat[0]).all())


def _summed(lowering: Lowering, value: Affine) -> Affine:
    name = lowering.name_of(value.tensor)
    node = lowering.builder.population(value, Accumulator(), name=name, tensor=value.tensor)
    return wire_to(node.name, value.shape, tensor=value.tensor)
