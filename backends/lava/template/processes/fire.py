"""Neurons with an integer activation."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.population import Population, PyPopulation


class IntegerFire(Population):
    """count = lo + number of thresholds that v has reached

    Args:
        thresholds: shape (n_levels, *s) with s broadcastable to the population's shape.
        lo: the smallest count.
    """

    def __init__(self, *, thresholds, lo=0, **population) -> None:
        super().__init__(**population)
        self.thresholds = Var(shape=thresholds.shape, init=thresholds)
        self.lo = Var(shape=(1,), init=lo)


@implements(proc=IntegerFire, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegerFire(PyPopulation):
    """`IntegerFire` on the host."""

    thresholds: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    lo: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def latch(self, v):
        count = np.full(v.shape, self.lo[0], dtype=np.int32)
        for threshold in self.thresholds:
            count += v >= threshold
        return count
