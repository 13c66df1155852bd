"""Which weights Lava computes with when netx hands it a dense matrix.

netx scales a matrix to the full range of Loihi's synapses and says how many bits it needs [D:
netx/utils.py, optimize_weight_bits]; Lava's Dense clips, cuts the bits that are too many, and
shifts the sum back [L: lava/utils/weightutils.py, clip_weights and truncate_weights]. Even weights
of 8 bits pass unchanged; here is what happens to others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnc.ir.arrays import IntArray
from snnc.ir.errors import UnsupportedOperator

WEIGHT_BITS = 8
MIXED_LOW, MIXED_HIGH = -256, 254
"""Weights of both signs have steps of two."""
_MOST_TRAILING = 8


def as_in_lava(parts: Sequence[IntArray], where: str, notes: list[str]) -> list[IntArray]:
    """The weights that take effect; parts (of a recurrent layer) share their width.

    Raises:
        UnsupportedOperator: netx would hand over weights that mean something else.
    """
    joined = np.concatenate([part.reshape(-1) for part in parts])
    low, high = int(joined.min()), int(joined.max())
    if not joined.any():
        return list(parts)
    if (high > MIXED_HIGH and low < 0) or (low < MIXED_LOW and high > 0):
        parts = [np.clip(part, MIXED_LOW, MIXED_HIGH) for part in parts]
        n = int(sum((p != q).sum() for p, q in zip(parts, _split(joined, parts), strict=True)))
        notes.append(f"{where}: {n} weights are clipped to -256 … 254, as netx does")
        joined = np.concatenate([part.reshape(-1) for part in parts])
    scale_bits, n_bits = _width(joined, where)
    return [_taken(part, scale_bits, n_bits, where, notes) for part in parts]


def _split(joined: IntArray, parts: Sequence[IntArray]) -> list[IntArray]:
    ends = np.cumsum([part.size for part in parts])[:-1]
    return [a.reshape(p.shape) for a, p in zip(np.split(joined, ends), parts, strict=True)]


def _width(joined: IntArray, where: str) -> tuple[int, int]:
    """Bits to shift left by, and the bits that netx asks of the synapses."""
    low, high = int(joined.min()), int(joined.max())
    mixed = low < 0 <= high
    if mixed:
        scale = min(127 / high if high else np.inf, -128 / low)
    else:
        scale = 255 / high if low >= 0 else -256 / low
    scale_bits = int(np.floor(np.log2(scale))) + mixed
    if scale_bits < 0:
        raise UnsupportedOperator(
            f"weights from {low} to {high}: netx 0.6.0 takes no more than 255 of one sign",
            where=where,
        )
    trailing = next(n for n in range(_MOST_TRAILING, -1, -1) if not (joined % 2**n).any())
    return scale_bits, WEIGHT_BITS - scale_bits - (trailing - mixed)


def _taken(part: IntArray, scale_bits: int, n_bits: int, where: str, notes: list[str]) -> IntArray:
    """What Lava's Dense keeps of a part whose bits were decided with others."""
    low, high = int(part.min()), int(part.max())
    sign = -1 if high <= 0 and low < 0 else 1
    mixed = low < 0 < high
    cut = WEIGHT_BITS - n_bits + mixed
    limits = (-256, 255) if mixed else (0, 255)
    kept = np.clip(sign * part << scale_bits, *limits)
    if cut < 0 or ((kept >> cut << cut) % 2**scale_bits).any():
        raise UnsupportedOperator(
            f"odd weights from {low} to {high}: netx 0.6.0 asks Lava for {n_bits} bits of them, "
            "which gives other weights",
            where=where,
            hint="even weights, or some of the other sign",
        )
    kept = sign * (kept >> cut << cut >> scale_bits)
    if (n := int((kept != part).sum())) > 0:
        notes.append(f"{where}: {n} weights lose their last bit or are clipped, as in Lava")
    return np.asarray(kept, dtype=np.int64)
