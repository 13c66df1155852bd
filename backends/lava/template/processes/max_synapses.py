"""Synapses of a max-pool, of counts and of their changes."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.clock import FrameClock


class MaxSynapses(AbstractProcess):
    """a_out[n] = maximum of s_in over the inputs of neuron n; a silent input counts as 0

    For unit spikes this is the OR of the +1 spikes minus the AND of the -1 spikes. Like Lava's
    own synapses it sends what arrived one step before.

    Args:
        connections: sparse 0/1 matrix, shape (n_out, n_in).
    """

    def __init__(self, *, connections, name: str, **parameters) -> None:
        super().__init__(name=name, **parameters)
        n_out, n_in = connections.shape
        matrix = connections.tocsr()
        matrix.sort_indices()
        self.s_in = InPort(shape=(n_in,))
        self.a_out = OutPort(shape=(n_out,))
        self.a_buff = Var(shape=(n_out,), init=0)
        self.inputs = Var(shape=matrix.indices.shape, init=matrix.indices)
        self.first = Var(shape=(n_out,), init=matrix.indptr[:-1])
        self.n_inputs = Var(shape=(n_out,), init=np.diff(matrix.indptr))


class _PyMax(PyLoihiProcessModel):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    inputs: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=32)
    first: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=32)
    n_inputs: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=32)

    def largest(self, counts):
        """The maximum over each neuron's inputs; 0 where it has none."""
        connected = self.n_inputs > 0
        found = np.zeros(len(self.first), dtype=np.int32)
        # neurons without inputs own no segment, so leaving them out keeps the segments whole
        found[connected] = np.maximum.reduceat(counts[self.inputs], self.first[connected])
        return found


@implements(proc=MaxSynapses, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyMaxSynapses(_PyMax):
    """`MaxSynapses` on the host."""

    def run_spk(self):
        self.a_out.send(self.a_buff)
        self.a_buff = self.largest(self.s_in.recv())


class MaxChanges(MaxSynapses):
    """a_out[n] = what the maximum over the counts of n's inputs has changed by

    s_in brings the changes of these counts, which are kept until the sample ends.

    Args:
        connections: as of `MaxSynapses`.
        start, window, period, keeps: of the population that emits; see `FrameClock`.
    """

    def __init__(self, *, connections, start, window, period, keeps, name) -> None:
        super().__init__(connections=connections, name=name, clock=(start, window, period, keeps))
        n_out, n_in = connections.shape
        self.kept = Var(shape=(n_in,), init=0)
        self.maximum = Var(shape=(n_out,), init=0)


@implements(proc=MaxChanges, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyMaxChanges(_PyMax):
    """`MaxChanges` on the host."""

    kept: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    maximum: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = FrameClock(*proc_params["clock"])

    def run_spk(self):
        self.a_out.send(self.a_buff)
        arrived = self.s_in.recv()
        if self.clock.slot(self.time_step) == 0 and self.clock.begins(self.time_step):
            self.kept[:] = 0
            self.maximum[:] = 0
        self.kept[:] += arrived
        before = self.maximum.copy()
        self.maximum[:] = self.largest(self.kept)
        self.a_buff = self.maximum - before
