"""The README that travels in a bundle."""

from __future__ import annotations

from typing import TypeGuard

from snnc.backends.lava.environment import LAVA_VERSION
from snnc.backends.lava.plan import Plan
from snnc.backends.lava.text import comment_text
from snnc.ir.nodes import HostOp, Input, Node, Pattern

_TEXT = """\
# {name} for {target}

A spiking network as [Lava](https://github.com/lava-nc/lava) processes, written by snnc: code
`{code}`, schedule `{schedule}`, {window} ticks for one frame's counts, {crossing} ticks from input
to output.

## Run it

    pip install lava-nc=={lava} "numpy<2"        # Python 3.10
    python run.py inputs.npz -o results.npz

`inputs.npz` holds integer counts, samples first:

{inputs}

`results.npz` holds for each population `counts/<name>` (samples, frames, …) and `events/<name>`,
rows of tick, neuron and payload.

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

| name | shape | neurons | first tick |
|---|---|---|---|
{populations}
"""


def readme_text(plan: Plan) -> str:
    """Markdown for people who got the folder and nothing else."""
    name = comment_text(plan.graph.name)
    return _TEXT.format(
        name=name,
        target=plan.limits.target,
        code=plan.settings.code,
        schedule=plan.settings.schedule,
        window=plan.schedule.window,
        crossing=plan.schedule.n_ticks(1),
        lava=LAVA_VERSION,
        inputs="\n".join(_input(node) for node in plan.nodes if _is_fed(node)),
        populations="\n".join(_row(plan, node) for node in plan.nodes),
    )


def _is_fed(node: Node) -> TypeGuard[Input | HostOp]:
    return isinstance(node, Input | HostOp) and not isinstance(node, Pattern)


def _input(node: Input | HostOp) -> str:
    return f"- `{comment_text(node.name)}`: shape (samples, *{node.shape}), {node.lo} to {node.hi}"


def _row(plan: Plan, node: Node) -> str:
    name = comment_text(node.name).replace("|", "/")
    shape = " x ".join(map(str, node.shape))
    return f"| {name} | {shape} | {node.size} | {plan.schedule.start[node.name]} |"
