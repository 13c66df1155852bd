"""A target's limits as a plain value, so that passes need no backend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a target can carry; None: no limit that we know.

    Attributes:
        target: its name, for messages.
        membrane_bits: two's complement width of a membrane.
        current_bits: two's complement width of one tick's summed current.
        payload_bits: two's complement width of a graded event; 0: unit spikes of +1
            only, so burst is the only code.
        weight_bits: two's complement width of a weight.
        max_exponent: largest power of two on weights.
        max_delay: longest delay in ticks.
        leak_bits: fraction bits of a leak's multiplier.
        bias_bits: two's complement width of the bias of a neuron that the chip has in hardware.
        bias_exponent_bits: width of the power of two that it is multiplied by.
    """

    target: str
    membrane_bits: int | None = None
    current_bits: int | None = None
    payload_bits: int | None = None
    weight_bits: int | None = None
    max_exponent: int | None = None
    max_delay: int | None = None
    leak_bits: int | None = None
    bias_bits: int | None = None
    bias_exponent_bits: int | None = None


SIM = Limits(target="sim", membrane_bits=63, current_bits=63, payload_bits=63)
"""The simulators: int64 with one bit to spare."""
