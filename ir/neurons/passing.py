"""Neurons that do not fire: the accumulator and the maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snnc.ir.arrays import Array
from snnc.ir.neurons.base import NEURONS, Combine, Emission, NeuronModel, State


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Accumulator(NeuronModel):
    """k = i

    A non-spiking neuron that passes its membrane on once a frame: residual streams, logits.
    """

    kind: ClassVar[str] = "accumulator"
    emits: ClassVar[Emission] = "value"
    step_is_free: ClassVar[bool] = True

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        return i, state

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return i_lo, i_hi


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Max(NeuronModel):
    """k = sum over the window's ticks of (maximum over the existing inputs, an absent one is 0)

    For thermometer counts this is the maximum count; for graded events, which all arrive at one
    tick, the maximum payload. In burst it is the OR of the +1 spikes minus the AND of the -1
    spikes. It has one incoming projection, whose connections name the inputs.
    """

    kind: ClassVar[str] = "max"
    combine: ClassVar[Combine] = "max"

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        return i, state

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return i_lo, i_hi
