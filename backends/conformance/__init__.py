"""Random integer graphs and the suite that every engine has to pass (extra `conformance`)."""

from snnc.backends.conformance.cases import Case, cases
from snnc.backends.conformance.compare import differences, run_case, trace_differences
from snnc.backends.conformance.frames import evaluate
from snnc.backends.conformance.suite import EngineConformance

__all__ = [
    "Case",
    "EngineConformance",
    "cases",
    "differences",
    "evaluate",
    "run_case",
    "trace_differences",
]
