"""A verification as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from snnc.runtime.tables import table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from snnc.runtime.verify.report import PopulationReport, Verification

_LABELS = {"integer_form": "integer form", "overflow": "no overflow"}
_NO_SOURCE = "there is no source to compare with"
_UNHELD = {
    "export": _NO_SOURCE,
    "lowering": _NO_SOURCE,
    "integer_form": "the file has no float form, or does not say how this one was made",
    "rounding": _NO_SOURCE,
}
"""Why a promise may have nothing to be held against."""


def render(result: Verification) -> list[RenderableType]:
    """Promises, populations, engines, the first difference, notes, the verdict."""
    parts: list[RenderableType] = [_promises(result)]
    if result.source is not None:
        parts.append(_populations(result))
    parts.append(_engines(result))
    first = result.first_difference
    if first is not None:
        stage, d = first
        place = f"{d.module_path}, sample {d.sample}, frame {d.frame}, neuron {d.neuron}"
        values = f"expected {d.expected:g}, got {d.got:g}"
        parts.append(Text(f"first difference ({stage}): {place}: {values}", style="bold red"))
    parts += [Text(f"note: {note}", style="dim") for note in result.notes]
    if result.rate_loss is not None:
        parts.append(_rate_loss(result.rate_loss))
    return [*parts, _verdict(result)]


def _verdict(result: Verification) -> Text:
    if result.rate is not None and result.promises_ok:
        return Text("INEXACT: rate loses counts; the engines agree on what it gives", style="bold")
    return Text("verified", style="bold green") if result.ok else Text("FAILED", style="bold red")


def _rate_loss(loss: dict[str, Any]) -> RenderableType:
    rows = [
        (
            name,
            100 * lost["changed_share"],
            lost["mean_difference"],
            lost["largest_difference"],
        )
        for name, lost in loss["by_population"].items()
        if lost["changed_share"] is not None
    ]
    heads = ("population", "changed %", "mean difference", "largest")
    title = "code rate against the exact counts"
    if loss["predictions_agree"] is not None:
        title += f": {100 * loss['predictions_agree']:.4g} % of predictions agree"
    if loss["accuracy"] is not None:
        title += f", accuracy {100 * loss['accuracy']:.4g} %"
    return table(heads, rows, title=title)


def _promises(result: Verification) -> RenderableType:
    error = result.overflow.error
    bits = max(result.overflow.membrane_bits.values(), default=0)
    pairs = ", ".join(f"{c.engine} against {c.against or 'nothing'}" for c in result.engines)
    lowering = f"{result.n_activations:,} values, {result.n_near_threshold} within rounding of a "
    said = {
        "export": f"source: {result.source}",
        "lowering": lowering + "threshold",
        "integer_form": _integer_form(result),
        "engines": pairs or "no engine could run",
        "overflow": (
            error.what if error else f"membranes need {bits} bits on {result.overflow.target}"
        ),
        "rounding": _rounding(result.rounding),
    }
    rows = [
        (_LABELS.get(name, name), "not applicable", _UNHELD[name])
        if holds is None
        else (_LABELS.get(name, name), holds, said[name])
        for name, holds in result.promises.items()
    ]
    title = f"{result.n_samples} samples, {result.code}, {result.schedule}"
    return table(("promise", "holds", "what was compared"), rows, title=title)


def _integer_form(result: Verification) -> str:
    if result.integer_form.difference:
        return f"differs from what the float form gives: {result.integer_form.difference}"
    return "follows from the float form"


def _rounding(rounding: dict[str, Any]) -> str:
    parts = []
    if rounding["changed_share"] is not None:
        parts.append(f"{100 * rounding['changed_share']:.3g} % of counts changed")
    if rounding["predictions_agree"] is not None:
        parts.append(f"{100 * rounding['predictions_agree']:.4g} % of predictions agree")
    if rounding["accuracy"] is not None:
        ours, theirs = rounding["accuracy"], rounding["source_accuracy"]
        parts.append(f"accuracy {100 * ours:.4g} % (source {100 * theirs:.4g} %)")
    return ", ".join(parts) or "nothing to compare with"


def _populations(result: Verification) -> RenderableType:
    heads = ("population", "values", "near", "wrong", "export", "free", "changed %", "ok")
    return table(heads, [_row(p) for p in result.populations], title="layer by layer")


def _row(p: PopulationReport) -> tuple[Any, ...]:
    changed = None if p.changed_share is None else 100 * p.changed_share
    export = p.export.n_near + p.export.n_mismatches
    if not p.checked:
        return (p.module_path, None, None, None, export, None, changed, p.ok)
    return (
        p.module_path,
        p.lowering.n_values,
        p.lowering.n_near,
        p.lowering.n_mismatches,
        export,
        p.free.n_near + p.free.n_mismatches,
        changed,
        p.ok,
    )


def _engines(result: Verification) -> RenderableType:
    rows = [
        (c.engine, c.against or "nothing independent", c.n_values, c.n_mismatches, c.ok)
        for c in result.engines
    ]
    return table(("engine", "against", "values", "different", "ok"), rows, title="engines")
