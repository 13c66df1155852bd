"""The README that travels in a bundle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard

import numpy as np

from snnc.backends.lava.blueprint import Blueprint, HostCall
from snnc.backends.lava.environment import ONNXRUNTIME, REQUIREMENTS
from snnc.backends.lava.plan import TARGETS, Plan
from snnc.backends.lava.stages import fed as fed_inputs
from snnc.backends.lava.stages import onnx_files, operators, read_by
from snnc.backends.lava.synapses import weight_width
from snnc.backends.lava.text import comment_text
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Input, InputPart, Node, Output, Pattern, Population, Product
from snnc.ir.rate import METADATA

_TEXT = """\
# {name} for {target}

A spiking network as [Lava](https://github.com/lava-nc/lava) processes, written by snnc.

| | |
|---|---|
| event code, schedule | `{code}`, `{schedule}` |
| ticks of one frame's counts | {window} |
| ticks from one frame to the next | {period} |
| ticks from input to output | {crossing} |
| neurons | {n_neurons:,} in {n_populations} populations |
| synapses | {n_synapses:,} in {n_projections} projections |
| widest membrane | {membrane} bits ({target}: {membrane_limit}) |
| largest current of a tick | {current} bits ({target}: {current_limit}) |
| widest payload of an event | {payload} bits ({target}: {payload_limit}) |
| longest delay | {delay} ticks ({target}: {delay_limit}) |

Widths are worst cases over all inputs. Numbers of the chip are those that are public; what needs
Loihi 2's programmable neurons is assumed to run there. `snnc map BUNDLE --target {target}` says how
many cores and chips it takes.

A neuron sends a *count*, an integer that stands for count times step in the model: {coding}

## Run it

    pip install -r requirements.txt        # in Python 3.10
    python run.py {command}results.npz

{inputs}
{rate}
`results.npz` holds for each population `counts/<name>`, shape (samples, frames, *shape), and
`events/<name>`, rows of tick, neuron and payload; neurons count in C order of their shape.

{outputs}
{stages}
With snnc: `snnc run BUNDLE --data DATA` takes the model's own data, and
`snnc verify SOURCE BUNDLE --data DATA` compares every integer with other engines.

## Files

| file | what |
|---|---|
{network_files}
| processes/ | neurons that Lava does not have: they integrate a whole window, then emit |
| synapses.py | weight matrices from kernels |
| run.py | runs it and ends it, whatever happens |
| files.py, host.py, refused.py | of run.py: inputs and results, the host, refusals |
| model.snnc | the graph itself, for snnc |
| manifest.json | target, settings, a sha256 for each file |

## Populations

| name | what | shape | neurons | emits | first tick |
|---|---|---|---|---|---|
{populations}

## Projections

| from | to | map | synapses | weight bits | delay |
|---|---|---|---|---|---|
{projections}
"""

_CODING = {
    "burst": "as many spikes, one in each of the first ticks of its window.",
    "graded": "one event with the count as its payload.",
    "delta": "one event with what the count has changed by since the frame before.",
    "rate": "about as many spikes, spread over all ticks (inexact).",
}
"""How a count travels, by code."""

_INPUTS = """\
`inputs.npz` holds, samples first (a second axis for frames may be left out):

{rows}

For example

    import numpy as np
    np.savez("inputs.npz", **{{{example}}})"""

_STAGES = """
## Stages

What has no event form runs on the host, in [ONNX Runtime](https://onnxruntime.ai), before or
between networks on the chip; `stages.py` is the same as code. The host reads count times step and
gives integers: round_half_even(value / step) in float64. If `inputs.npz` holds the integers of a
host stage, under the names that it gives, that stage does not run, and needs no ONNX Runtime. Ticks
are counted as if the host took no time.

| stage | what | reads | gives |
|---|---|---|---|
{rows}
"""


def requirements_text(blueprint: Blueprint) -> str:
    """What pip installs for a bundle."""
    host = (ONNXRUNTIME,) if blueprint.host_calls else ()
    return "".join(f"{line}\n" for line in (*REQUIREMENTS, *host))


_RATE = """
The code is `rate`, which is inexact: neurons fire while they integrate, and what a spike leaves of
a membrane is: {reset}. Each frame here is a tick, and {ticks} of them stand for one frame of the
source. A count k of an input with D levels becomes the spikes

    t = np.arange({ticks})
    spikes = (2 * (t + 1) * k + D) // (2 * D) - (2 * t * k + D) // (2 * D)

and what a population sent in {ticks} ticks stands for the count `round(sum * D / {ticks})`. The
levels D are {levels}.
"""


def readme_text(blueprint: Blueprint) -> str:
    """Markdown for people who got the folder and nothing else."""
    rows = [
        (plan, p)
        for plan in blueprint.plans
        for n in plan.nodes
        for p in plan.projections_into(n.name)
    ]
    ranges = [plan.ranges[node.name] for plan in blueprint.plans for node in plan.nodes]
    neurons = [node for plan in blueprint.plans for node in _neurons(plan)]
    limits, schedule = TARGETS[blueprint.target], blueprint.schedule
    fed = _fed(blueprint)
    return _TEXT.format(
        name=comment_text(blueprint.graph.name),
        target=blueprint.target,
        code=blueprint.settings.code,
        schedule=blueprint.settings.schedule,
        coding=_CODING[blueprint.settings.code],
        window=schedule.window,
        period=schedule.period,
        crossing=schedule.n_ticks(1),
        n_neurons=sum(node.size for node in neurons),
        n_populations=len(neurons),
        n_synapses=sum(_n_synapses(plan, p) for plan, p in rows),
        n_projections=len(rows),
        membrane=max((r.membrane_bits for r in ranges), default=0),
        current=max((r.current_bits for r in ranges), default=0),
        payload=max((r.payload_bits for r in ranges), default=0),
        delay=max((plan.schedule.delay[p.name] for plan, p in rows), default=0),
        membrane_limit=limits.membrane_bits,
        current_limit=limits.current_bits,
        payload_limit=limits.payload_bits or "unit spikes",
        delay_limit=limits.max_delay,
        command="inputs.npz -o " if fed else "--samples 1 --frames 1 -o ",
        inputs=_inputs(fed),
        outputs="\n".join(_output(blueprint, node) for node in blueprint.graph.outputs),
        stages=_stages(blueprint),
        network_files="\n".join(_network_files(blueprint)),
        rate=_rate_text(blueprint),
        populations="\n".join(_populations(blueprint)),
        projections="\n".join(_projection_row(plan, p) for plan, p in rows),
    )


def _neurons(plan: Plan) -> list[Population | Product]:
    return [node for node in plan.nodes if isinstance(node, Population | Product)]


def _fed(blueprint: Blueprint) -> list[Input | HostOp]:
    """What an input file holds."""
    if blueprint.host_calls:
        return list(fed_inputs(blueprint.graph))
    return [node for plan in blueprint.plans for node in plan.nodes if _is_fed(node)]


def _stages(blueprint: Blueprint) -> str:
    if not blueprint.host_calls:
        return ""
    modules, files = iter(blueprint.modules()), onnx_files(blueprint)
    rows = []
    for n, step in enumerate(blueprint.steps):
        if isinstance(step, HostCall):
            what = f"{files[step.member]}: {operators(step)}"
            reads = _listed(p.source for p in read_by(blueprint.graph, step))
            gives = _listed(node.name for node in step.nodes)
        else:
            own = _neurons(step)
            many = "" if len(own) == 1 else "s"
            what = f"{next(modules)}.py: {len(own)} population{many} in Lava"
            reads = _listed(node.name for node in step.nodes if _is_fed(node))
            whole = blueprint.graph
            last = {p.source for p in whole.projections.values() if _leaves(whole, step, p)}
            gives = _listed(node.name for node in own if node.name in last)
        rows.append(f"| {n + 1} | {what} | {reads} | {gives} |")
    return _STAGES.format(rows="\n".join(rows))


def _leaves(whole: Graph, plan: Plan, p: Projection) -> bool:
    """Does what a projection brings leave the network that its source is in?"""
    stays = p.name in plan.graph.projections and not isinstance(whole.nodes[p.target], Output)
    return not stays and isinstance(plan.graph.nodes.get(p.source), Population | Product)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_cell(name) for name in dict.fromkeys(names))


def _network_files(blueprint: Blueprint) -> list[str]:
    rows = []
    for module in blueprint.modules():
        weights = module.replace("network", "weights") + ".npz"
        rows += [
            f"| {module}.py | a network: a process for each population and each projection |",
            f"| {weights} | its kernels, thresholds, biases |",
        ]
    if blueprint.host_calls:
        rows += ["| stages.py, host/ | what runs in which order, and the host's ONNX subgraphs |"]
    return rows


def _populations(blueprint: Blueprint) -> list[str]:
    """A row for each node, once."""
    rows: dict[str, str] = {}
    for plan in blueprint.plans:
        for node in plan.nodes:
            whole = blueprint.graph.nodes[node.name]
            if not isinstance(node, HostOp) or isinstance(whole, HostOp):
                start = blueprint.schedule.start[node.name]
                rows.setdefault(node.name, _row(plan, node, start))
    return list(rows.values())


def _rate_text(blueprint: Blueprint) -> str:
    """How counts become spikes and back, where the network runs in code `rate`."""
    facts = blueprint.graph.metadata.get(METADATA)
    if facts is None:
        return ""
    nodes = [node for plan in blueprint.plans for node in plan.nodes]
    levels = {n.name: facts["levels"][n.name] for n in nodes if n.name in facts["levels"]}
    return _RATE.format(ticks=facts["ticks"], reset=facts["reset"], levels=levels)


def _is_fed(node: Node) -> TypeGuard[Input | HostOp]:
    return isinstance(node, Input | HostOp) and not isinstance(node, Pattern)


def _inputs(fed: list[Input | HostOp]) -> str:
    if not fed:
        return "The network drives itself: it has no inputs."
    example = ", ".join(
        f"{comment_text(node.name)!r}: np.zeros({(1, *node.shape)}, dtype={_dtype(node)!r})"
        for node in fed
    )
    return _INPUTS.format(rows="\n".join(_input(node) for node in fed), example=example)


def _dtype(node: Input | HostOp) -> str:
    return node.dtype if isinstance(node, Input) and not node.grid else "int32"


def _input(node: Input | HostOp) -> str:
    shape = ", ".join(map(str, node.shape))
    line = f"- `{comment_text(node.name)}`: shape (samples, {shape})"
    if isinstance(node, Input) and not node.grid:
        return f"{line}, {node.dtype}: the model's data as it is; the host reads it"
    line = f"{line}, integer counts {node.lo} to {node.hi}"
    if isinstance(node, HostOp):
        return f"{line}: what the model's part on the host gives, in units of its step"
    whole = _whole(node)
    if isinstance(node, InputPart):
        sign, word = ("", "positive") if node.sign > 0 else ("-", "negative")
        return f"{line}: max({sign}q, 0), the {word} part of q, {whole} (`{node.whole}`)"
    return f"{line}: {whole}"


def _whole(node: Input) -> str:
    """How data becomes counts."""
    if np.dtype(node.dtype).kind in "bui":
        less = f" minus {node.zero_point}" if node.zero_point else ""
        return f"the model's {node.dtype} data{less}"
    how = "" if node.arithmetic == "float64" else f" in {node.arithmetic}"
    return f"the model's data divided by {node.step!r}{how}, rounded half to even"


def _output(blueprint: Blueprint, node: Output) -> str:
    """Where the model's output is found."""
    graph = blueprint.graph
    source = graph.nodes[graph.incoming(node.name)[0].source]
    over = "" if node.reduction == "none" else f", {node.reduction} over the frames"
    line = f"The model's output `{comment_text(node.name)}` is"
    if isinstance(source, HostOp) and source.result == "real":
        return f"{line} `reals/{comment_text(source.name)}`{over}."
    line = f"{line} `counts/{comment_text(source.name)}`"
    step = getattr(source, "step", None)
    if step is None or np.ndim(step):
        return f"{line}{over}."
    return f"{line} times {float(step)!r}{over}."


def _row(plan: Plan, node: Node, start: int) -> str:
    shape = " x ".join(map(str, node.shape))
    what = node.model.kind if isinstance(node, Population) else node.kind
    r = plan.ranges[node.name]
    emits = f"{plan.graph.emits(node.name)}s {int(r.out_lo.min())} to {int(r.out_hi.max())}"
    return f"| {_cell(node.name)} | {what} | {shape} | {node.size} | {emits} | {start} |"


def _projection_row(plan: Plan, p: Projection) -> str:
    port = "" if p.port == "in" else f" ({p.port})"
    earlier = f", {p.frames} frame{'' if p.frames == 1 else 's'} later" if p.frames else ""
    return (
        f"| {_cell(p.source)} | {_cell(p.target)}{port} | {p.map.kind} | {_n_synapses(plan, p)} | "
        f"{weight_width(p)} | {plan.schedule.delay[p.name]}{earlier} |"
    )


def _n_synapses(plan: Plan, p: Projection) -> int:
    return int(p.fan_out(plan.graph.nodes[p.source].size).sum())


def _cell(name: str) -> str:
    return comment_text(name).replace("|", "/")
