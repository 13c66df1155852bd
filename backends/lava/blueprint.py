"""What a bundle is written from: networks for the chip, and what the host computes between them."""

from __future__ import annotations

from dataclasses import dataclass

from snnc.backends.lava.plan import ConvStyle, Plan, make_plan
from snnc.ir.codes import RunSettings
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp
from snnc.ir.ranges import analyse
from snnc.ir.rate import as_run
from snnc.ir.schedule import Schedule, make_schedule
from snnc.ir.stages import crosses_host, stages


@dataclass(frozen=True)
class HostCall:
    """One ONNX subgraph.

    Attributes:
        member: of the `.snnc` file that holds it.
        nodes: the host operators that it computes; all read the same.
    """

    member: str
    nodes: tuple[HostOp, ...]


@dataclass(frozen=True)
class Blueprint:
    """An integer graph cut where the host has a part.

    Attributes:
        graph: the whole of it, as it runs.
        settings: code and schedule of a run.
        target: `loihi1` or `loihi2`.
        conv: how convolutions stand in it.
        steps: networks and subgraphs, first to last.
        schedule: ticks of the whole graph, in which the host takes none.
    """

    graph: Graph
    settings: RunSettings
    target: str
    conv: ConvStyle
    steps: tuple[Plan | HostCall, ...]
    schedule: Schedule

    @property
    def plans(self) -> tuple[Plan, ...]:
        """What the chip runs."""
        return tuple(step for step in self.steps if isinstance(step, Plan))

    @property
    def host_calls(self) -> tuple[HostCall, ...]:
        """What the host computes."""
        return tuple(step for step in self.steps if isinstance(step, HostCall))

    def modules(self) -> tuple[str, ...]:
        """The networks' modules in the bundle, in the order of `plans`."""
        if len(self.plans) == 1:
            return ("network",)
        return tuple(f"network_{n + 1}" for n in range(len(self.plans)))


def make_blueprint(
    graph: Graph, settings: RunSettings, *, target: str = "loihi2", conv: ConvStyle = "sparse"
) -> Blueprint:
    """Check an integer graph against a target, network by network.

    Raises:
        NotExecutable, UnsupportedByTarget, WidthExceeded, UnknownBackend: as `make_plan`.
    """
    _check_host(graph, settings, target)
    frames = int(graph.metadata.get("n_frames", 1))
    played, ticking, frames = as_run(graph, settings, frames)
    if settings.rate is not None or not graph.host_ops:
        cut: list[tuple[tuple[HostOp, ...], Graph | None]] = [((), played)]
    else:
        found = stages(played, analyse(played, ticking, frames))
        cut = [(stage.hosts, stage.graph) for stage in found]
    steps: list[Plan | HostCall] = []
    for hosts, events in cut:
        steps += _calls(hosts)
        if events is not None:
            steps.append(make_plan(events, ticking, target=target, conv=conv, n_frames=frames))
    schedule = make_schedule(played, ticking)
    return Blueprint(played, settings, target, conv, tuple(steps), schedule)


def _calls(hosts: tuple[HostOp, ...]) -> list[HostCall]:
    members = dict.fromkeys(host.onnx for host in hosts)
    return [HostCall(m, tuple(host for host in hosts if host.onnx == m)) for m in members]


def _check_host(graph: Graph, settings: RunSettings, target: str) -> None:
    """Refuse what the host and the chip could not do in turns, each for the whole run."""
    for host in graph.host_ops:
        where = host.module_path or host.name
        if host.states:
            raise UnsupportedByTarget(
                f"the host keeps {', '.join(taken for taken, _ in host.states)} from frame to "
                f"frame; a bundle for {target} runs each network through all frames at once",
                where=where,
                hint="convert for `sim`; the event and the dense engine go frame by frame",
            )
        if settings.rate is not None and crosses_host(graph):
            raise UnsupportedByTarget(
                f"the host computes {', '.join(host.operators) or 'it'} behind events; code `rate` "
                "has its counts only when all ticks are over",
                where=where,
                hint="take another code; or convert for `sim`, and `snnc run --engine lava` goes "
                "stage by stage",
            )
