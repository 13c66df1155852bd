"""Mapping: populations and their synapses onto the neuro-cores of a chip."""

from snnc.backends.mapping.model import Box, Mapping, Operands, Piece, Reason, Split, Verdict
from snnc.backends.mapping.partition import map_graph

__all__ = ["Box", "Mapping", "Operands", "Piece", "Reason", "Split", "Verdict", "map_graph"]
