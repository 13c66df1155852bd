"""By how many bits does a population pass the target's width?"""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import IntArray, bits
from snnc.ir.graph import Graph
from snnc.ir.limits import Limits
from snnc.ir.ranges import NodeRange


def excess_bits(graph: Graph, name: str, bounds: NodeRange, limits: Limits) -> IntArray:
    """Bits too many of each channel, shape (C,); all 0 where everything fits.

    Where only an intermediate sum passes the width, the widest channels are one bit too wide.
    """
    widths = [limits.membrane_bits]
    if graph.emits(name) == "value" and limits.payload_bits:
        widths.append(limits.payload_bits)
    known = [w for w in widths if w is not None]
    needed = np.array([bits(lo, hi) for lo, hi in zip(bounds.i_lo, bounds.i_hi, strict=True)])
    excess = np.maximum(needed - min(known), 0) if known else np.zeros_like(needed)
    over_membrane = limits.membrane_bits and bounds.membrane_bits > limits.membrane_bits
    over_current = limits.current_bits and bounds.current_bits > limits.current_bits
    if not excess.any() and (over_membrane or over_current):
        excess = (needed == needed.max()).astype(np.int64)
    return excess.astype(np.int64)
