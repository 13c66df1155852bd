"""Where two runs of one graph differ; no difference is small."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.base import Counters, Engine, EngineResult, NodeCounters, Trace, TracingSession
from snnc.backends.conformance.cases import Case
from snnc.backends.rate import open_session
from snnc.ir.arrays import IntArray


def run_case(engine: Engine, case: Case) -> EngineResult:
    """A case on an engine."""
    session = open_session(engine, case.graph, case.settings, case.n_frames)
    return session.run(case.feeds)


def trace_case(engine: Engine, case: Case, sample: int, *, membranes: bool = True) -> Trace | None:
    """Every event and membrane of one sample, or None where the engine has no ticks."""
    session = open_session(engine, case.graph, case.settings, case.n_frames)
    if not isinstance(session, TracingSession):
        return None
    feeds = {name: feed[sample : sample + 1] for name, feed in case.feeds.items()}
    return session.trace(feeds, membranes=membranes)


def differences(expected: EngineResult, got: EngineResult, *, synapses: bool = True) -> list[str]:
    """One line for each thing in which two results differ.

    Args:
        synapses: compare counters as well.
    """
    lines = [
        f"{name}: {getattr(got, name)}, expected {getattr(expected, name)}"
        for name in ("n_samples", "n_ticks")
        if getattr(got, name) != getattr(expected, name)
    ]
    lines += array_differences(expected.counts, got.counts)
    if synapses:
        lines += counter_differences(expected.counters, got.counters)
        lines += counter_differences(expected.node_counters, got.node_counters)
    return lines


def trace_differences(expected: Trace, got: Trace) -> list[str]:
    """One line for each thing in which two traces differ; membranes where `got` has them."""
    lines = [
        f"{name}: {getattr(got, name)}, expected {getattr(expected, name)}"
        for name in ("names", "n_ticks")
        if getattr(got, name) != getattr(expected, name)
    ]
    columns = ("tick", "population", "neuron", "payload")
    lines += array_differences(
        {name: getattr(expected, name) for name in columns},
        {name: getattr(got, name) for name in columns},
    )
    if got.membranes is None:
        return lines
    return lines + array_differences(expected.membranes or {}, got.membranes)


def array_differences(expected: Mapping[str, IntArray], got: Mapping[str, IntArray]) -> list[str]:
    """Differing arrays by name, each with the place of its first difference."""
    lines = key_differences(expected, got)
    for name in expected.keys() & got.keys():
        a, b = expected[name], got[name]
        if a.shape != b.shape:
            lines.append(f"{name}: shape {b.shape}, expected {a.shape}")
        elif (a != b).any():
            at = tuple(int(n) for n in np.argwhere(a != b)[0])
            lines.append(
                f"{name}: {np.count_nonzero(a != b)} of {a.size} differ, "
                f"first at {at}: {b[at]}, expected {a[at]}"
            )
    return lines


def counter_differences(
    expected: Mapping[str, Counters | NodeCounters], got: Mapping[str, Counters | NodeCounters]
) -> list[str]:
    """Differing counters by name."""
    return key_differences(expected, got) + [
        f"{name}: {got[name]}, expected {expected[name]}"
        for name in expected.keys() & got.keys()
        if got[name] != expected[name]
    ]


def key_differences(expected: Mapping[str, object], got: Mapping[str, object]) -> list[str]:
    """Names that only one side has."""
    missing = [f"{name}: missing" for name in expected.keys() - got.keys()]
    return missing + [f"{name}: not expected" for name in got.keys() - expected.keys()]
