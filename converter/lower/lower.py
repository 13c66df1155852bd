"""Lower a source: every operator ends in the float graph or in a named error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import snnc.converter.lower.operators  # noqa: F401 (registers the rules)
from snnc.converter.lower.context import Lowering, OperatorFate
from snnc.converter.lower.evaluate import known_operands, run_node
from snnc.converter.lower.host import read_by_host_alone, runs_on_host
from snnc.converter.lower.host_bound import is_bounded
from snnc.converter.lower.operators.quantize import dequantised_constant
from snnc.converter.lower.outputs import add_output, keep_states
from snnc.converter.lower.refuse import mark_host, needs_host, require_neurons
from snnc.converter.lower.regions import Region, make_regions
from snnc.converter.lower.registry import RULES, LoweringRule
from snnc.converter.lower.rewrite import rewrite
from snnc.converter.lower.source import SourceNode, SourceView
from snnc.converter.lower.values import Constant, Host, Unknown, Value, chain_of
from snnc.converter.sources.model import SourceModel
from snnc.converter.sources.spiking.operators import DOMAIN, PATTERN
from snnc.ir.errors import NeedsInputGrid, SnncError, UnsupportedOperator
from snnc.ir.graph import Graph

FirstLayer = Literal["host", "chip"]


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """A source as a float event graph.

    Attributes:
        graph: the validated float form.
        onnx: serialised ONNX by member name: `source` (normalised), and one for each host operator.
        fates: what became of each operator of the source, by node name.
        notes: what a user should know about how it went.
    """

    graph: Graph
    onnx: Mapping[str, bytes]
    fates: Mapping[str, OperatorFate]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What would become of every operator.

    Attributes:
        view: the source.
        fates: by node name.
        problems: what the lowering of operators raised, by node name.
    """

    view: SourceView
    fates: Mapping[str, OperatorFate]
    problems: Mapping[str, SnncError]


def lower(
    source: SourceModel, *, first_layer: FirstLayer | None = None, no_host: bool = False
) -> Lowered:
    """Lower a normalised source to a float event graph.

    Args:
        source: the trained model.
        first_layer: `host` computes the analog part up to the first integer activation or
            residual stream on the host even where the input has a grid; `chip` refuses a host
            part; None: the host where the input has no grid.
        no_host: refuse whatever the host would have to compute.

    Raises:
        UnsupportedOperator: an operator has no event form, and the host cannot compute it; or
            nothing in the model fires.
        NeedsHost: `no_host`, and there is something for it.
        UnknownLevels: nothing bounds an integer activation.
        LevelsConflict: `--levels` contradicts the model.
        NeedsInputGrid: `chip` was asked for an input without a grid.
    """
    view = rewrite(source)
    lowering = _start(view, first_layer)
    for node in view.nodes:
        _lower_node(lowering, node)
    for name in source.outputs:
        add_output(lowering, name)
    keep_states(lowering)
    regions = make_regions(lowering)
    mark_host(lowering, regions)
    if no_host and regions:
        raise needs_host(lowering, regions)
    if regions:
        require_neurons(lowering)
    graph = lowering.builder.finish(source.name, _metadata(source))
    members = {"source": view.model.SerializeToString(deterministic=True)}
    members |= {name: region.model for name, region in regions.items()}
    return Lowered(
        graph=graph, onnx=members, fates=dict(lowering.fates), notes=_notes(source, regions)
    )


def survey(
    source: SourceModel, *, first_layer: FirstLayer | None = None, no_host: bool = False
) -> Survey:
    """Try every operator, going on behind those that cannot be converted."""
    view = rewrite(source)
    lowering = _start(view, first_layer)
    problems: dict[str, SnncError] = {}
    for node in view.nodes:
        try:
            _lower_node(lowering, node)
        except SnncError as error:
            problems[node.name] = error
            lowering.mark(node.name, "unsupported", error.what)
            for out in node.outputs:
                lowering.values[out] = Unknown(shape=view.shape(out))
    for name in source.outputs:
        try:
            if not isinstance(chain_of(lowering.values[name]).base, Unknown):
                add_output(lowering, name)
        except SnncError as error:
            producer = view.producer[name].name
            problems[producer] = error
            lowering.mark(producer, "unsupported", error.what)
    if not problems:
        problems |= _survey_host(lowering, no_host)
    return Survey(view=view, fates=dict(lowering.fates), problems=problems)


