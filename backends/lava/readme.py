"""The README that travels in a bundle."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from snnc.backends.lava.environment import REQUIREMENTS
from snnc.backends.lava.plan import Plan
from snnc.backends.lava.synapses import weight_width
from snnc.backends.lava.text import comment_text
from snnc.ir.graph import Projection
from snnc.ir.nodes import HostOp, Input, Node, Output, Pattern, Population, Product
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
| neurons | {n_neurons} in {n_populations} populations |
| synapses | {n_synapses} in {n_projections} projections |
| widest membrane | {membrane} bits ({target}: {membrane_limit}) |
| largest current of a tick | {current} bits ({target}: {current_limit}) |
| widest payload of an event | {payload} bits ({target}: {payload_limit}) |
| longest delay | {delay} ticks ({target}: {delay_limit}) |

Widths are worst cases over all inputs. Numbers of the chip are those that are public; what needs
Loihi 2's programmable neurons is assumed to run there.

## Run it

    pip install -r requirements.txt        # in Python 3.10
    python run.py {command}results.npz

{inputs}
{rate}
`results.npz` holds for each population `counts/<name>`, shape (samples, frames, *shape), and
`events/<name>`, rows of tick, neuron and payload; neurons count in C order of their shape.

{outputs}

With snnc: `snnc run BUNDLE --data DATA` takes the model's own data, and
`snnc verify SOURCE BUNDLE --data DATA` compares every integer with other engines.

## Files

| file | what |
|---|---|
| network.py | the network: a process for each population and each projection |
| processes/ | neurons that Lava does not have: they integrate a whole window, then emit |
| synapses.py | weight matrices from kernels |
| weights.npz | kernels, thresholds, biases |
| run.py | runs it and ends it, whatever happens |
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

_INPUTS = """\
`inputs.npz` holds integer counts, samples first (a second axis for frames may be left out):

{rows}

For example

    import numpy as np
    np.savez("inputs.npz", **{{{example}}})"""


def requirements_text() -> str:
    """What pip installs for a bundle."""
    return "".join(f"{line}\n" for line in REQUIREMENTS)


_RATE = """
The code is `rate`, which is inexact: neurons fire while they integrate, and what a spike leaves of
a membrane is: {reset}. Each frame here is a tick, and {ticks} of them stand for one frame of the
source. A count k of an input with D levels becomes the spikes

    t = np.arange({ticks})
    spikes = (2 * (t + 1) * k + D) // (2 * D) - (2 * t * k + D) // (2 * D)

and what a population sent in {ticks} ticks stands for the count `round(sum * D / {ticks})`. The
levels D are {levels}.
"""


def readme_text(plan: Plan) -> str:
    """Markdown for people who got the folder and nothing else."""
    projections = [p for node in plan.nodes for p in plan.projections_into(node.name)]
    ranges = [plan.ranges[node.name] for node in plan.nodes]
    neurons = [node for node in plan.nodes if isinstance(node, Population | Product)]
    limits = plan.limits
    fed = [node for node in plan.nodes if _is_fed(node)]
    return _TEXT.format(
        name=comment_text(plan.graph.name),
        target=limits.target,
        code="rate" if METADATA in plan.graph.metadata else plan.settings.code,
        schedule=plan.settings.schedule,
        window=plan.schedule.window,
        period=plan.schedule.period,
        crossing=plan.schedule.n_ticks(1),
        n_neurons=sum(node.size for node in neurons),
        n_populations=len(neurons),
        n_synapses=sum(_n_synapses(plan, p) for p in projections),
        n_projections=len(projections),
        membrane=max(r.membrane_bits for r in ranges),
        current=max(r.current_bits for r in ranges),
        payload=max(r.payload_bits for r in ranges),
        delay=max((plan.schedule.delay[p.name] for p in projections), default=0),
        membrane_limit=limits.membrane_bits,
        current_limit=limits.current_bits,
        payload_limit=limits.payload_bits or "unit spikes",
        delay_limit=limits.max_delay,
        command="inputs.npz -o " if fed else "--samples 1 --frames 1 -o ",
        inputs=_inputs(fed),
        outputs="\n".join(_output(plan, node) for node in plan.graph.outputs),
        rate=_rate_text(plan),
        populations="\n".join(_row(plan, node) for node in plan.nodes),
        projections="\n".join(_projection_row(plan, p) for p in projections),
    )


def _rate_text(plan: Plan) -> str:
    """How counts become spikes and back, where the network runs in code `rate`."""
    facts = plan.graph.metadata.get(METADATA)
    if facts is None:
        return ""
    levels = {n.name: facts["levels"][n.name] for n in plan.nodes if n.name in facts["levels"]}
    return _RATE.format(ticks=facts["ticks"], reset=facts["reset"], levels=levels)


def _is_fed(node: Node) -> TypeGuard[Input | HostOp]:
    return isinstance(node, Input | HostOp) and not isinstance(node, Pattern)


def _inputs(fed: list[Input | HostOp]) -> str:
    if not fed:
        return "The network drives itself: it has no inputs."
    example = ", ".join(
        f"{comment_text(node.name)!r}: np.zeros({(1, *node.shape)}, dtype=int)" for node in fed
    )
    return _INPUTS.format(rows="\n".join(_input(node) for node in fed), example=example)


def _input(node: Input | HostOp) -> str:
    shape = ", ".join(map(str, node.shape))
    line = f"- `{comment_text(node.name)}`: shape (samples, {shape}), {node.lo} to {node.hi}"
    if isinstance(node, HostOp):
        return f"{line}: what the model's part on the host gives, in units of its step"
    if node.zero_point:
        return f"{line}: the model's {node.dtype} data minus {node.zero_point}"
    return f"{line}; count 1 stands for {node.step:g}"


def _output(plan: Plan, node: Output) -> str:
    """Where the model's output is found."""
    source = plan.graph.nodes[plan.graph.incoming(node.name)[0].source]
    line = f"The model's output `{comment_text(node.name)}` is `counts/{comment_text(source.name)}`"
    step = getattr(source, "step", None)
    if step is None or np.ndim(step):
        return f"{line}."
    over = "" if node.reduction == "none" else f", {node.reduction} over the frames"
    return f"{line} times {float(step):g}{over}."


def _row(plan: Plan, node: Node) -> str:
    shape = " x ".join(map(str, node.shape))
    what = node.model.kind if isinstance(node, Population) else node.kind
    r = plan.ranges[node.name]
    emits = f"{plan.graph.emits(node.name)}s {int(r.out_lo.min())} to {int(r.out_hi.max())}"
    start = plan.schedule.start[node.name]
    return f"| {_cell(node.name)} | {what} | {shape} | {node.size} | {emits} | {start} |"


def _projection_row(plan: Plan, p: Projection) -> str:
    port = "" if p.port == "in" else f" ({p.port})"
    earlier = f", {p.frames} frames later" if p.frames else ""
    return (
        f"| {_cell(p.source)} | {_cell(p.target)}{port} | {p.map.kind} | {_n_synapses(plan, p)} | "
        f"{weight_width(p)} | {plan.schedule.delay[p.name]}{earlier} |"
    )


def _n_synapses(plan: Plan, p: Projection) -> int:
    return int(p.fan_out(plan.graph.nodes[p.source].size).sum())


def _cell(name: str) -> str:
    return comment_text(name).replace("|", "/")
