"""What Loihi can carry, as far as it is public.

Every figure stands once, with its source, in the chips' files (`backends/chips/*.toml`). Neuron
microcode of Loihi 2 is not public: what its programs can do is assumed.
"""

from __future__ import annotations

from snnc.backends.chips import Chip, load_chip
from snnc.ir.errors import UnknownHardware


def _figure(chip: Chip, name: str) -> int:
    value = chip.limit(name)
    if value is None:
        raise UnknownHardware(f"the file of a shipped chip lacks `{name}`", where=chip.name)
    return value


_LOIHI1, _LOIHI2 = load_chip("loihi1"), load_chip("loihi2")

LOIHI1 = _LOIHI1.widths()
LOIHI2 = _LOIHI2.widths()

STATE_BITS = _figure(_LOIHI2, "membrane_bits")
"""Of u and v, with sign; the same on both chips, as are those below."""

WEIGHT_BITS = _figure(_LOIHI2, "weight_bits")
"""Of a stored weight."""

WIDEST_WEIGHT_BITS = 16
"""Wider weights travel as two synapses, low and high byte."""

LEAK_BITS = _figure(_LOIHI2, "leak_bits")
"""Of the decays du and dv."""

THRESHOLD_BITS = _figure(_LOIHI2, "threshold_bits")
"""Of a stock LIF, without sign, in units of 2^6."""

BIAS_BITS = _figure(_LOIHI2, "bias_bits")
"""Of a stock LIF's bias mantissa, with sign."""

BIAS_EXPONENT_BITS = _figure(_LOIHI2, "bias_exponent_bits")
"""Of the power of two that it is multiplied by."""
