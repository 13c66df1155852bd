"""The text of `network.py`: a graph as readable Lava."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from snnc.backends.lava.neurons import node_call
from snnc.backends.lava.plan import Plan
from snnc.backends.lava.synapses import synapses_of
from snnc.backends.lava.text import (
    Call,
    Imports,
    assignment,
    comment_text,
    identifiers,
    quoted,
    table,
)
from snnc.ir.codes import CODES
from snnc.ir.graph import Projection
from snnc.ir.nodes import HostOp, Input, Node, Pattern
from snnc.ir.rate import METADATA

WEIGHTS = "weights.npz"

_RESERVED = (
    "INPUTS", "PERIOD", "SENDS_CHANGES", "START", "WINDOW", "Path", "np", "w",
    "build", "counts", "frames_per_sample", "n_ticks",
    "Conv", "Dense", "SignMode", "Sparse",
)  # fmt: skip
"""Names that network.py uses for itself, or imports from Lava."""

_CLOCK = frozenset({*(code.upper() for code in CODES), "SILENT"})
"""What arguments may name of processes/clock.py."""

_DEFINED = re.compile(r"^(?:class |def )?([A-Za-z]\w*)(?: = |[(:])", re.MULTILINE)


@cache
def reserved_names() -> frozenset[str]:
    """Names that populations cannot have in network.py: its own and all that it may import."""
    template = resources.files("snnc.backends.lava") / "template"
    files = [template / "synapses.py", *(template / "processes").iterdir()]
    texts = [f.read_text(encoding="utf-8") for f in files if f.name.endswith(".py")]
    return frozenset({*_RESERVED, *(name for text in texts for name in _DEFINED.findall(text))})


def network_text(plan: Plan, weights: str = WEIGHTS) -> str:
    """Python source of the whole network; fills `plan.arrays` on the way.

    Args:
        weights: file that will hold these arrays.
    """
    imports = Imports()
    names = identifiers((node.name for node in plan.nodes), reserved_names())
    synapse_names = _synapse_names(plan, names)
    body: list[str] = []
    back: list[str] = []  # what comes from populations that are made further down
    made: set[str] = set()
    for node in plan.nodes:
        body += ["", f"    # {_describe(plan, node)}"]
        body += _place(imports, names[node.name], node_call(plan, node, names[node.name]))
        made.add(node.name)
        for p in plan.projections_into(node.name):
            lines = body if p.source in made else back
            lines += _connect(plan, imports, names, synapse_names, p)
    if back:
        body += ["", "    # recurrent synapses", *back]
    listed = [f"        {quoted(node.name)}: {names[node.name]}," for node in plan.nodes]
    lines = [
        *_head(plan),
        "from pathlib import Path",
        "",
        "import numpy as np",
        *imports.lines("lava"),
        "",
        *imports.lines("processes"),
        *imports.lines("synapses"),
        "",
        f"WINDOW = {plan.schedule.window}  # ticks in which one frame's counts travel",
        f"PERIOD = {plan.schedule.period}  # ticks from one frame to the next",
        f"SENDS_CHANGES = {plan.settings.sends_changes}  # do events say what counts changed by?",
        "",
        *table("START", _starts(plan), "tick at which a population sends its first frame"),
        "",
        *table("INPUTS", _inputs(plan), "shape, lowest and highest count"),
        "",
        "",
        "def n_ticks(n_frames):",
        '    """Steps until the last event of `n_frames` frames has been sent."""',
        "    return max(START.values()) + WINDOW + (n_frames - 1) * PERIOD",
        "",
        "",
        "def build(counts, frames_per_sample=1):",
        '    """The populations by name; the synapses hang between them.',
        "",
        "    Args:",
        "        counts: integers by input, shape (n_frames, *shape), sample after sample.",
        "        frames_per_sample: membranes that outlive a frame start again after so many.",
        '    """',
        f'    w = np.load(Path(__file__).parent / "{weights}")',
        *body,
        "",
        "    return {",
        *listed,
        "    }",
    ]
    return "\n".join(lines) + "\n"


def _head(plan: Plan) -> list[str]:
    code, schedule = plan.settings.code, plan.settings.schedule
    return [
        f'"""`{_docstring(plan.graph.name)}` as Lava processes.',
        "",
        f"Written by snnc for {plan.limits.target}: code {code}, schedule {schedule}. There is a",
        "process for each population and one for each projection: lava-nc's own synapses, and",
        "neurons from lava-nc or from the folder `processes`.",
        "",
        "Ticks count from 0, Lava's time_step from 1. A population integrates for WINDOW ticks,",
        "latches at tick START + n * PERIOD what frame n has brought, and sends it from then on.",
        *_rate_lines(plan),
        "",
        "Lava's synapses keep only even weights where signs are mixed, so weights W stand as 2 * W",
        "with a weight_exp that is 1 less: exact for -128 to 127.",
        '"""',
        "",
    ]


