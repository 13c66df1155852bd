"""Mapping a model onto a chip: cores, places, traffic."""

from snnc.runtime.map.facade import map
from snnc.runtime.map.result import MapResult

__all__ = ["MapResult", "map"]
