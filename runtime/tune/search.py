"""The cheapest setting within the budget: on some samples first, then confirmed on all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from snnc.ir.errors import BudgetUnreachable, SnncError
from snnc.runtime.tune.budget import Budget, as_share
from snnc.runtime.tune.grid import Setting
from snnc.runtime.tune.measure import Json, Measurer

Objective = Literal["energy", "ticks"]
Reports = dict[Setting, Json]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a search found.

    Attributes:
        best: the setting.
        reports: of the whole grid, all on the same samples.
        refused: settings that cannot be had, on the grid's samples or on all, and why.
        confirmed: reports on all data, in the order in which they were made; the best's among
            them.
        budget: with the reference that losses were counted from, on all data.
        on_grid: likewise, on the samples of the grid.
    """

    best: Setting
    reports: Reports
    refused: dict[Setting, SnncError]
    confirmed: Reports
    budget: Budget
    on_grid: Budget


class Search:
    """One search.

    Args:
        measurer: gives reports.
        budget: accuracy to keep.
        minimise: `energy` or `ticks` of a sample; the other one decides between equals.
        hardware: whose energy decides.
    """

    def __init__(
        self, measurer: Measurer, budget: Budget, minimise: Objective, hardware: str
    ) -> None:
        self._measurer = measurer
        self._budget = budget
        self._minimise = minimise
        self._hardware = hardware

    def run(self, settings: Sequence[Setting], n: int, n_all: int) -> Found:
        """Measure the grid on the first n samples, then confirm on all of them.

        What lost too much on the first samples is tried on all where nothing else is left.

        Raises:
            BudgetUnreachable: no setting keeps the accuracy on all data.
            SnncError: every setting was refused, on these or on all: the first one's error.
        """
        answers = self._measurer.reports("tune", settings, n)
        reports, refused = _parted(answers)
        if not reports:
            raise next(iter(refused.values()))
        budget = self._budget.among([(r["accuracy"], n) for r in reports.values()])
        kept = [s for s in reports if budget.keeps(reports[s]["accuracy"], n)]
        order = sorted(kept, key=lambda s: self._cost(reports[s]))
        if n == n_all:
            if not order:
                raise _unreachable(reports, budget, n)
            best = order[0]
            confirmed, on_all = {best: reports[best]}, budget
        else:
            best, confirmed, refused_there, on_all = self._confirm(order, reports, n_all)
            refused |= refused_there
        return Found(
            best=best,
            reports=reports,
            refused=refused,
            confirmed=confirmed,
            budget=on_all,
            on_grid=budget,
        )

    def _confirm(
        self, order: list[Setting], reports: Reports, n: int
    ) -> tuple[Setting, Reports, dict[Setting, SnncError], Budget]:
        """The best on all data; what is refused there is passed over, as in the grid."""
        answers: dict[Setting, Json | SnncError] = {}

        def on_all(*settings: Setting) -> tuple[Reports, dict[Setting, SnncError]]:
            if new := [s for s in settings if s not in answers]:
                answers.update(self._measurer.reports("confirm", new, n))
            return _parted(answers)

        confirmed, refused = on_all()
        budget = self._budget
        if budget.origin == "best":
            # the best of all settings on all data would need all of them there
            tops = iter(sorted(reports, key=lambda s: -reports[s]["accuracy"]))
            while not confirmed and (top := next(tops, None)) is not None:
                confirmed, refused = on_all(top)
            if not confirmed:
                raise next(iter(refused.values()))
            budget = budget.among([(r["accuracy"], n) for r in confirmed.values()])
        for setting in order:
            confirmed, refused = on_all(setting)
            if setting in confirmed and budget.keeps(confirmed[setting]["accuracy"], n):
                return setting, confirmed, refused, budget
        confirmed, refused = on_all(*reports)
        if not confirmed:
            raise next(iter(refused.values()))
        kept = [s for s in confirmed if budget.keeps(confirmed[s]["accuracy"], n)]
        if not kept:
            raise _unreachable(confirmed, budget, n)
        best = min(kept, key=lambda s: self._cost(confirmed[s]))
        return best, confirmed, refused, budget

    def _cost(self, report: Json) -> tuple[float, float, float]:
        energy: Any = report["energy"][self._hardware]["picojoule"]
        pair = (energy, report["n_ticks"])
        first, second = pair if self._minimise == "energy" else pair[::-1]
        return first, second, -report["accuracy"]


def _parted(answers: dict[Setting, Json | SnncError]) -> tuple[Reports, dict[Setting, SnncError]]:
    reports: Reports = {}
    refused: dict[Setting, SnncError] = {}
    for setting, answer in answers.items():
        if isinstance(answer, SnncError):
            refused[setting] = answer
        else:
            reports[setting] = answer
    return reports, refused


def _unreachable(reports: Reports, budget: Budget, n: int) -> BudgetUnreachable:
    top = max(reports, key=lambda s: reports[s]["accuracy"])
    reached = float(reports[top]["accuracy"])
    reference, least = float(budget.reference(n)), float(budget.least(n))
    enough = math.ceil(10_000 * (budget.reference(n) - as_share(reached, n))) / 100
    return BudgetUnreachable(
        f"no setting keeps {least:.2%} ({reference:.2%} less {float(budget.max_loss):.2%}): the "
        f"best, {top}, reaches {reached:.2%}",
        hint=f"--max-loss {enough:g}% takes it; or try more --levels and --bits, or --finetune",
    )
