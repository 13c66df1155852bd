"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snnc.ir.codes import Rate
from snnc.runtime.jsonable import jsonable
from snnc.runtime.verify.derivation import Derivation
from snnc.runtime.verify.difference import Difference, Tally
from snnc.runtime.verify.engines import Comparison
from snnc.runtime.verify.overflow import Overflow

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True)
class PopulationReport:
    """One node of the float graph.

    Attributes:
        name, module_path: of the node.
        kind: neuron model, or `product`.
        export: ONNX Runtime against PyTorch.
        lowering: teacher-forced float graph against the source.
        free: the float graph running free.
        n_engine_mismatches: values in which engines differ.
        changed_share: share of counts that rounding changed; None for real values.
        checked: does the source show its value?
    """

    name: str
    module_path: str
    kind: str
    export: Tally
    lowering: Tally
    free: Tally
    n_engine_mismatches: int
    changed_share: float | None
    checked: bool

    @property
    def ok(self) -> bool:
        """No difference in it is unexplained."""
        tallies = (self.export, self.lowering, self.free)
        return not self.n_engine_mismatches and all(
            t.ok if t is not self.free else not t.n_mismatches for t in tallies
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {
            "name": self.name,
            "module_path": self.module_path,
            "kind": self.kind,
            "ok": self.ok,
            "checked": self.checked,
            "n_activations": self.lowering.n_values,
            "n_mismatches": self.lowering.n_mismatches + self.export.n_mismatches,
            "n_near_threshold": self.lowering.n_near,
            "near_threshold": [n.to_json() for n in self.lowering.near],
            "largest_error_share": self.lowering.largest,
            "n_export_near_threshold": self.export.n_near,
            "n_free_differences": self.free.n_near + self.free.n_mismatches,
            "n_free_unexplained": self.free.n_mismatches,
            "n_engine_mismatches": self.n_engine_mismatches,
            "changed_share": self.changed_share,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Verification:
    """Promises 1 to 5, checked on data.

    Attributes:
        source: what the float graph was compared with, None where there is no source.
        n_samples, n_frames: of the data.
        code, schedule, rate: that the engines ran.
        rate_loss: what code `rate` lost against the exact counts, a JSON object, else None.
        populations: by node, in topological order.
        outputs: exported model's outputs against those of the model before export, by output.
        engines: comparisons.
        integer_form: does it follow from the float form?
        overflow: interval analysis.
        rounding: promise 5, a JSON object.
        max_changed: largest share of changed counts that is allowed, None: any.
        notes: sentences for the user.
        seconds: that it took.
    """

    source: str | None
    n_samples: int
    n_frames: int
    code: str
    schedule: str
    rate: Rate | None = None
    rate_loss: dict[str, Any] | None = None
    populations: tuple[PopulationReport, ...]
    outputs: dict[str, Tally]
    engines: tuple[Comparison, ...]
    integer_form: Derivation
    overflow: Overflow
    rounding: dict[str, Any]
    max_changed: float | None
    notes: tuple[str, ...]
    seconds: float

    @property
    def export_ok(self) -> bool:
        """Promise 1, first half: PyTorch and the exported file agree."""
        return all(p.export.ok for p in self.populations) and all(
            not t.n_mismatches for t in self.outputs.values()
        )

    @property
    def lowering_ok(self) -> bool:
        """Promise 1: the float graph is the source."""
        return all(p.lowering.ok and not p.free.n_mismatches for p in self.populations)

    @property
    def engines_ok(self) -> bool:
        """Promise 2: engines agree, and at least two computations were independent."""
        return bool(self.engines) and all(c.ok for c in self.engines)

    @property
    def rounding_ok(self) -> bool:
        """Promise 5: within `max_changed`, where one is given."""
        largest = self.rounding["largest_changed_share"]
        return self.max_changed is None or largest is None or largest <= self.max_changed

    @property
    def ok(self) -> bool:
        """All promises hold. Never in `rate`: it is inexact, so that nothing is proved."""
        return self.rate is None and self.promises_ok

    @property
    def promises_ok(self) -> bool:
        """All promises hold for what the engines ran, were it exact or not."""
        return (
            self.export_ok
            and self.lowering_ok
            and self.integer_form.ok
            and self.engines_ok
            and self.overflow.ok
            and self.rounding_ok
        )

    @property
    def promises(self) -> dict[str, bool | None]:
        """What holds, by promise; None where there is nothing to hold it against."""
        has_source = self.source is not None
        return {
            "export": self.export_ok if has_source else None,
            "lowering": self.lowering_ok if has_source else None,
            "integer_form": self.integer_form.ok if self.integer_form.checked else None,
            "engines": self.engines_ok,
            "overflow": self.overflow.ok,
            "rounding": self.rounding_ok if has_source else None,
        }

    @property
    def n_activations(self) -> int:
        """Values compared with the source."""
        return sum(p.lowering.n_values for p in self.populations)

    @property
    def n_near_threshold(self) -> int:
        """Differences from the source that rounding explains."""
        return sum(p.lowering.n_near for p in self.populations)

    @property
    def n_mismatches(self) -> int:
        """Differences that nothing explains: export, lowering, free run, engines."""
        from_source = sum(
            t.n_mismatches for p in self.populations for t in (p.export, p.lowering, p.free)
        )
        outputs = sum(t.n_mismatches for t in self.outputs.values())
        return (
            from_source
            + outputs
            + sum({id(c.by_population): c.n_mismatches for c in self.engines}.values())
        )

    @property
    def first_difference(self) -> tuple[str, Difference] | None:
        """The stage and place of the first unexplained difference."""
        stages = (
            ("export", [p.export for p in self.populations]),
            ("export", list(self.outputs.values())),
            ("lowering", [p.lowering for p in self.populations]),
            ("free run", [p.free for p in self.populations]),
        )
        for stage, tallies in stages:
            for tally in tallies:
                if tally.first is not None:
                    return stage, tally.first
        return next((("engines", c.first) for c in self.engines if c.first is not None), None)

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc verify --json`."""
        first = self.first_difference
        result: dict[str, Any] = jsonable(
            {
                "ok": self.ok,
                "source": self.source,
                "n_samples": self.n_samples,
                "n_frames": self.n_frames,
                "code": self.code,
                "schedule": self.schedule,
                "rate": self.rate,
                "rate_loss": self.rate_loss,
                "n_activations": self.n_activations,
                "n_mismatches": self.n_mismatches,
                "n_near_threshold": self.n_near_threshold,
                "promises": self.promises,
                "first_difference": first and {"stage": first[0], **first[1].to_json()},
                "rounding": {**self.rounding, "max_changed": self.max_changed},
                "integer_form": self.integer_form.to_json(),
                "overflow": self.overflow.to_json(),
                "engines": [c.to_json() for c in self.engines],
                "populations": [p.to_json() for p in self.populations],
                "notes": self.notes,
                "seconds": self.seconds,
            }
        )
        return result

    def render(self) -> list[RenderableType]:
        """The tables that the command line prints."""
        from snnc.runtime.verify.render import render

        return render(self)
