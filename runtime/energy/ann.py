"""The same network without spikes: its multiply-accumulates at 45 nm figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snnc.backends.base import EngineResult
from snnc.ir.graph import Graph
from snnc.runtime.energy.loader import load_hardware

WEIGHTED_MAPS = frozenset({"dense", "conv", "sparse"})
"""Maps with a weight for each synapse; the others only add (skips, sum-pools)."""


@dataclass(frozen=True, kw_only=True)
class AnnBaseline:
    """A non-spiking form of the network, one sample.

    Attributes:
        name: `float` or `integer`.
        title: for people.
        hardware: the hardware file whose figures are used.
        macs: multiply-accumulates of weighted layers, those on the host included.
        additions: of skip connections and sum-pools.
        picojoule: energy of one sample, arithmetic only.
    """

    name: str
    title: str
    hardware: str
    macs: float
    additions: float
    picojoule: float

    def to_json(self) -> dict[str, Any]:
        """All attributes by name."""
        return asdict(self)


def ann_baselines(
    graph: Graph, result: EngineResult, host_macs: int
) -> tuple[AnnBaseline, AnnBaseline]:
    """The float and the integer network beside the spiking one.

    Args:
        graph: the integer graph that was run.
        result: of the run; its `dense_macs` are used.
        host_macs: multiply-accumulates on the host, all samples together.
    """
    macs, additions = float(host_macs), 0.0
    for name, counters in result.counters.items():
        projection = graph.projections.get(name)
        if projection is None or projection.map.kind in WEIGHTED_MAPS:
            macs += counters.dense_macs
        else:
            additions += counters.dense_macs
    macs, additions = macs / result.n_samples, additions / result.n_samples
    return (
        _baseline("float", "ANN, 32-bit floating point", "45nm", macs, additions),
        _baseline("integer", "ANN, 8-bit integers", "45nm-int8", macs, additions),
    )


def _baseline(name: str, title: str, hardware: str, macs: float, additions: float) -> AnnBaseline:
    picojoule = {f.counter: f.picojoule for f in load_hardware(hardware).figures}
    energy = macs * picojoule["effective_macs"] + additions * picojoule["effective_acs"]
    return AnnBaseline(
        name=name,
        title=title,
        hardware=hardware,
        macs=macs,
        additions=additions,
        picojoule=energy,
    )
