"""Chip files: one TOML for each chip, with its limits, formats and energy figures."""

from snnc.backends.chips.chip import Chip, Limit, Mesh, NeuronSupport, SynapseFormat
from snnc.backends.chips.loader import chip_names, load_chip, parse_chip

__all__ = [
    "Chip",
    "Limit",
    "Mesh",
    "NeuronSupport",
    "SynapseFormat",
    "chip_names",
    "load_chip",
    "parse_chip",
]
