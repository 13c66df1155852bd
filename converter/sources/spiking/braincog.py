"""BrainCog: IFNode and LIFNode, one frame a call."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.registry import Library, NotExpressible, register


def _common(module: Any) -> dict[str, Any]:
    if getattr(module, "layer_by_layer", False):
        raise NotExpressible("layer_by_layer")
    return {"threshold": np.array(float(module.threshold)), "reset": "zero"}


def _if(module: Any) -> SpikingNeuron:
    return SpikingNeuron(**_common(module))


def _lif(module: Any) -> SpikingNeuron:
    rate = 1.0 / float(module.tau)
    return SpikingNeuron(decay=np.array(1.0 - rate), gain=np.array(rate), **_common(module))


def _restart(module: Any) -> None:
    module.n_reset()


register(
    Library(
        package="braincog",
        title="BrainCog",
        readers={"IFNode": _if, "LIFNode": _lif},
        base=frozenset({"BaseNode"}),
        restart=_restart,
    )
)
