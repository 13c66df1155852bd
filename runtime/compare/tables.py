"""Comparisons as tables: for spreadsheets, papers and web pages."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping

from snnc.runtime.compare.result import Comparison
from snnc.runtime.report.point import Point
from snnc.runtime.report.units import energy_text

_PLAIN = (
    "name", "model", "code", "exact", "schedule", "weight_bits", "levels", "data", "n_samples",
    "accuracy", "accuracy_low", "accuracy_high", "n_ticks", "spikes", "synaptic_events",
    "unit_spike_operations", "dense_macs", "graph_hash",
)  # fmt: skip
_SPECIAL = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
}  # fmt: skip
"""Characters that LaTeX reads as commands."""


def heads(comparison: Comparison, *, energy: bool = False) -> list[str]:
    """Columns of the table of what was done, or of energies."""
    done = ["accuracy", "ticks", "spikes", "synaptic events"]
    return ["", *(comparison.hardware if energy else done)]


def cells(comparison: Comparison, *, energy: bool = False) -> list[list[str]]:
    """One row of texts for each point, whose name says by what it differs from the others.

    Args:
        comparison: of the points.
        energy: energies by hardware, * marks those that no other one beats; else what was done.
    """
    best = {name: comparison.pareto(name) for name in comparison.hardware}
    return [[_title(p), *(_energies(p, best) if energy else _done(p))] for p in comparison.points]


def _title(p: Point) -> str:
    return p.name if p.exact else f"{p.name} (inexact)"


def _done(p: Point) -> list[str]:
    accuracy = "" if p.accuracy is None else f"{p.accuracy:.2%}"
    return [accuracy, f"{p.n_ticks:,}", f"{p.spikes:,.0f}", f"{p.synaptic_events:,.0f}"]


def _energies(p: Point, best: Mapping[str, list[str]]) -> list[str]:
    return [_energy(p, hardware, p.name in names) for hardware, names in best.items()]


def _whole(comparison: Comparison) -> list[list[str]]:
    """Heads and rows of both tables in one."""
    rows = [heads(comparison), *cells(comparison)]
    paid = [heads(comparison, energy=True), *cells(comparison, energy=True)]
    return [[*row, *more[1:]] for row, more in zip(rows, paid, strict=True)]


def _energy(p: Point, hardware: str, best: bool) -> str:
    if hardware not in p.picojoule:
        return ""
    return energy_text(p.picojoule[hardware]) + (" *" if best else "")


def as_json(comparison: Comparison) -> str:
    """The object of `--json`, indented."""
    return json.dumps(comparison.to_json(), indent=1, allow_nan=False) + "\n"


def as_csv(comparison: Comparison) -> str:
    """All values as they are, energies in pJ."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_PLAIN, *(f"picojoule_{name}" for name in comparison.hardware)])
    for p in comparison.points:
        energies = [p.picojoule.get(name, "") for name in comparison.hardware]
        writer.writerow([*(getattr(p, key) for key in _PLAIN), *energies])
    return text.getvalue()


def as_markdown(comparison: Comparison) -> str:
    """A table of texts, under it what is to be known."""
    head, *body = _whole(comparison)
    lines = [head, ["---"] * len(head), *body]
    rows = [" | ".join(cell.replace("|", r"\|") for cell in line) for line in lines]
    note = "" if comparison.note is None else f"\n{comparison.note}\n"
    return "".join(f"| {row} |\n" for row in rows) + note


def as_latex(comparison: Comparison) -> str:
    """A `tabular` with the rules of booktabs."""
    head, *body = [" & ".join(map(_escaped, row)) + r" \\" for row in _whole(comparison)]
    columns = "l" + "r" * head.count(" & ")
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule"]
    notes = ["% one sample each; * no other row is better in accuracy, energy and ticks"]
    if comparison.note is not None:
        notes.append(f"% {comparison.note}")
    return "\n".join([*notes, *lines, *body, r"\bottomrule", r"\end{tabular}", ""])


def _escaped(text: str) -> str:
    escaped = "".join(_SPECIAL.get(letter, letter) for letter in text)
    return escaped.replace("µ", r"\textmu ").replace(" *", r"\,*")
