"""Bring every kernel into memory that a graph may call, before any clock runs."""

from __future__ import annotations

import numpy as np

from snnc.backends.event.changes import keeping
from snnc.backends.event.compile import Compiled
from snnc.backends.event.frames import run_frames
from snnc.backends.event.late import reraised
from snnc.backends.event.log import make_log
from snnc.backends.event.memory import Buffers, make_state
from snnc.backends.event.tables import ANY, GATHER, PLANE, SCATTER


def rehearse(compiled: Compiled, n_frames: int, *, noted: bool = False) -> None:
    """Run silent frames in which lists are delivered though nothing is in them, either way.

    What they leave is thrown away. Kernels that are called later all the same are bound then.

    Args:
        n_frames: of a sample, at most.
        noted: also what notes events, for a trace.
    """
    program, log = compiled.program, make_log(compiled, 1 if noted else 0)
    # a projection that delivers what came frames ago is silent in the first ones
    last = min(n_frames, 1 + int(program.projections["frames"].max(initial=0)))
    silence = {
        s.name: np.zeros((1, last, *s.shape), dtype=np.int64) for s in compiled.graph.sources
    }
    data = Buffers(compiled, silence, compiled.names).data
    for method in (SCATTER, GATHER, PLANE) if program.method == ANY else (program.method,):
        state = make_state(compiled, program)
        forced = keeping(program._replace(method=method, rehearsed=1), state)
        at = node = 0
        while at < last and state.exceeded[0] == 0:
            with reraised():
                at, node = run_frames(forced, state, data, log, at, last, last, node)
            log.used[:] = 0  # biases alone may make a node fire