def _survey_host(lowering: Lowering, no_host: bool) -> dict[str, SnncError]:
    """What stands in the way of the host's part, by the source's node."""
    try:
        keep_states(lowering)
        regions = make_regions(lowering)
    except SnncError as error:
        first = next(iter(lowering.sent), "")
        if first:
            lowering.mark(first, "unsupported", error.what)
        return {first: error} if first else {}
    mark_host(lowering, regions)
    if not regions:
        return {}
    problems: dict[str, SnncError] = {}
    if no_host:
        refusal = needs_host(lowering, regions)
        problems = {name: refusal for region in regions.values() for name in region.nodes}
    else:
        try:
            require_neurons(lowering)
        except UnsupportedOperator as found:
            problems = {name: found for name in list(lowering.sent)[:1]}
    for name, problem in problems.items():
        lowering.mark(name, "unsupported", str(lowering.sent.get(name, problem).what))
    return problems


def _start(view: SourceView, first_layer: FirstLayer | None) -> Lowering:
    source = view.source
    analog = {i.name for i in source.inputs if i.grid is None or first_layer == "host"}
    if analog and first_layer == "chip":
        raise NeedsInputGrid(
            f"input `{min(analog)}` is analog, so its first layer cannot be events",
            where=source.name,
            hint="declare a grid: --input-range LO,HI --input-bits B, --calibrate DATA, or "
            "snnc.save_model(…, input=…)",
        )
    lowering = Lowering(view, analog=frozenset(analog), levels=source.levels)
    lowering.read_by_host = read_by_host_alone(view, RULES)
    for i in range(len(source.inputs)):
        lowering.add_input(i)
    for state in source.states:
        lowering.held[state.taken] = state
        shape = view.shape(state.taken)
        lowering.values[state.taken] = Host(shape=shape, tensor=state.taken)
    return lowering


def _lower_node(lowering: Lowering, node: SourceNode) -> None:
    operands = [lowering.values[name] for name in node.inputs if name]
    by_frame = node.op_type == f"{DOMAIN}::{PATTERN}"
    if all(isinstance(v, Constant) for v in operands) and not by_frame:
        _evaluate(lowering, node)
        return
    rule = RULES.get(node.op_type)
    data = [v for v in operands if not isinstance(v, Constant)]
    if any(isinstance(chain_of(v).base, Unknown) for v in data):
        _pass_unknown(lowering, node, rule)
        return
    try:
        if not _stays_on_host(lowering, node, rule):
            _refuse_own(lowering, node)
            _apply(lowering, node, rule)
    except UnsupportedOperator as error:
        _finish(lowering, node, lowering.send(node, error))


def _refuse_own(lowering: Lowering, node: SourceNode) -> None:
    reader = lowering.read_by_host.get(node.name)
    if reader is not None:
        reason = UnsupportedOperator(
            f"only {reader.op_type} reads it, which has no event form", where=node.where
        )
        lowering.joining.add(reason)
        raise reason


def _apply(lowering: Lowering, node: SourceNode, rule: LoweringRule | None) -> None:
    if rule is None:
        raise UnsupportedOperator(
            f"operator {node.op_type} has no event form",
            where=node.where,
            hint="replace it in the model, or convert only the part before it; "
            "`snnc check` lists every operator",
        )
    _refuse_half_precision(lowering, node)
    results = rule.apply(lowering, node)
    values = results if isinstance(results, tuple) else (results,)
    lowering.fates.setdefault(node.name, OperatorFate(rule.fate, rule.why))
    _finish(lowering, node, values)


def _refuse_half_precision(lowering: Lowering, node: SourceNode) -> None:
    """Sums in half precision are rounded at every step: no integer network computes the same."""
    halves = [o for o in node.outputs if o and lowering.view.dtype(o) in ("float16", "bfloat16")]
    if halves:
        raise UnsupportedOperator(
            f"{node.op_type} computes in {lowering.view.dtype(halves[0])}",
            where=node.where,
            hint="export the model in float32 (model.float()): its weights stay exactly the same",
        )


