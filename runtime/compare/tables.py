"""Comparisons as tables: for spreadsheets, papers and web pages."""

from __future__ import annotations

import csv
import io
import json

from snnc.runtime.compare.result import Comparison, Point
from snnc.runtime.report.units import energy_text

_PLAIN = (
    "name", "model", "code", "schedule", "weight_bits", "levels", "n_samples", "accuracy",
    "n_ticks", "spikes", "synaptic_events", "unit_spike_operations", "dense_macs", "graph_hash",
)  # fmt: skip
_SPECIAL = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
}  # fmt: skip
"""Characters that LaTeX reads as commands."""


def heads(comparison: Comparison) -> list[str]:
    """Columns that differ between points, and those that always tell something."""
    fixed = ["", "accuracy", "ticks", "spikes", "synaptic events"]
    return [*fixed[:1], *_varying(comparison), *fixed[1:], *comparison.hardware]


def cells(comparison: Comparison) -> list[list[str]]:
    """One row of texts for each point; * marks those that no other one beats."""
    best = {name: comparison.pareto(name) for name in comparison.hardware}
    rows = []
    for p in comparison.points:
        row = [p.name, *(str(getattr(p, key) or "") for key in _varying(comparison))]
        row += ["" if p.accuracy is None else f"{p.accuracy:.2%}", f"{p.n_ticks:,}"]
        row += [f"{p.spikes:,.0f}", f"{p.synaptic_events:,.0f}"]
        row += [_energy(p, name, p.name in best[name]) for name in comparison.hardware]
        rows.append(row)
    return rows


def _varying(comparison: Comparison) -> list[str]:
    keys = ("code", "schedule", "weight_bits", "levels")
    return [key for key in keys if len({getattr(p, key) for p in comparison.points}) > 1]


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
    """A table of texts."""
    lines = [heads(comparison), ["---"] * len(heads(comparison)), *cells(comparison)]
    rows = [" | ".join(cell.replace("|", r"\|") for cell in line) for line in lines]
    return "".join(f"| {row} |\n" for row in rows)


def as_latex(comparison: Comparison) -> str:
    """A `tabular` with the rules of booktabs."""
    columns = "l" + "r" * (len(heads(comparison)) - 1)
    head = " & ".join(map(_escaped, heads(comparison)))
    body = [" & ".join(map(_escaped, row)) + r" \\" for row in cells(comparison)]
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head + r" \\", r"\midrule"]
    note = "% one sample each; * no other row is better in accuracy, energy and ticks"
    return "\n".join([note, *lines, *body, r"\bottomrule", r"\end{tabular}", ""])


def _escaped(text: str) -> str:
    escaped = "".join(_SPECIAL.get(letter, letter) for letter in text)
    return escaped.replace("µ", r"\textmu ").replace(" *", r"\,*")
