"""What Loihi can carry, as far as it is public; each constant with its source.

Sources: [D18] Davies et al., IEEE Micro 38(1), 2018. [NL] nengo-loihi, hardware/ and emulator
constants. [L] lava-nc 0.10.0, fixed-point process models. [T26] Timcheck et al., arXiv:2601.10035.
[TB] Intel, "Taking Neuromorphic Computing to the Next Level with Loihi 2", technology brief, 2021.
Neuron microcode of Loihi 2 is not public: what its programs can do stands here as assumed.
"""

from __future__ import annotations

from snnc.ir.limits import Limits

STATE_BITS = 24
"""u and v: 23 bits and sign [NL: U_BITS, V_BITS; L: LIF precision=24]."""

LOIHI1_CURRENT_BITS = 22
"""Synaptic accumulator: 21 bits and sign [NL: Q_BITS]."""

LOIHI2_CURRENT_BITS = 24
"""One tick's input; Lava's Conv wraps there [L: PyConvModelFixed.clamp_precision]."""

WEIGHT_BITS = 8
"""Stored weights: Loihi 1 takes 1 to 9 bits with sign [D18], Loihi 2 up to 8 [T26]."""

WIDEST_WEIGHT_BITS = 16
"""Wider weights travel as two synapses, low and high byte."""

LOIHI2_PAYLOAD_BITS = 24
"""Graded spikes: 32 bits on the chip [TB], 24 in Lava's message adapters [L]."""

MAX_EXPONENT = 7
"""Weight exponent of a synapse group: -7 to 7 [NL: Synapse.format weight_exp]."""

MAX_DELAY = 62
"""Synaptic delay: 6 bits, up to 62 ticks [NL; lava-dl clamps there]."""

LEAK_BITS = 12
"""Decays du and dv: 12 bits [NL: Profile decayU, decayV; L: LIF du, dv]."""

THRESHOLD_BITS = 17
"""Threshold of a stock LIF, without sign, in units of 2^6 [D18; L: LIF vth precision=17]."""

BIAS_BITS = 13
"""Bias mantissa of a stock LIF, with sign [NL: BIAS_MAN; L: LIF bias_mant precision=13]."""

LOIHI1 = Limits(
    target="loihi1",
    membrane_bits=STATE_BITS,
    current_bits=LOIHI1_CURRENT_BITS,
    payload_bits=0,
    weight_bits=WEIGHT_BITS,
    max_exponent=MAX_EXPONENT,
    max_delay=MAX_DELAY,
    leak_bits=LEAK_BITS,
)

LOIHI2 = Limits(
    target="loihi2",
    membrane_bits=STATE_BITS,
    current_bits=LOIHI2_CURRENT_BITS,
    payload_bits=LOIHI2_PAYLOAD_BITS,
    weight_bits=WEIGHT_BITS,
    max_exponent=MAX_EXPONENT,
    max_delay=MAX_DELAY,
    leak_bits=LEAK_BITS,
)