def _finish(lowering: Lowering, node: SourceNode, values: Sequence[Value]) -> None:
    for out, value in zip(node.outputs, values, strict=False):
        if out:
            lowering.values[out] = lowering.finish_output(out, value)


def _evaluate(lowering: Lowering, node: SourceNode) -> None:
    """An operator on constants only."""
    arrays = known_operands(lowering, node)
    lowering.mark(node.name, "folded", "a constant")
    if node.op_type == "DequantizeLinear" and lowering.exact:
        lowering.values[node.outputs[0]] = Constant(dequantised_constant(lowering, node, arrays))
        return
    results = run_node(lowering.view, node, arrays)
    for out, array in zip((out for out in node.outputs if out), results, strict=True):
        lowering.values[out] = Constant(array)


def _pass_unknown(lowering: Lowering, node: SourceNode, rule: LoweringRule | None) -> None:
    for out in node.outputs:
        if out:
            lowering.values[out] = Unknown(shape=lowering.view.shape(out))
    if rule is None:
        lowering.mark(node.name, "unsupported", f"operator {node.op_type} has no event form")
    else:
        lowering.mark(node.name, rule.fate, rule.why)


def _stays_on_host(lowering: Lowering, node: SourceNode, rule: LoweringRule | None) -> bool:
    """Let the host compute what depends on its own values only; True if that is all of the node.

    Where the host's part ends here, its tensors become host operators.
    """
    if not runs_on_host(lowering.view, node):
        return False
    names = [n for n in node.inputs if n and not isinstance(lowering.values[n], Constant)]
    on_host = [n for n in names if isinstance(chain_of(lowering.values[n]).base, Host)]
    if not on_host:
        return False
    if len(names) == 1 and rule is not None and rule.waits:
        return False
    settled = {n: lowering.settle(lowering.values[n]) for n in on_host}
    if len(on_host) == len(names) and all(isinstance(v, Host) for v in settled.values()):
        known = lowering.view.known_shape
        _finish(lowering, node, [Host(shape=known(n) or (), tensor=n) for n in node.outputs])
        lowering.mark(node.name, "host", "it reads what the host computes")
        return True
    product = rule.product if rule is not None else None
    if product is not None and any(
        isinstance(v, Host) and not is_bounded(lowering.view, v.tensor) for v in settled.values()
    ):
        raise UnsupportedOperator(
            f"{node.op_type} with a value of the host that nothing bounds", where=node.where
        )
    real = [n for n, v in settled.items() if isinstance(v, Host)]
    if product == "elementwise" and set(names) & lowering.view.behind(real):
        raise UnsupportedOperator(
            "multiplies a value by what the host makes of it", where=node.where
        )
    for name, value in settled.items():
        lowering.values[name] = lowering.stream(value) if isinstance(value, Host) else value
    return False


def _metadata(source: SourceModel) -> dict[str, Any]:
    return {"n_frames": source.n_frames, "outputs": list(source.outputs)}


def _notes(source: SourceModel, regions: Mapping[str, Region]) -> tuple[str, ...]:
    notes = []
    first = [region for region in regions.values() if not region.reads_events]
    if first:
        way = (
            "leave --first-layer host out"
            if all(i.grid is not None for i in source.inputs)
            else "declare an input grid (--input-range LO,HI --input-bits B, or "
            "snnc.save_model(…, input=…))"
        )
        notes.append(
            f"the analog first part ({_sizes(first)}) stays on the host; {way} to bring it on chip"
        )
    among = [region for region in regions.values() if region.reads_events]
    if among:
        where = "in one region" if len(among) == 1 else f"in {len(among)} regions"
        notes.append(
            f"what has no event form ({_sizes(among)}) stays on the host {where}; "
            "`snnc check` says why, --no-host refuses it"
        )
    return tuple(notes)


def _sizes(regions: Sequence[Region]) -> str:
    operators = dict.fromkeys(o for region in regions for o in region.operators)
    macs = sum(region.n_macs for region in regions)
    return f"{', '.join(operators)}; {macs:,} multiply-accumulates per sample"
