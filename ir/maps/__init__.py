"""Linear maps: how the synapses of a projection connect two populations.

Each map is one file: a frozen dataclass with its equation and its plain numpy kernel.
"""

from snnc.ir.maps.base import MAPS, Csr, LinearMap, exact_matmul
from snnc.ir.maps.conv import Conv
from snnc.ir.maps.dense import Dense
from snnc.ir.maps.sparse import Sparse
from snnc.ir.maps.structural import Identity, SumPool
from snnc.ir.registry import import_submodules

import_submodules(__name__, __path__)

__all__ = [
    "MAPS",
    "Conv",
    "Csr",
    "Dense",
    "Identity",
    "LinearMap",
    "Sparse",
    "SumPool",
    "exact_matmul",
]
