"""The copy of SpikingJelly (`Qtrick_architecture`) that E-SpikeFormer for event cameras uses.

Its `Q_IFNode` rounds the membrane to several levels and subtracts the count, whatever `v_reset`
says. It is called once with all frames, T first, so that each frame has a membrane of its own:
nothing passes from frame to frame, and `reset()` comes before the next sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.probe import probe_fire
from snnc.converter.sources.spiking.registry import Library, NotExpressible, register


def _integrate(module: Any) -> SpikingNeuron:
    fire = probe_fire(module.surrogate_function)
    if fire["rounding"] == "step" or float(module.v_threshold) != 1.0:
        raise NotExpressible("another threshold than 1 or a binary surrogate function")
    return SpikingNeuron(decay=np.array(0.0), time_axis=0, **fire)


def _restart(module: Any) -> None:
    module.reset()


register(
    Library(
        package="Qtrick_architecture",
        title="Qtrick_architecture",
        readers={"Q_IFNode": _integrate},
        base=frozenset({"BaseNode", "MemoryModule"}),
        restart=_restart,
    )
)
