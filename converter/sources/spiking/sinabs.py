"""sinabs: IAF, LIF and ExpLeak, batch first and time second, or both merged (`…Squeeze`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.registry import Library, NotExpressible, register
from snnc.ir.arrays import FloatArray


def _array(value: Any) -> FloatArray:
    value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    return np.asarray(value, dtype=np.float64)


def _timed(module: Any) -> dict[str, Any]:
    squeezed = hasattr(module, "num_timesteps")
    return {"time_axis": 1, "squeezed": squeezed}


def _fire(module: Any) -> dict[str, Any]:
    function = module.spike_fn
    name = getattr(function, "__name__", type(function).__name__)
    floor: dict[str, Any] = {"rounding": "floor", "lo": 0, "hi": None}
    if name == "SingleSpike":
        return {"rounding": "step", "lo": 0, "hi": 1}
    if name == "MultiSpike":
        return floor
    if name == "MaxSpike":
        return {**floor, "hi": function.max_num_spikes_per_bin}
    raise NotExpressible(f"spike_fn {name}")


def _reset(module: Any) -> dict[str, Any]:
    function = module.reset_fn
    name = type(function).__name__
    if name == "MembraneSubtract" and function.subtract_value is None:
        return {"reset": "subtract"}
    if name == "MembraneReset" and function.reset_value == 0:
        return {"reset": "zero"}
    raise NotExpressible(f"reset_fn {function}")


def _lif(module: Any) -> SpikingNeuron:
    decay = _array(module.alpha_mem_calculated)
    gain = 1.0 - decay if module.norm_input else np.array(1.0)
    fields = {
        "decay": decay,
        "threshold": _array(module.spike_threshold),
        "v_min": None if module.min_v_mem is None else _array(module.min_v_mem),
        **_timed(module),
        **_fire(module),
        **_reset(module),
    }
    synaptic = module.alpha_syn_calculated
    if synaptic is None:
        return SpikingNeuron(gain=gain, **fields)
    # i = a * (i + x): the same current, its input scaled by a; norm_input scales what leaves it
    kept = _array(synaptic)
    return SpikingNeuron(kind="current-lif", i_decay=kept, gain=kept * gain, **fields)


def _exp_leak(module: Any) -> SpikingNeuron:
    if module.min_v_mem is not None:
        raise NotExpressible("min_v_mem")
    decay = _array(module.alpha_mem_calculated)
    gain = 1.0 - decay if module.norm_input else np.array(1.0)
    return SpikingNeuron(kind="trace", decay=decay, gain=gain, **_timed(module))


def _restart(module: Any) -> None:
    module.reset_states()


register(
    Library(
        package="sinabs",
        title="sinabs",
        readers={
            **dict.fromkeys(("LIF", "LIFSqueeze", "IAF", "IAFSqueeze"), _lif),
            **dict.fromkeys(("ExpLeak", "ExpLeakSqueeze"), _exp_leak),
        },
        base=frozenset({"StatefulLayer", "LIFRecurrent", "IAFRecurrent", "ALIF", "ALIFRecurrent"}),
        restart=_restart,
    )
)
