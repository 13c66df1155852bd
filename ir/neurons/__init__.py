"""Neuron models: each a frozen dataclass with its equations and its plain numpy kernel."""

from snnc.ir.neurons.base import (
    NEURONS,
    Bounds,
    Combine,
    Emission,
    IntegerSite,
    NeuronModel,
    State,
)
from snnc.ir.neurons.current_lif import CurrentLIF, FixedCurrentLIF
from snnc.ir.neurons.fire import FloatFire, IntegerFire
from snnc.ir.neurons.firing import Firing, FixedFiring, FloatFiring, Reset, Rounding, Stateful
from snnc.ir.neurons.integrate_fire import FixedIntegrateFire, IntegrateFire
from snnc.ir.neurons.loihi_lif import LoihiLIF, LoihiReadout
from snnc.ir.neurons.passing import Accumulator, Max
from snnc.ir.neurons.rescaled import RescaledSum
from snnc.ir.neurons.sigma_delta import Delta, Sigma, SigmaDelta
from snnc.ir.neurons.trace import FixedTrace, Trace
from snnc.ir.registry import import_submodules

import_submodules(__name__, __path__)

__all__ = [
    "NEURONS",
    "Accumulator",
    "Bounds",
    "Combine",
    "CurrentLIF",
    "Delta",
    "Emission",
    "Firing",
    "FixedCurrentLIF",
    "FixedFiring",
    "FixedIntegrateFire",
    "FixedTrace",
    "FloatFire",
    "FloatFiring",
    "IntegerFire",
    "IntegerSite",
    "IntegrateFire",
    "LoihiLIF",
    "LoihiReadout",
    "Max",
    "NeuronModel",
    "RescaledSum",
    "Reset",
    "Rounding",
    "Sigma",
    "SigmaDelta",
    "State",
    "Stateful",
    "Trace",
]
