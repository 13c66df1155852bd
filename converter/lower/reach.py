"""Which real values can arrive: only through wires and pools, where the answer means something.

Through trained weights a bound exists as well, but thousands of levels are nobody's intention.
"""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import in_order
from snnc.converter.lower.values import Affine, Term, Wire
from snnc.ir.arrays import FloatArray, along, size_of
from snnc.ir.maps import SumPool
from snnc.ir.nodes import HostOp, Input, Population


def reachable(lowering: Lowering, value: Affine) -> tuple[float, float] | None:
    """Smallest and largest element of a value, None where trained weights or values are in it."""
    lo, hi = float(value.offset.values.min()), float(value.offset.values.max())
    for term in value.terms:
        if not isinstance(term, Wire) and not isinstance(term.map, SumPool):
            return None
        ends = _term_range(lowering, term)
        if ends is None:
            return None
        lo, hi = lo + ends[0], hi + ends[1]
    return lo, hi


def _term_range(lowering: Lowering, term: Term) -> tuple[float, float] | None:
    counts = lowering.builder.count_range.get(term.source)
    if counts is None:
        return None
    step = _step_map(lowering, term.source)
    if isinstance(term, Wire):
        gather = in_order(term.gather)
        taken = step if gather is None else np.where(gather >= 0, step[np.maximum(gather, 0)], 0)
        real = [taken * c * term.scale.full().reshape(-1) for c in counts]
    else:
        taken = step if term.gather is None else step[np.maximum(term.gather, 0)]
        shaped = taken.reshape(1, *term.map.in_shape)
        real = [term.map.apply(shaped * c) for c in counts]
    return float(min(r.min() for r in real)), float(max(r.max() for r in real))


def _step_map(lowering: Lowering, source: str) -> FloatArray:
    node = lowering.builder.nodes[source]
    assert isinstance(node, Input | Population | HostOp)
    axis = getattr(node, "channel_axis", 0)
    step = along(np.asarray(node.step, dtype=np.float64), len(node.shape), axis)
    flat = np.broadcast_to(step, node.shape).reshape(size_of(node.shape))
    return np.asarray(flat, dtype=np.float64)
