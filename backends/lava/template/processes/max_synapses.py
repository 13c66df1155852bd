"""Synapses of a max-pool."""

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


class MaxSynapses(AbstractProcess):
    """a_out[n] = maximum of s_in over the inputs of neuron n; a silent input counts as 0

    For unit spikes this is the OR of the +1 spikes minus the AND of the -1 spikes. Like Lava's
    own synapses it sends what arrived one step before.

    Args:
        connections: sparse 0/1 matrix, shape (n_out, n_in).
    """

    def __init__(self, *, connections, name: str) -> None:
        super().__init__(name=name)
        n_out, n_in = connections.shape
        matrix = connections.tocsr()
        matrix.sort_indices()
        self.s_in = InPort(shape=(n_in,))
        self.a_out = OutPort(shape=(n_out,))
        self.a_buff = Var(shape=(n_out,), init=0)
        self.inputs = Var(shape=matrix.indices.shape, init=matrix.indices)
        self.first = Var(shape=(n_out,), init=matrix.indptr[:-1])
        self.n_inputs = Var(shape=(n_out,), init=np.diff(matrix.indptr))


@implements(proc=MaxSynapses, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyMaxSynapses(PyLoihiProcessModel):
    """`MaxSynapses` on the host."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    inputs: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=32)
    first: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=32)
    n_inputs: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=32)

    def run_spk(self):
        self.a_out.send(self.a_buff)
        payload = self.s_in.recv()[self.inputs]
        connected = self.n_inputs > 0
        self.a_buff = np.zeros(len(self.first), dtype=np.int32)
        # neurons without inputs own no segment, so leaving them out keeps the segments whole
        self.a_buff[connected] = np.maximum.reduceat(payload, self.first[connected])
