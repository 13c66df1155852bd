"""What an estimate assumes for a network and run, in words."""

from __future__ import annotations

from collections.abc import Iterator

from snnc.runtime.energy.counted import Counted, passes_sums
from snnc.runtime.energy.figures import Hardware


def assumptions(counted: Counted, hardware: Hardware) -> Iterator[str]:
    """Sentences without a full stop."""
    if not hardware.figures:
        yield "no energy per operation is published for this chip"
        return
    if hardware.payload == "unit":
        yield from _unit_spikes(counted)
    result = counted.result
    pooled = sum(c.max_pool_inputs for c in result.node_counters.values()) / result.n_samples
    if pooled and not any(f.counter == "max_pool_inputs" for f in hardware.figures):
        yield f"{pooled:,.0f} inputs of max-pools a sample are not in any figure"
    placed = counted.placed_on(hardware)
    if "hops" in hardware.parts:
        unplaced = ("hops between cores are not counted: they need a placement (`--map`)",)
        yield from unplaced if placed is None else placed.notes
    if "static" in hardware.parts:
        yield from _static(counted, hardware)


def _unit_spikes(counted: Counted) -> Iterator[str]:
    values = [name for name in counted.graph.nodes if passes_sums(counted.graph, name)]
    if values:
        yield (
            f"{_populations(values)} sums on as graded events ({_some(values)}); the chip "
            "has unit spikes only, and each such event is counted as one"
        )
    if counted.code != "burst":
        yield (
            f"the run used the code {counted.code}: operations are counted as unit spikes, but "
            "neuron updates are those of its few ticks; run with the code burst for this chip's "
            "ticks"
        )


def _static(counted: Counted, hardware: Hardware) -> Iterator[str]:
    n, placed = counted.chips(hardware), counted.placed_on(hardware) is not None
    how = "as placed" if placed else "the least that hold all neurons; `--map` says how many"
    yield f"static power is that of {n} chip{'s' if n > 1 else ''} ({how}), for every tick"


def _populations(names: list[str]) -> str:
    return "1 population passes" if len(names) == 1 else f"{len(names)} populations pass"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
