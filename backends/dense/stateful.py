"""Neurons with state: membranes and currents are inputs and outputs of the ONNX graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.backends.dense.builder import EXACT, DType, dtype_for
from snnc.backends.dense.compiler import Compiler
from snnc.backends.dense.fire import add_bias
from snnc.backends.dense.summing import summed
from snnc.ir.arrays import Array, IntArray, along
from snnc.ir.neurons import (
    FixedCurrentLIF,
    FixedFiring,
    FixedIntegrateFire,
    FixedTrace,
    LoihiLIF,
    LoihiReadout,
)
from snnc.ir.neurons.loihi_lif import ALIGN_BITS, DECAY_BITS, LARGEST
from snnc.ir.nodes import Population


class _Frame:
    """One frame of a population with state, in a type that holds all that comes in between."""

    def __init__(self, c: Compiler, node: Population, beside: int = EXACT["f4"] + 1) -> None:
        """Choose a type.

        Args:
            beside: largest value that comes in between beside the membrane.
        """
        r = c.ranges[node.name]
        self.largest = max(-r.membrane_lo, r.membrane_hi)
        self.c, self.b, self.node = c, c.builder, node
        largest = max(self.largest << node.model.spare_bits, _brought(c, node), beside)
        self.dtype: DType = dtype_for(largest)

    def input(self, fraction: int) -> str:
        """What a frame brings, bias included, in fine units: a power of 2 rounds nothing.

        What earlier frames emitted comes last; the rest does not wait for them (see `stretch`).
        """
        node, dtype = self.node, self.dtype
        incoming = self.c.graph.incoming(node.name)
        finer = [replace(p, exponent=p.exponent + fraction) for p in incoming]
        late = [p for p in finer if p.frames]
        i = summed(self.c, [p for p in finer if not p.frames] or late, node.shape, dtype)
        i = add_bias(self.b, i, node, node.bias << fraction)
        if 0 < len(late) < len(finer):
            i = self.op("Add", i, summed(self.c, late, node.shape, dtype))
        return i

    def op(self, kind: str, *inputs: str, **attributes: int) -> str:
        """An operator on the frame's type."""
        return self.b.op(kind, inputs, self.dtype, **attributes)

    def constant(self, values: Array) -> str:
        """Values for all, each channel or each neuron, against (rows, *shape)."""
        spread = along(values, len(self.node.shape), self.node.channel_axis)
        return self.b.constant(spread, self.dtype)

    def state(self, name: str) -> str:
        """What the frame before has left, 0 at a sample's start."""
        return self.b.input(f"state:{self.node.name}:{name}", self.dtype, self.node.shape)

    def keep(self, state: str, after: str) -> None:
        """Leave a state to the next frame."""
        self.c.states[state] = after, self.node.shape

    def shifted(self, v: str, bits: int) -> str:
        """floor(v / 2^bits) of what is not negative."""
        v = self.op("Div", v, self.b.constant(2**bits, self.dtype))
        return v if self.dtype == "i8" else self.op("Floor", v)

    def leaked(self, v: str, multiplier: IntArray, shift: int) -> str:
        """sign(v) * floor(|v| * multiplier / 2^shift)"""
        if (multiplier == 2**shift).all():
            return v
        if self.dtype == "i8":  # integers are divided towards zero
            size = self.b.constant(2**shift, self.dtype)
            return self.op("Div", self.op("Mul", v, self.constant(multiplier)), size)
        share = self.op("Mul", v, self.constant(multiplier / 2.0**shift))  # exact: few bits
        whole: DType = "i4" if self.dtype == "f4" else "i8"
        return self.b.cast(self.b.cast(share, whole), self.dtype)  # which cuts towards zero

    def counts(self, v: str, model: FixedFiring) -> str:
        """Lo + #{j : v >= thresholds[..., j]}"""
        limit, k = self.largest + 1, ""  # what is out of reach stays so
        for level in np.moveaxis(np.clip(model.thresholds, -limit, limit), -1, 0):
            above = self.op("GreaterOrEqual", v, self.constant(level))
            passed = self.op("Cast", above, to=self.b.onnx_type(self.dtype))
            k = self.op("Add", k, passed) if k else passed
        k = k or self.op("Mul", v, self.b.constant(0, self.dtype))
        return self.op("Add", k, self.b.constant(model.lo, self.dtype)) if model.lo else k

    def reset(self, v: str, k: str, model: FixedIntegrateFire | FixedCurrentLIF) -> str:
        """What firing leaves of the membrane."""
        if model.reset_before:
            v = self.leaked(v, model.leak_multiplier, model.leak_shift)
        if model.reset == "subtract":
            v = self.op("Sub", v, self.op("Mul", k, self.constant(model.reset_step)))
        elif model.reset == "zero":
            none, rest = self.b.constant(0, self.dtype), self.constant(model.reset_value)
            fired = self.b.truth(k)  # as is where neurons spike once or not
            if fired:
                v = self.op("Where", fired, rest, v)
            else:
                v = self.op("Where", self.op("Equal", k, none), v, rest)
        held = np.maximum(model.v_min, -self.largest - 1)
        return self.op("Max", v, self.constant(held)) if (held >= -self.largest).any() else v


