"""The units of a membrane that fires at a rate, and what synapses and neurons become in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, along
from snnc.ir.codes import Rate
from snnc.ir.graph import Projection
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire, NeuronModel
from snnc.ir.nodes import Population
from snnc.ir.ranges import NodeRange
from snnc.ir.rate.line import fitted_line
from snnc.ir.rate.stock import (
    CURRENT_SHIFT,
    MEMBRANE_BITS,
    MOST_EXPONENT,
    THRESHOLD_BITS,
    common_threshold,
    scaled_rows,
)


@dataclass(frozen=True, eq=False)
class Scale:
    """One population's units: 1 of the membrane is share / gain of a frame's input.

    Attributes:
        node: of the integer graph.
        rate: settings.
        share: g, the greatest common divisor of the levels of its sources.
        fraction: f; gain is 2^f, unless there is one threshold for all channels.
        gain: by channel, shape (C,), where there is.
        origin: input of count 0, shape (C,); 0 where it does not fire.
        threshold: what a spike takes, for all, by channel or neuron; None where it does not fire.
        signs: lowest and highest payload.
    """

    node: Population
    rate: Rate
    share: int
    fraction: int
    gain: FloatArray | None
    origin: FloatArray
    threshold: IntArray | None
    signs: tuple[int, int]

    @classmethod
    def choose(
        cls,
        node: Population,
        incoming: list[Projection],
        levels: Mapping[str, int],
        known: NodeRange,
        rate: Rate,
    ) -> Scale:
        """The finest units that the registers of a chip hold.

        Args:
            levels: D by node that spikes.
            known: bounds of the population in the integer graph.
        """
        share = math.gcd(*(levels[p.source] for p in incoming)) or 1
        factors = [_split(levels[p.source] // share) for p in incoming]
        origin, step = _staircase(node, incoming, known)
        taken = None if step is None else step * levels[node.name] / share
        reach = np.maximum(np.abs(known.i_lo - origin), np.abs(known.i_hi - origin)) / share
        lo, hi = int(np.sign(known.out_lo.min())), int(np.sign(known.out_hi.max()))
        signs = min(lo, 0), max(hi, 0)
        gain = threshold = None
        if rate.reset == "zero" and taken is not None and signs[0] == 0:
            bias = (node.bias_map() - along(origin, len(node.shape), node.channel_axis)) / share
            found = common_threshold(node, incoming, [f for f, _ in factors], taken, reach, bias)
            if found is not None:
                gain, threshold = found
        fraction = 0
        if gain is None:
            largest = 0.0 if taken is None else float(taken.max())
            exponents = [p.exponent + s for p, (_, s) in zip(incoming, factors, strict=True)]
            fraction = _fraction(float(reach.max()), largest, rate)
            fraction = min(fraction, max(MOST_EXPONENT - max(exponents, default=0), 0))
            if taken is not None:
                threshold = np.maximum(np.rint(taken * 2.0**fraction), 1).astype(np.int64)
        return cls(node, rate, share, fraction, gain, origin, threshold, signs)

    def projection(self, p: Projection, levels: int) -> Projection:
        """The synapses, for spikes of a source with so many levels."""
        factor, shift = _split(levels // self.share)
        exponent = p.exponent + shift + self.fraction
        if self.gain is not None:
            return replace(p, map=scaled_rows(p.map, factor * self.gain), exponent=exponent)
        map_ = p.map if factor == 1 else p.map.with_weight(p.map.weight * factor)
        return replace(p, map=map_, exponent=exponent)

    def population(self) -> Population:
        """The neurons."""
        node = self.node
        ndim, axis = len(node.shape), node.channel_axis
        gain = np.array(2.0**self.fraction) if self.gain is None else self.gain
        unit = along(gain, ndim, axis) / self.share
        bias = np.rint((along(node.bias, ndim, axis) - along(self.origin, ndim, axis)) * unit)
        spread = np.broadcast_to(bias.astype(np.int64), node.shape)
        model: NeuronModel = Accumulator()
        if self.threshold is not None:
            model = self._neurons(self.threshold)
        return replace(node, bias=spread, model=model)

    def _neurons(self, threshold: IntArray) -> FixedIntegrateFire:
        """A spike where the membrane has reached the threshold, or half of it.

        Half, where a spike subtracts the threshold: the membrane then holds what the spikes so far
        fail to say, rounded to the nearest. Reset to zero, it starts and ends where stock neurons
        do.
        """
        if self.rate.reset == "zero":
            above = (threshold - 1) << CURRENT_SHIFT
            return FixedIntegrateFire(
                lo=self.signs[0],
                thresholds=self._edges(-above, above + 1),
                reset="zero",
                reset_step=threshold << CURRENT_SHIFT,
                fraction_bits=CURRENT_SHIFT,
                v_min=np.array(1 - 2 ** (MEMBRANE_BITS - 1)),
            )
        half = (threshold + 1) // 2
        return FixedIntegrateFire(
            lo=self.signs[0], thresholds=self._edges(1 - half, half), reset_step=threshold
        )

    def _edges(self, below: IntArray, above: IntArray) -> IntArray:
        """Thresholds of payloads -1 and 1, as far as the counts have these signs."""
        lo, hi = self.signs
        edges = ([below] if lo < 0 else []) + ([above] if hi > 0 or lo == 0 else [])
        return np.stack(edges, axis=-1)


def _staircase(
    node: Population, incoming: list[Projection], known: NodeRange
) -> tuple[FloatArray, Array | None]:
    """Origin, shape (C,), and step by channel or neuron; no step where it does not fire."""
    rest = np.zeros(node.n_channels)
    if isinstance(node.model, IntegerFire):
        line = fitted_line(node.model, known.i_lo, known.i_hi)
        return line.origin, line.step
    if node.model.combine == "max":
        return rest, _n_inputs(node, incoming[0])
    return rest, None


def _n_inputs(node: Population, p: Projection) -> Array:
    """Existing inputs of each neuron of a pool: for all if they are equal, else shape `shape`."""
    exists = np.ones((1, p.map.in_size), dtype=np.int64)
    if p.gather is not None:
        exists[0] = p.gather >= 0
    n = p.map.apply(exists.reshape(1, *p.map.in_shape)).reshape(node.shape)
    return np.asarray(np.maximum(n, 1) if n.min() < n.max() else np.array(max(int(n.min()), 1)))


def _split(factor: int) -> tuple[int, int]:
    """An odd number and the power of two beside it."""
    shift = (factor & -factor).bit_length() - 1
    return factor >> shift, shift


def _fraction(current: float, threshold: float, rate: Rate) -> int:
    """Fraction bits of the membrane that fit, at most as many as Lava's LIF has.

    Args:
        current: the largest input of a tick, in shares.
        threshold: likewise.
    """
    for fraction in range(CURRENT_SHIFT, 0, -1):
        unit = 2.0**fraction
        if rate.reset == "zero":
            fits = max(current, threshold) * unit < 2.0 ** (THRESHOLD_BITS - 1)
        else:
            fits = rate.ticks * current * unit < 2.0 ** (MEMBRANE_BITS - 2)
        if fits:
            return fraction
    return 0
