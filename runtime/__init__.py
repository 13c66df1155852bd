"""Run, trace, verify, count operations, estimate energy, report."""
