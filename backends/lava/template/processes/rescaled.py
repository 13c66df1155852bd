"""Neurons that add two differently scaled counts."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.population import Population, PyPopulation


class RescaledSum(Population):
    """count = counts[v - first], the ends of the table going on

    One operand arrives with a power of two for weight, so that v names a pair of operands.

    Args:
        counts: shape (n,), one for each pair.
        first: the membrane that the table begins with.
    """

    def __init__(self, *, counts, first, **population) -> None:
        super().__init__(**population)
        self.counts = Var(shape=counts.shape, init=counts)
        self.first = Var(shape=(1,), init=first)


@implements(proc=RescaledSum, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRescaledSum(PyPopulation):
    """`RescaledSum` on the host."""

    counts: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    first: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def latch(self, v):
        return self.counts[np.clip(v - self.first[0], 0, len(self.counts) - 1)]
