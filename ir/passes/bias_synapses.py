"""Biases that a chip's own neuron cannot take come as synapses from a source that is always on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import IntArray, along
from snnc.ir.codes import RunSettings
from snnc.ir.errors import WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense
from snnc.ir.neurons import FixedCurrentLIF, FixedIntegrateFire, IntegerFire
from snnc.ir.nodes import Node, Pattern, Population
from snnc.ir.passes.base import PASSES
from snnc.ir.passes.chip import ChipPass
from snnc.ir.passes.names import free_name, node_names
from snnc.ir.ranges import NodeRange, analyse
from snnc.ir.rate.stock import CURRENT_SHIFT
from snnc.ir.schedule import make_schedule

_SOURCE = "always on"


@PASSES.register
@dataclass(frozen=True)
class BiasSynapses(ChipPass):
    """Let an event of every frame bring the biases that a chip's LIF neuron does not have.

    That neuron has a bias of a few bits times a power of two, adds it to its voltage, never to a
    current that lasts, and from the run's first tick on, whether or not a frame has come. What this
    does not say comes through synapses, exactly, at one event a frame. It concerns neurons that may
    be such LIFs: one spike or none, reset to zero or without memory, in a schedule where each tick
    is a frame. Thresholds that differ by channel become biases under a common one.

    Attributes:
        settings: code and schedule.
        bias_bits: two's complement width of a bias.
        exponent_bits: of the power of two that it is multiplied by; what arrives stands at 2^6.
    """

    kind: ClassVar[str] = "bias-synapses"

    settings: RunSettings
    bias_bits: int
    exponent_bits: int

    def rewrite(self, graph: Graph) -> Graph:
        concerned = [node for node in graph.populations if _is_binary(node)]
        if not concerned or self.settings.code not in ("burst", "graded"):
            return graph
        schedule = make_schedule(graph, self.settings)
        if not schedule.window == schedule.period == 1:
            return graph
        try:
            ranges = analyse(graph, self.settings, int(graph.metadata.get("n_frames", 1)))
        except WidthExceeded:  # whoever runs it refuses it by name
            return graph
        nodes = dict(graph.nodes)
        synapses: list[Projection] = []
        source = free_name(_SOURCE, node_names(graph))
        for node in concerned:
            plain, bias = _common_threshold(node, ranges[node.name])
            if self._takes(plain, bias, schedule.start[node.name]):
                continue
            nodes[node.name] = replace(plain, bias=np.array(0))
            name = free_name(f"bias of {node.name}", graph.projections)
            synapses.append(_synapses(name, source, node.name, bias))
        if not synapses:
            return graph
        on = Pattern(name=source, shape=(1,), counts=np.ones((1, 1), dtype=np.int64), repeat=True)
        every: list[Node] = [on, *nodes.values()]
        return graph.replace(nodes=every, projections=[*graph.projections.values(), *synapses])

    def note(self, before: Graph, after: Graph) -> str:
        names = [p.target for p in after.projections.values() if p.name not in before.projections]
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return (
            f"biases that the chip's neurons do not take ({shown}) are synapses from a source that "
            "is always on: exact, with one event a frame"
        )

    def _takes(self, node: Population, bias: IntArray, start: int) -> bool:
        """Does the chip's LIF have this bias, and keep silent until its first frame?"""
        model = node.model
        if not bias.any():
            return True
        if isinstance(model, FixedCurrentLIF) and (model.current_multiplier != 0).any():
            return False
        half = 2 ** (self.bias_bits - 1)
        shifts = range(max(2**self.exponent_bits - CURRENT_SHIFT, 1))
        fits = np.zeros(bias.shape, dtype=bool)
        for shift in shifts:
            fits |= (bias % 2**shift == 0) & (bias >> shift >= -half) & (bias >> shift < half)
        return bool(fits.all()) and int(bias.max()) * _summed(node, start) < _lowest(node)


def _is_binary(node: Population) -> bool:
    """May it be the chip's LIF but for its bias: one spike or none, and nothing left after it?"""
    model = node.model
    if isinstance(model, IntegerFire):
        return model.lo == 0 and model.thresholds.shape[1] == 1
    if not isinstance(model, FixedIntegrateFire | FixedCurrentLIF):
        return False
    binary = model.lo == 0 and model.thresholds.shape[-1] == 1 and model.reset == "zero"
    return binary and not (model.reset_value != 0).any() and _has_threshold(model)


def _has_threshold(model: FixedIntegrateFire | FixedCurrentLIF) -> bool:
    """Is there one threshold, above a whole number where membranes hold fractions?"""
    theta, fraction = int(model.thresholds.flat[0]), model.fraction_bits
    if (model.thresholds != theta).any():
        return False
    leaks = (model.leak_multiplier != 2**model.leak_shift).any()
    if not leaks and isinstance(model, FixedIntegrateFire):
        return fraction <= CURRENT_SHIFT
    return fraction == CURRENT_SHIFT and (theta - 1) % 2**CURRENT_SHIFT == 0


def _common_threshold(node: Population, r: NodeRange) -> tuple[Population, IntArray]:
    """Neurons with one threshold where they have no memory, and the bias that they have then."""
    bias = node.bias_map().astype(np.int64)
    if not isinstance(node.model, IntegerFire):
        return node, bias
    # what is never reached, or always, is as good just beyond what there can be
    theta = np.clip(node.model.thresholds[:, 0], r.i_lo.min(), r.i_hi.max() + 1)
    common = max(int(theta.max()), 1)
    rise = np.broadcast_to(common - theta, (node.n_channels,))
    model = IntegerFire(lo=0, thresholds=np.array([[common]]))
    return replace(node, model=model), bias + along(rise, len(node.shape), node.channel_axis)


def _summed(node: Population, start: int) -> int:
    """Ticks before its first frame whose biases add up."""
    return 1 if isinstance(node.model, IntegerFire) else start


def _lowest(node: Population) -> int:
    """The lowest threshold, in units of what arrives."""
    model = node.model
    assert isinstance(model, IntegerFire | FixedIntegrateFire | FixedCurrentLIF)
    fraction = 0 if isinstance(model, IntegerFire) else model.fraction_bits
    return int(model.thresholds.min()) >> fraction


def _synapses(name: str, source: str, target: str, bias: IntArray) -> Projection:
    return Projection(
        name=name,
        source=source,
        target=target,
        map=Dense(weight=bias.reshape(-1, 1)),
    )
