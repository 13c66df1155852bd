"""snnTorch: Leaky, Synaptic and Lapicque; they fire on `>`, and reset one frame late."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.converter.sources.spiking.neuron import Returned, SpikingNeuron
from snnc.converter.sources.spiking.probe import probe_fire
from snnc.converter.sources.spiking.registry import Library, NotExpressible, register
from snnc.ir.arrays import FloatArray


def _array(value: Any) -> FloatArray:
    return np.asarray(value.detach().cpu().numpy(), dtype=np.float64)


def _is_old(module: Any) -> bool:
    """Is it of the releases that publications carry with them: no graded spikes, no reset_mem?"""
    return not hasattr(module, "graded_spikes_factor")


def _firing(module: Any, *states: Returned) -> dict[str, Any]:
    """What all of them share."""
    if module.state_quant:
        raise NotExpressible("state_quant")
    if module.inhibition:
        raise NotExpressible("inhibition")
    reset = module.reset_mechanism
    delayed = getattr(module, "reset_delay", True)
    if reset == "subtract" and not delayed:
        raise NotExpressible("reset_delay=False and reset by subtraction")
    fire = probe_fire(module.spike_grad)
    if fire["rounding"] != "step":
        raise NotExpressible("a surrogate function that gives no binary spikes")
    return {
        **fire,
        "threshold": _array(module.threshold),
        "reset": reset,
        "reset_before": reset == "subtract",
        "scale": np.array(1.0) if _is_old(module) else _array(module.graded_spikes_factor),
        "returns": ("spikes", *states) if module.output or not module.init_hidden else ("spikes",),
    }


def _leaky(module: Any) -> SpikingNeuron:
    if _is_old(module) and not module.init_hidden and bool((module.beta != 1).any()):
        raise NotExpressible("an old snnTorch's reset, which leaks, without init_hidden")
    # a reset to zero that comes late is one at once: what is set to zero leaks nothing
    return SpikingNeuron(decay=_array(module.beta.clamp(0, 1)), **_firing(module, "membrane"))


def _synaptic(module: Any) -> SpikingNeuron:
    if _is_old(module):
        raise NotExpressible("an old snnTorch")
    fields = _firing(module, "current", "membrane")
    if fields["reset"] == "zero" and getattr(module, "reset_delay", True):
        raise NotExpressible("a reset to zero that also clears the next frame's input")
    return SpikingNeuron(
        kind="current-lif",
        i_decay=_array(module.alpha.clamp(0, 1)),
        decay=_array(module.beta.clamp(0, 1)),
        **fields,
    )


def _lapicque(module: Any) -> SpikingNeuron:
    if _is_old(module):
        raise NotExpressible("an old snnTorch")
    fields = _firing(module, "membrane")
    if fields["reset"] == "zero":
        raise NotExpressible("a reset to zero that also clears the next frame's input")
    r, c, step = (_array(getattr(module, name)) for name in ("R", "C", "time_step"))
    return SpikingNeuron(decay=1 - step / (r * c), gain=step / c, **fields)


def _restart(module: Any) -> None:
    if not _is_old(module):
        module.reset_mem()
    elif module.init_hidden:
        module.mem = module.init_leaky()


register(
    Library(
        package="snntorch",
        title="snnTorch",
        readers={"Leaky": _leaky, "Synaptic": _synaptic, "Lapicque": _lapicque},
        base=frozenset({"SpikingNeuron", "LIF", "LeakyParallel", "StateLeaky"}),
        restart=_restart,
    )
)
