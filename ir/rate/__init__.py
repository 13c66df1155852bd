"""The code `rate`: integrate-while-firing neurons, derived from an integer graph. It is inexact."""

from snnc.ir.rate.coding import read_counts, read_values, spikes
from snnc.ir.rate.form import METADATA, TICK_SETTINGS, RateForm, as_run, rate_form
from snnc.ir.rate.line import Line, fitted_line

__all__ = [
    "METADATA",
    "TICK_SETTINGS",
    "Line",
    "RateForm",
    "as_run",
    "fitted_line",
    "rate_form",
    "read_counts",
    "read_values",
    "spikes",
]
