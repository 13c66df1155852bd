"""netx's neurons as models of the event graph [D: netx/hdf5.py, get_neuron_params]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from snnc.converter.netx.layers import Layer
from snnc.ir.arrays import IntArray
from snnc.ir.errors import GraphError, UnsupportedOperator
from snnc.ir.neurons import Delta, LoihiLIF, LoihiReadout, NeuronModel, Sigma, SigmaDelta

Readout: TypeAlias = Literal["spikes", "membrane"]

STATE_EXP = SPIKE_EXP = 6
NO_DECAY, ALL_DECAY = 0, 4096
NEVER = 1 << 17
"""Threshold of a layer without neurons: 1 << 18 - 1 there, which Python reads as 1 << 17."""

SPIKING = ("LOIHI", "CUBA")
_WITHOUT_EFFECT = {
    "wgtExp": 0,  # netx computes with weight exponents of its own
    "refDelay": 1,  # no more than the step that every spike takes
    "gradedSpike": 0,
}
"""Parameters that netx does not read, and the value with which that changes nothing."""
_READ = {
    "CUBA": frozenset({"type", "iDecay", "vDecay", "vThMant"}),
    "SDNN": frozenset({"type", "vThMant", "sigma_output"}),
}
_TRAINING = frozenset({"scaleRho", "tauRho", "theta", "activation"})
"""For the gradients; `activation` is checked."""


@dataclass(frozen=True, kw_only=True)
class Resets:
    """The periodic reset of netx's `reset_interval`, in frames.

    Attributes:
        interval: 0 for none.
        offset: first frame of the first layer that begins anew.
    """

    interval: int = 0
    offset: int = 0

    def fields(self, later: int) -> dict[str, int]:
        """For a layer that runs `later` frames behind the first one."""
        if not self.interval:
            return {}
        offset = (self.offset + later) % self.interval
        return {"reset_interval": self.interval, "reset_offset": offset}


def model(
    neuron: Layer | None, bias: IntArray, resets: dict[str, int], readout: Readout, where: str
) -> NeuronModel:
    """Neurons of a layer with synapses.

    Args:
        neuron: its group, None where the file has none: then the layer is read, it never fires.
        bias: (), (C,) or one for each neuron.
        resets: fields of a periodic reset.
        readout: what the layer passes on.
        where: the layer.

    Raises:
        UnsupportedOperator: no such neuron here, or not with these values.
    """
    if neuron is None:
        return _checked_lif(LoihiReadout, NO_DECAY, ALL_DECAY, NEVER, bias, resets, where)
    _check_unread(neuron, where)
    if neuron.type in SPIKING:
        kind = LoihiReadout if readout == "membrane" else LoihiLIF
        u, v, threshold = (neuron.number(name) for name in ("iDecay", "vDecay", "vThMant"))
        return _checked_lif(kind, u, v, threshold, bias, resets, where)
    if neuron.type == "SDNN":
        return _sigma_delta(neuron, bias, where)
    raise _unknown(neuron, where)


def input_model(neuron: Layer, bias: int, resets: dict[str, int], where: str) -> NeuronModel:
    """Neurons of an input layer: data join the membrane, as a bias does in netx."""
    _check_unread(neuron, where)
    if neuron.type in SPIKING:
        # no synapse leads here: the current is what a frame brings, and forgets it
        v, threshold = neuron.number("vDecay"), neuron.number("vThMant")
        return _checked_lif(LoihiLIF, ALL_DECAY, v, threshold, np.array(bias), resets, where)
    if neuron.type == "SDNN":
        return Delta(threshold=neuron.number("vThMant"), spike_exp=SPIKE_EXP, state_exp=STATE_EXP)
    raise _unknown(neuron, where)


def _checked_lif(
    kind: type[LoihiLIF] | type[LoihiReadout],
    u: int,
    v: int,
    threshold: int,
    bias: IntArray,
    resets: dict[str, int],
    where: str,
) -> NeuronModel:
    made = kind(decay_u=u, decay_v=v, threshold=threshold, bias=bias, **resets)
    try:
        made.validate(bias.shape or (1,), 0)
    except GraphError as error:
        raise UnsupportedOperator(f"its neurons: {error.what}", where=where) from None
    return made


def _sigma_delta(neuron: Layer, bias: IntArray, where: str) -> NeuronModel:
    threshold = neuron.number("vThMant")
    if not neuron.has("sigma_output"):
        return SigmaDelta(threshold=threshold, bias=bias, spike_exp=SPIKE_EXP, state_exp=STATE_EXP)
    if bias.any():
        raise UnsupportedOperator("a `sigma_output` has no bias in Lava", where=where)
    return Sigma()


def _unknown(neuron: Layer, where: str) -> UnsupportedOperator:
    return UnsupportedOperator(
        f"neurons of type `{neuron.type}` have no event form here",
        where=where,
        hint="known: LOIHI, CUBA, SDNN",
    )


def _check_unread(neuron: Layer, where: str) -> None:
    """Tell what stands there and does nothing."""
    read = _READ["SDNN" if neuron.type == "SDNN" else "CUBA"]
    for name in sorted(set(neuron.fields) - read - _TRAINING - set(_WITHOUT_EFFECT)):
        neuron.notes.append(f"{where}: netx does not read `{name}`")
    for name, harmless in _WITHOUT_EFFECT.items():
        if neuron.has(name) and neuron.number(name) != harmless:
            neuron.notes.append(f"{where}: netx does not read `{name}` ({neuron.number(name)})")
    said = neuron.fields.get("activation", "relu")
    if neuron.type == "SDNN" and said != "relu":
        neuron.notes.append(f"{where}: the file says activation `{said}`, netx computes ReLU")
