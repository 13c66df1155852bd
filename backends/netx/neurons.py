"""Populations as netx's neurons [D: netx/hdf5.py, get_neuron_params]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snnc.ir.arrays import IntArray
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Delta, LoihiLIF, LoihiReadout, Sigma, SigmaDelta
from snnc.ir.nodes import Population

EXPONENT = 6
"""netx's spike_exp and state_exp."""
NONE = (0, 4096, 1 << 17)
"""Decays and threshold of a layer without neurons, which netx fills in."""
ALL_DECAY = 4096


def is_input(node: Population, incoming: Sequence[Projection]) -> bool:
    """Does a population take data one by one, as the neurons of an input layer do?"""
    if not isinstance(node.model, LoihiLIF | Delta) or len(incoming) != 1:
        return False
    (p,) = incoming
    forgets = isinstance(node.model, Delta) or node.model.decay_u == ALL_DECAY
    is_plain = isinstance(p.map, Identity) and bool((p.map.weight == 1).all())
    return is_plain and p.gather is None and forgets and not (p.exponent or p.frames)


def bias_of(node: Population) -> IntArray:
    """What joins the neurons each frame."""
    if (node.bias != 0).any():
        raise _refused(node, "its bias joins the current; netx's biases join the membrane")
    model = node.model
    return model.bias if isinstance(model, LoihiLIF | LoihiReadout | SigmaDelta) else np.array(0)


def neuron_of(node: Population, notes: list[str]) -> dict[str, Any] | None:
    """The group `neuron` of a layer; None where the format leaves it out.

    Raises:
        UnsupportedByTarget: netx has no such neuron.
    """
    model, where = node.model, node.module_path or node.name
    if isinstance(model, LoihiLIF | LoihiReadout):
        if model.reset_interval:
            notes.append(
                f"{where}: its reset every {model.reset_interval} frames is not in the file "
                "(reset_interval of netx)"
            )
        u, v, threshold = model.decay_u, model.decay_v, model.threshold
        if isinstance(model, LoihiReadout):
            if (u, v, threshold) == NONE:
                return None
            notes.append(f"{where}: its membrane is read (--readout membrane), in netx its spikes")
        return {
            "type": "CUBA",
            "iDecay": u,
            "vDecay": v,
            "vThMant": threshold,
            "refDelay": 1,
            "gradedSpike": False,
        }
    if isinstance(model, Delta | SigmaDelta):
        if (model.spike_exp, model.state_exp) != (EXPONENT, EXPONENT):
            raise _refused(node, "its exponents are not 6, as netx's are")
        return {"type": "SDNN", "vThMant": model.threshold, "activation": "relu"}
    if isinstance(model, Sigma):
        return {"type": "SDNN", "vThMant": 0, "activation": "relu", "sigma_output": True}
    raise _refused(
        node,
        f"a .net file has no {model.kind} neurons",
        hint="it has Loihi's LIF and sigma-delta neurons: models read from .net files have them",
    )


def _refused(node: Population, what: str, hint: str | None = None) -> UnsupportedByTarget:
    return UnsupportedByTarget(what, where=node.module_path or node.name, hint=hint)
