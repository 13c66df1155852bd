"""NIR files: read with our own limits, straight into the float form of an event graph."""

from snnc.converter.nir.lower import read_nir

__all__ = ["read_nir"]