def _rate_lines(plan: Plan) -> list[str]:
    facts = plan.graph.metadata.get(METADATA)
    if facts is None:
        return []
    return [
        "",
        f"The frames of this network are ticks: {facts['ticks']} of them stand for one frame of "
        "the source, in the",
        f"inexact code `rate` (reset {facts['reset']}); README.md says how counts become spikes.",
    ]


def _docstring(text: str) -> str:
    return comment_text(text).replace("\\", "/").replace('"', "'")


def _synapse_names(plan: Plan, names: dict[str, str]) -> dict[str, str]:
    """Identifiers of projections, and of what stands beside them."""
    found: dict[str, str] = {}
    for suffix in ("", "_low", "_high", "_delay"):
        taken = [*reserved_names(), *names.values(), *found.values()]
        for name in plan.graph.projections:
            # a layer's synapses often have the name of its neurons
            own = f"{name} synapses" if name in names and not suffix else f"{name}{suffix}"
            found[f"{name}{suffix}"] = identifiers([own], taken)[own]
            taken.append(found[f"{name}{suffix}"])
    return found


def _connect(
    plan: Plan,
    imports: Imports,
    names: dict[str, str],
    synapse_names: dict[str, str],
    p: Projection,
) -> list[str]:
    source, target = names[p.source], names[p.target]
    port = "a_in" if p.port == "in" else f"{p.port}_in"
    receiver = f"{target}.{port}"
    made: list[str] = []
    wired: list[str] = []
    waiting = _delay(plan, p)
    delay = synapse_names[f"{p.name}_delay"]
    arrives = receiver if waiting is None else f"{delay}.a_in"
    for part in synapses_of(plan, p, synapse_names[p.name]):
        own = synapse_names[f"{p.name}_{part.suffix}" if part.suffix else p.name]
        imports.add("synapses", *part.helpers)
        if "sign_mode" in part.call.arguments:
            imports.add("lava.utils.weightutils", "SignMode")
        made += _place(imports, own, part.call)
        wired.append(f"    {source}.s_out{part.before}.connect({own}.s_in)")
        wired.append(f"    {own}.a_out{part.after}.connect({arrives})")
    if waiting is not None:
        made += _place(imports, delay, waiting)
        wired.append(f"    {delay}.a_out.connect({receiver})")
    return [*made, *wired]


def _delay(plan: Plan, p: Projection) -> Call | None:
    """What stands behind synapses whose events wait."""
    ticks = plan.schedule.delay[p.name]
    arguments = {
        "name": quoted(f"{p.name} (delay)"),
        "shape": repr(plan.graph.nodes[p.target].port_shape(p.port)),
        "ticks": repr(ticks),
    }
    if not p.frames:
        return Call("processes.delay", "Delay", arguments) if ticks else None
    arguments |= {
        "frames": repr(p.frames),
        "start": f"START[{quoted(p.source)}]",
        "window": "WINDOW",
        "period": "PERIOD",
        "frames_per_sample": "frames_per_sample",
    }
    return Call("processes.frame_delay", "FrameDelay", arguments)


def _place(imports: Imports, name: str, call: Call) -> list[str]:
    imports.add(call.module, call.callee)
    imports.add("processes.clock", *(v for v in call.arguments.values() if v in _CLOCK))
    return assignment(name, call)


def _describe(plan: Plan, node: Node) -> str:
    r = plan.ranges[node.name]
    extent = " x ".join(map(str, node.shape))
    name = comment_text(node.module_path or node.name)
    what = "values" if plan.graph.emits(node.name) == "value" else "counts"
    return f"{name}: {extent} neurons, {what} {int(r.out_lo.min())} to {int(r.out_hi.max())}"


def _starts(plan: Plan) -> dict[str, str]:
    return {node.name: repr(plan.schedule.start[node.name]) for node in plan.nodes}


def _inputs(plan: Plan) -> dict[str, str]:
    return {
        node.name: f"({node.shape}, {node.lo}, {node.hi})"
        for node in plan.nodes
        if isinstance(node, Input | HostOp) and not isinstance(node, Pattern)
    }