def firing(
    c: Compiler, node: Population, model: FixedIntegrateFire | FixedCurrentLIF, dtype: DType
) -> str:
    """Integrate, fire, reset."""
    frame = _Frame(c, node, _beside(c, node, model))
    i = frame.input(model.fraction_bits)
    if isinstance(model, FixedCurrentLIF):
        current = frame.state("c")
        kept = frame.leaked(current, model.current_multiplier, model.current_shift)
        i = frame.op("Add", kept, i)
        frame.keep(current, i)
    membrane = frame.state("v")
    before = membrane
    if not model.reset_before:
        before = frame.leaked(membrane, model.leak_multiplier, model.leak_shift)
    v = frame.op("Add", before, i)
    k = frame.counts(v, model)
    frame.keep(membrane, frame.reset(v, k, model))
    return k


def _beside(c: Compiler, node: Population, model: FixedIntegrateFire | FixedCurrentLIF) -> int:
    """Bounds whatever is computed beside membranes and currents: inputs in fine units, resets."""
    r, brought = c.ranges[node.name], _brought(c, node)
    largest = max(-r.membrane_lo, r.membrane_hi)
    count = max(abs(model.lo), abs(model.lo + model.thresholds.shape[-1]))
    reset = largest + count * int(np.abs(model.reset_step).max(initial=0))
    value = int(np.abs(model.reset_value).max(initial=0))
    multipliers = [model.leak_multiplier >> model.leak_shift]
    if isinstance(model, FixedCurrentLIF):
        multipliers.append(model.current_multiplier >> model.current_shift)
    growth = 1 + max(int(m.max(initial=0)) for m in multipliers)
    return (
        max(brought << model.fraction_bits, reset << model.spare_bits, value, 2 * largest) * growth
    )


def _brought(c: Compiler, node: Population) -> int:
    """Bounds what a frame brings, summed in whatever order, bias included."""
    into = c.arriving(c.graph.incoming(node.name))
    bias = int(np.abs(node.bias).max(initial=0))
    return max(int(into.partial_hi[0]), -int(into.partial_lo[0])) + bias


def trace(c: Compiler, node: Population, model: FixedTrace, dtype: DType) -> str:
    """A leaky sum, passed on with fewer fraction bits."""
    frame = _Frame(c, node)
    i = frame.input(model.fraction_bits)
    before = frame.state("v")
    v = frame.op("Add", frame.leaked(before, model.leak_multiplier, model.leak_shift), i)
    frame.keep(before, v)
    if not model.out_shift:
        return v
    half = frame.b.constant(1 << (model.out_shift - 1), frame.dtype)
    rounded = frame.op("Add", v, half)
    if frame.dtype != "i8":
        return frame.shifted(rounded, model.out_shift)
    # ONNX divides integers towards zero
    size = frame.b.constant(1 << model.out_shift, frame.dtype)
    rest = frame.op("Mod", rounded, size)
    return frame.op("Div", frame.op("Sub", rounded, rest), size)


def loihi(c: Compiler, node: Population, model: LoihiLIF | LoihiReadout, dtype: DType) -> str:
    """Loihi's own neuron: its current wraps, its membrane is clipped, a spike leaves 0."""
    frame = _Frame(c, node)
    u, v = frame.state("u"), frame.state("v")
    stays = _outlives_reset(frame, model)
    before = [v_ if stays is None else frame.op("Mul", v_, stays) for v_ in (u, v)]
    kept = [
        frame.leaked(state, np.array((1 << DECAY_BITS) - decay), DECAY_BITS)
        for state, decay in zip(before, (model.decay_u, model.decay_v), strict=True)
    ]
    current = _wrapped(frame, frame.op("Add", kept[0], frame.input(ALIGN_BITS)))
    membrane = frame.op("Add", kept[1], current)
    membrane = frame.op("Add", membrane, frame.constant(model.bias << ALIGN_BITS))
    low, high = (frame.constant(np.array(end)) for end in (1 - LARGEST, LARGEST - 1))
    membrane = frame.op("Min", frame.op("Max", membrane, low), high)
    spikes = frame.op("Greater", membrane, frame.constant(np.array(model.threshold << ALIGN_BITS)))
    after = frame.op("Where", spikes, frame.constant(np.array(0)), membrane)
    frame.keep(u, current)
    frame.keep(v, after)
    if isinstance(model, LoihiReadout):
        return after
    return frame.op("Cast", spikes, to=frame.b.onnx_type(frame.dtype))


def _outlives_reset(frame: _Frame, model: LoihiLIF | LoihiReadout) -> str | None:
    """1, or 0 in the frames of a periodic reset; None where there is none."""
    if not model.reset_interval:
        return None
    n = frame.state("frame")
    frame.keep(n, frame.op("Add", n, frame.constant(np.array(1))))
    interval = frame.constant(np.array(model.reset_interval))
    phase = frame.op("Mod", n, interval, fmod=int(frame.dtype != "i8"))
    resets = frame.op("Equal", phase, frame.constant(np.array(model.reset_offset)))
    resets = frame.op("Cast", resets, to=frame.b.onnx_type(frame.dtype))
    return frame.op("Sub", frame.constant(np.array(1)), resets)


def _wrapped(frame: _Frame, u: str) -> str:
    largest, low = frame.constant(np.array(LARGEST)), frame.constant(np.array(-LARGEST))
    around = frame.constant(np.array(2 * LARGEST))
    up = frame.op("Where", frame.op("LessOrEqual", u, low), frame.op("Add", u, around), u)
    return frame.op("Where", frame.op("Greater", u, largest), frame.op("Sub", u, around), up)
