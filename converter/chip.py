"""Which passes a target's limits demand of an integer graph."""

from __future__ import annotations

from snnc.converter.integer.solve import ANY_EXPONENT
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.limits import Limits
from snnc.ir.passes.bias_synapses import BiasSynapses
from snnc.ir.passes.chip import ChipPass, run_chip_passes
from snnc.ir.passes.direct_projections import DirectProjections
from snnc.ir.passes.insert_relays import InsertRelays
from snnc.ir.passes.split_signs import SplitSigns
from snnc.ir.passes.split_weights import SplitWeights


def for_chip(graph: Graph, limits: Limits, settings: RunSettings) -> tuple[Graph, tuple[str, ...]]:
    """An integer graph as the target can run it, and what the user should know about it.

    What no pass can mend is left as it is: `check_fit` refuses it by name.
    """
    passes: list[ChipPass] = []
    if limits.payload_bits == 0:
        passes += [DirectProjections(), SplitSigns(settings=settings)]
    if limits.bias_bits is not None:
        passes.append(
            BiasSynapses(
                settings=settings,
                bias_bits=limits.bias_bits,
                exponent_bits=limits.bias_exponent_bits or 0,
            )
        )
    if limits.weight_bits is not None:
        most = ANY_EXPONENT if limits.max_exponent is None else limits.max_exponent
        passes.append(SplitWeights(weight_bits=limits.weight_bits, max_exponent=most))
    if limits.max_delay is not None:
        passes.append(InsertRelays(settings=settings, max_delay=limits.max_delay))
    return run_chip_passes(graph, passes)
