"""The integer form of a float graph: plan, assemble, fit the target's width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snnc.converter.integer.assemble import Assembly, assemble
from snnc.converter.integer.facts import Rounding
from snnc.converter.integer.operands import two_operand_sums
from snnc.converter.integer.plan import Options, Plan
from snnc.converter.integer.sites import emits_free, origin
from snnc.converter.integer.solve import ANY_EXPONENT
from snnc.converter.integer.turn import TurnChannels
from snnc.converter.integer.width import excess_bits
from snnc.ir.arrays import FloatArray, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, PassFailed
from snnc.ir.graph import Graph
from snnc.ir.limits import SIM, Limits
from snnc.ir.nodes import HostOp, Population
from snnc.ir.widths import check_width

MIN_BITS, MAX_BITS = 2, 16
_MOST_TRIES = 24


@dataclass(frozen=True, eq=False)
class IntegerForm:
    """An integer graph with what is known about how it was made.

    Attributes:
        graph: the integer form; node and projection names are those of the float graph, but for
            the accumulators and identities that turn channels (`*.turned`, `*.turn`).
        membrane_steps: by population: signed real value of integer 1 of its membrane, (C,);
            negative where a channel is turned.
        rounding: what rounding cost.
    """

    graph: Graph
    membrane_steps: Mapping[str, FloatArray]
    rounding: Rounding


def integer_form(
    graph: Graph,
    *,
    weight_bits: int = 8,
    limits: Limits = SIM,
    settings: RunSettings | None = None,
) -> IntegerForm:
    """Make the integer form of a float graph.

    Args:
        graph: the float form.
        weight_bits: two's complement width of weights, 2 … 16.
        limits: of the target; weights wider than its synapses are for a pass to split.
        settings: the code and schedule for which widths are checked; default: graded.

    Raises:
        NotMonotone: an activation is no staircase.
        WidthExceeded: a membrane, current or payload cannot be brought within `limits`.
        GraphError: `graph` is not a well-formed float form.
    """
    if graph.form != "float":
        raise GraphError("the integer form is made from the float form")
    if not MIN_BITS <= weight_bits <= MAX_BITS:
        raise GraphError(f"weights have {MIN_BITS} … {MAX_BITS} bits, not {weight_bits}")
    _check_outputs(graph.validate())
    most = ANY_EXPONENT if limits.max_exponent is None else limits.max_exponent
    bits, most = weight_bits, min(most, ANY_EXPONENT)
    options = Options(
        bits=bits,
        limits=limits,
        max_exponent=most,
        two_operands=two_operand_sums(graph, bits, most),
    )
    settings = settings or RunSettings()
    spare = 0
    for _ in range(_MOST_TRIES):
        plan = Plan(graph, options)
        if not options.coarser:
            spare = options.bits - MIN_BITS + max(plan.exponent.values(), default=0)
        assembly = assemble(graph, plan, options, settings)
        if assembly.narrow:
            options = replace(options, narrow=options.narrow | assembly.narrow)
        elif assembly.turn:
            graph = TurnChannels(assembly.turn)(graph)
        else:
            coarser = _coarser(assembly, options, limits, spare)
            if coarser is None:
                return _finished(assembly, options)
            options = replace(options, coarser=coarser)
    raise PassFailed(
        "no integer form was found within the target's limits",
        where=graph.name,
        hint="use fewer weight bits or a target with wider registers",
    )


def _finished(assembly: Assembly, options: Options) -> IntegerForm:
    rounding = Rounding(options.bits, tuple(assembly.weights), tuple(assembly.membranes))
    return IntegerForm(assembly.graph.validate(), assembly.membrane_steps, rounding)


def _coarser(
    assembly: Assembly, options: Options, limits: Limits, spare: int
) -> dict[str, IntArray] | None:
    """Coarser steps for what passes the target's width; None if nothing does.

    Args:
        spare: bits that weights and exponents can lose before nothing of a branch is left.
    """
    graph, ranges = assembly.graph, assembly.ranges
    coarser = dict(options.coarser)
    changed = False
    for name in assembly.membrane_steps:
        excess = excess_bits(graph, name, ranges[name], limits)
        if excess.any():
            before = coarser.get(name, np.zeros(len(excess), dtype=np.int64))
            coarser[name] = before + excess
            changed |= bool(coarser[name].max() <= spare)
    if not changed:
        check_width(graph, ranges, limits)
        return None
    return coarser


def _check_outputs(graph: Graph) -> None:
    for output in graph.outputs:
        name = graph.incoming(output.name)[0].source
        node = origin(graph, name)
        if emits_free(graph, name) or not isinstance(node, Population | HostOp):
            continue
        if (node.step != node.step.flat[0]).any():
            raise GraphError(
                "an output reads counts whose channels have different steps",
                where=node.module_path or node.name,
                hint="use one scale for all channels of the last activation",
            )
