"""The copy of SpikingJelly (`Qtrick_architecture`) that E-SpikeFormer for event cameras uses.

Its `Q_IFNode` rounds the membrane to several levels and subtracts the count, whatever `v_reset`
says. One call is one step, also where the caller hands it all frames at once: each frame then has
a membrane of its own, which lives until `reset()`.
"""

from __future__ import annotations

from typing import Any

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.probe import probe_fire
from snnc.converter.sources.spiking.registry import Library, NotExpressible, register


def _integrate(module: Any) -> SpikingNeuron:
    fire = probe_fire(module.surrogate_function)
    if fire["rounding"] == "step" or float(module.v_threshold) != 1.0:
        raise NotExpressible("another threshold than 1 or a binary surrogate function")
    return SpikingNeuron(**fire)


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
