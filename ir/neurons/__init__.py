"""Neuron models: each a frozen dataclass with its equations and its plain numpy kernel."""

from snnc.ir.neurons.base import NEURONS, Combine, Emission, NeuronModel, State
from snnc.ir.neurons.fire import FloatFire, IntegerFire
from snnc.ir.neurons.integrate import IF, LIF, Reset
from snnc.ir.neurons.passing import Accumulator, Max
from snnc.ir.neurons.rescaled import RescaledSum
from snnc.ir.registry import import_submodules

import_submodules(__name__, __path__)

__all__ = [
    "IF",
    "LIF",
    "NEURONS",
    "Accumulator",
    "Combine",
    "Emission",
    "FloatFire",
    "IntegerFire",
    "Max",
    "NeuronModel",
    "RescaledSum",
    "Reset",
    "State",
]
