"""How many memory words a list of synapses takes.

The rules behind the numbers and how far they were checked: docs/mapping.md.
"""

from __future__ import annotations

import numpy as np

from snnc.backends.chips import SynapseFormat
from snnc.ir.arrays import Array


def significant_bits(weight: Array) -> int:
    """Bits that integer weights need once their common power of two is an exponent.

    Mixed signs take two's complement; weights of one sign take their magnitude, the sign being
    the format's (lava-nc 0.10.0: `SIGN_MODE`). At least 1.
    """
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    common = int(np.bitwise_or.reduce(weight, axis=None, initial=0))
    if common == 0:
        return 1
    shift = (common & -common).bit_length() - 1
    low, high = low >> shift, high >> shift
    if low < 0 < high:
        return max((-low - 1).bit_length(), high.bit_length()) + 1
    return max(high.bit_length() if high else (-low - 1).bit_length(), 1)


def stored_widths(bits: int, form: SynapseFormat) -> tuple[int, ...]:
    """Widths of the synapses that together hold a weight of so many bits, widest first."""
    widest = form.weight_widths[-1]
    whole, rest = divmod(bits, widest)
    widths = [widest] * whole
    if rest:
        widths.append(next(width for width in form.weight_widths if width >= rest))
    return tuple(widths)


def index_width(n_neurons: int, form: SynapseFormat) -> int:
    """Bits of an index among so many neurons; the widest format where none is wide enough."""
    needed = max(n_neurons - 1, 1).bit_length()
    return next((w for w in form.index_widths if w >= needed), form.index_widths[-1])


def list_words(n: int, synapse_bits: int, form: SynapseFormat) -> int:
    """Words of one list of n synapses: each block has a header and ends at a word's end."""
    if n == 0:
        return 0
    block = n if form.block_synapses is None else form.block_synapses
    whole, rest = divmod(n, block)
    words = whole * _block_words(block, synapse_bits, form)
    return words + (_block_words(rest, synapse_bits, form) if rest else 0)


def _block_words(n: int, synapse_bits: int, form: SynapseFormat) -> int:
    return -(-(n * synapse_bits + form.header_bits) // form.word_bits)


def channel_groups(n: int) -> tuple[int, ...]:
    """Powers of two that add up to n, largest first: so a kernel keeps n output channels."""
    return tuple(1 << bit for bit in range(n.bit_length() - 1, -1, -1) if n >> bit & 1)


def plain_words(n: int, bits: int, form: SynapseFormat) -> int:
    """Words of a list of n weights without indices."""
    return sum(list_words(n, width, form) for width in stored_widths(bits, form))


def indexed_words(n: int, bits: int, n_neurons: int, form: SynapseFormat) -> int:
    """Words of a list of n weights with the index of each one's neuron, on a core of n_neurons."""
    index = index_width(n_neurons, form)
    return sum(list_words(n, width + index, form) for width in stored_widths(bits, form))


def grouped_words(n: int, bits: int, form: SynapseFormat) -> int:
    """Words of the weights of one input channel and kernel tap into n output channels."""
    return sum(plain_words(group, bits, form) for group in channel_groups(n))
