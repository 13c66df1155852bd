"""SpikingJelly: IF, LIF, parametric LIF and I-LIF nodes, single-step and multi-step.

Old versions (`clock_driven`) have multi-step classes of their own; copies whose surrogate
function rounds to several levels are found by asking the surrogate function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.probe import probe_fire
from snnc.converter.sources.spiking.registry import Library, NotExpressible, register


def _common(module: Any) -> dict[str, Any]:
    threshold = _number(module.v_threshold)
    at = 0.0 if module.v_reset is None else _number(module.v_reset)
    fire = probe_fire(module.surrogate_function)
    if fire["rounding"] != "step" and (module.v_reset is not None or threshold != 1.0):
        # the surrogate is given v - threshold or v as the copy pleases
        raise NotExpressible("a surrogate function of several levels and a hard reset")
    return {
        **fire,
        # voltages count from v_reset, where the membrane starts and to which it leaks
        "threshold": threshold - at,
        "reset": "subtract" if module.v_reset is None else "zero",
        "time_axis": 0 if _multi_step(module) else None,
    }


def _number(value: Any) -> float:
    return float(value)


def _multi_step(module: Any) -> bool:
    mode = getattr(module, "step_mode", None)
    if mode is None:
        return type(module).__name__.startswith("MultiStep")
    return bool(mode == "m")


def _integrate(module: Any) -> SpikingNeuron:
    return SpikingNeuron(**_common(module))


def _leak(module: Any, kept: float) -> SpikingNeuron:
    gain = 1.0 - kept if getattr(module, "decay_input", True) else 1.0
    return SpikingNeuron(decay=np.array(kept), gain=np.array(gain), **_common(module))


def _lif(module: Any) -> SpikingNeuron:
    return _leak(module, 1.0 - 1.0 / _number(module.tau))


def _parametric(module: Any) -> SpikingNeuron:
    return _leak(module, 1.0 - _number(module.w.detach().sigmoid()))


def _ilif(module: Any) -> SpikingNeuron:
    fire = probe_fire(module.surrogate_function)
    return SpikingNeuron(
        decay=np.array(1.0 - 1.0 / _number(module.tau)),
        threshold=np.array(_number(module.v_threshold)),
        time_axis=0 if _multi_step(module) else None,
        **fire,
    )


def _restart(module: Any) -> None:
    module.reset()


register(
    Library(
        package="spikingjelly",
        title="SpikingJelly",
        readers={
            **dict.fromkeys(("IFNode", "SimpleIFNode", "MultiStepIFNode", "Q_IFNode"), _integrate),
            **dict.fromkeys(("LIFNode", "SimpleLIFNode", "MultiStepLIFNode"), _lif),
            **dict.fromkeys(("ParametricLIFNode", "MultiStepParametricLIFNode"), _parametric),
            "ILIFNode": _ilif,
        },
        base=frozenset({"BaseNode", "SimpleBaseNode", "NonSpikingBaseNode", "MemoryModule"}),
        stateless=frozenset({"Dropout", "Dropout2d", "MultiStepDropout", "MultiStepDropout2d"}),
        restart=_restart,
    )
)
