"""Traces as neo objects, and in NIX files: what electrophysiology's tools read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnc.ir.arrays import IntArray
from snnc.ir.errors import DataError, MissingExtra
from snnc.ir.file import atomic_path

if TYPE_CHECKING:
    from snnc.runtime.trace import TraceResult

TICK_MS = 1.0
"""A tick has no length of its own; neo's times need a unit, so that one stands for 1 ms."""
MAX_SIGNALS = 10_000
"""Neurons whose membranes are written: NIX keeps an object for each, some milliseconds of work."""


def to_neo(trace: TraceResult) -> Any:
    """A trace as a `neo.Block` of one segment.

    A population is one `neo.SpikeTrain` of its name: an event is a time, a tick standing for
    1 ms, and the array annotations `neuron` and `payload` say whose it was and what it carried.
    (A train for each neuron is what neo knows too, but a NIX file of some thousand trains takes
    minutes to write.) Membranes are `neo.AnalogSignal`s of the population's name, shape (ticks,
    neurons), one value at each tick's end.

    Raises:
        MissingExtra: neo is not installed.
        DataError: more membranes than `MAX_SIGNALS`.
    """
    about = {"code": trace.code, "schedule": trace.schedule, "n_ticks": trace.n_ticks}
    return block([segment(trace.sample, trace)], about)


def segment(sample: int, part: Any) -> Any:
    """One sample: a part has the names, columns, ticks and membranes of a `TraceResult`."""
    neo, pq = _neo()
    first, end = part.ticks
    made = neo.Segment(name=f"sample {sample}", sample=sample)
    for index, name in enumerate(part.names):
        chosen = part.population == index
        made.spiketrains.append(
            _train(name, part.tick[chosen], part.neuron[chosen], part.payload[chosen], first, end)
        )
    membranes: Mapping[str, IntArray] = part.membranes or {}
    check_signals(sum(values[0].size for values in membranes.values()))
    for name, values in membranes.items():
        signal = neo.AnalogSignal(
            values.reshape(len(values), -1),
            units=pq.dimensionless,
            sampling_rate=1 / (TICK_MS * pq.ms),
            t_start=first * TICK_MS * pq.ms,
            name=name,
            shape=list(values.shape[1:]),
        )
        made.analogsignals.append(signal)
    return made


def check_signals(n: int) -> None:
    """Refuse more membranes than NIX takes in reasonable time.

    Raises:
        DataError: there are more.
    """
    if n > MAX_SIGNALS:
        raise DataError(
            f"the membranes of {n:,} neurons are too many for NIX, which takes {MAX_SIGNALS:,}",
            hint="choose populations (--population), or write .h5, which takes any number",
        )


def block(segments: Iterable[Any], about: Mapping[str, Any]) -> Any:
    """Samples together, with what is said of the run."""
    neo, _ = _neo()
    made = neo.Block(name="snnc trace", tick_ms=TICK_MS, **about)
    made.segments.extend(segments)
    return made


def write_nix(made: Any, path: Path, *, force: bool) -> None:
    """Write a block as a NIX file.

    Raises:
        OutputExists: the file is there and `force` is false.
    """
    neo, _ = _neo()
    with (
        atomic_path(path, force=force) as temporary,
        neo.NixIO(str(temporary), mode="ow") as file,
    ):
        file.write_block(made)


def _train(
    name: str, tick: IntArray, neuron: IntArray, payload: IntArray, first: int, end: int
) -> Any:
    neo, pq = _neo()
    return neo.SpikeTrain(
        tick * TICK_MS * pq.ms,
        t_start=first * TICK_MS * pq.ms,
        t_stop=end * TICK_MS * pq.ms,
        name=name,
        array_annotations={"neuron": neuron, "payload": payload},
    )


def _neo() -> tuple[Any, Any]:
    try:
        import neo
        import nixio  # noqa: F401 – neo writes NIX files with it, and misses it late
        import quantities
    except ImportError as error:
        raise MissingExtra("a NIX trace needs neo and nixio", hint="pip install 'snnc[neo]'") from (
            error
        )
    return neo, quantities
