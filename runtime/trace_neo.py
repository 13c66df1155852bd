"""Traces as neo objects, and in NIX files: what electrophysiology's tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.backends.base import Stretch, joined
from snnc.ir.arrays import IntArray
from snnc.ir.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from snnc.runtime.trace import TraceResult
    from snnc.runtime.trace_files import TraceHead

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
    _check_signals((values.shape[1:] for values in (trace.membranes or {}).values()), 1)
    return _block([_segment(trace.names, trace.ticks, trace.whole())], trace)


@contextmanager
def nix_file(path: Path, head: TraceHead) -> Iterator[Callable[[Stretch], None]]:
    """A NIX file of one block, a segment for each sample; written when the block ends.

    Args:
        path: is overwritten.
        head: of the trace.

    Raises:
        MissingExtra: neo or nixio is not installed.
        DataError: more membranes than `MAX_SIGNALS`.
    """
    neo, _ = _neo()
    first, end = head.samples
    _check_signals(head.membranes.values(), end - first)
    parts: dict[int, list[Stretch]] = {sample: [] for sample in range(first, end)}

    def add(part: Stretch) -> None:
        parts[part.sample].append(part)

    yield add
    segments = [
        _segment(head.names, head.ticks, replace(joined(each), sample=sample))
        for sample, each in parts.items()
    ]
    with neo.NixIO(str(path), mode="ow") as file:
        file.write_block(_block(segments, head))


def _block(segments: Iterable[Any], about: Any) -> Any:
    """Samples together, with what is said of the run."""
    neo, _ = _neo()
    facts = {key: getattr(about, key) for key in ("code", "schedule", "n_ticks")}
    made = neo.Block(name="snnc trace", tick_ms=TICK_MS, **facts)
    made.segments.extend(segments)
    return made


def _segment(names: Sequence[str], ticks: tuple[int, int], part: Stretch) -> Any:
    neo, pq = _neo()
    tick = TICK_MS * pq.ms
    made = neo.Segment(name=f"sample {part.sample}", sample=part.sample)
    order = np.argsort(part.population, kind="stable")
    at = np.searchsorted(part.population[order], np.arange(len(names) + 1))
    for index, name in enumerate(names):
        chosen = order[at[index] : at[index + 1]]
        train = neo.SpikeTrain(
            part.tick[chosen] * tick,
            t_start=ticks[0] * tick,
            t_stop=ticks[1] * tick,
            name=name,
            array_annotations={"neuron": part.neuron[chosen], "payload": part.payload[chosen]},
        )
        made.spiketrains.append(train)
    membranes: Mapping[str, IntArray] = part.membranes or {}
    for name, values in membranes.items():
        signal = neo.AnalogSignal(
            values.reshape(len(values), -1),
            units=pq.dimensionless,
            sampling_rate=1 / tick,
            t_start=ticks[0] * tick,
            name=name,
            shape=list(values.shape[1:]),
        )
        made.analogsignals.append(signal)
    return made


def _check_signals(shapes: Iterable[Sequence[int]], n_samples: int) -> None:
    n = n_samples * sum(prod(shape) for shape in shapes)
    if n > MAX_SIGNALS:
        raise DataError(
            f"the membranes of {n:,} neurons are too many for NIX, which takes {MAX_SIGNALS:,}",
            hint="choose populations (--population), or write .h5, which takes any number",
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
