"""Spiking modules of PyTorch libraries, read as `snnc` operators before a model is exported."""

from snnc.converter.sources.spiking.neuron import SpikingNeuron

__all__ = ["SpikingNeuron"]
