"""Populations that pass their membrane on as it is."""

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.population import Population, PyPopulation


class Accumulator(Population):
    """count = v: residual streams, logits."""


@implements(proc=Accumulator, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAccumulator(PyPopulation):
    """`Accumulator` on the host."""

    def latch(self, v):
        return v


class Maximum(Population):
    """count = v, where `MaxSynapses` feed v with each tick's maximum."""


@implements(proc=Maximum, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyMaximum(PyPopulation):
    """`Maximum` on the host."""

    def latch(self, v):
        return v
