"""Measures settings: the report of each, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from snnc.ir.errors import (
    DataError,
    NotExecutable,
    SnncError,
    StateExceeded,
    UnknownHardware,
    UnsupportedByTarget,
    WidthExceeded,
    error_from_json,
)
from snnc.runtime.data import DataSet
from snnc.runtime.model import Model
from snnc.runtime.progress import Progress
from snnc.runtime.report import report
from snnc.runtime.tune.grid import Setting
from snnc.runtime.tune.journal import Journal
from snnc.runtime.tune.workshop import Workshop

Json = dict[str, Any]

_REFUSALS = (NotExecutable, StateExceeded, UnsupportedByTarget, WidthExceeded)
"""A setting that ends with one of these cannot be had; others may."""


@dataclass(frozen=True, kw_only=True)
class Paying:
    """What energies are estimated for, as of `snnc.report`.

    Attributes:
        hardware: names or files; the first one decides.
        include, exclude: parts of the energy.
    """

    hardware: tuple[str, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Measurer:
    """Reports of settings; what is in the journal is not measured again.

    Args:
        workshop: makes models.
        data: with labels.
        paying: for what.
        journal: keeps what was measured.
        tell: is told samples of all measurements of a stage.
    """

    def __init__(
        self, workshop: Workshop, data: DataSet, paying: Paying, journal: Journal, tell: Progress
    ) -> None:
        self._workshop = workshop
        self._data = data
        self._paying = paying
        self._journal = journal
        self._tell = tell

    def reports(
        self, stage: str, settings: Sequence[Setting], n: int
    ) -> dict[Setting, Json | SnncError]:
        """The report of each setting on the first n samples, or why it cannot be had.

        Raises:
            DataError: outputs are no class scores.
            UnknownHardware: there is no energy for the network.
            SnncError: by its subclass, as of `snnc.quantize`, `snnc.convert` and `snnc.report`.
        """
        found: dict[Setting, Json | SnncError] = {}
        total = len(settings) * n
        self._tell(stage, 0, total)
        for i, setting in enumerate(settings):
            found[setting] = self._one(setting, n, self._within(stage, i * n, total))
            self._tell(stage, (i + 1) * n, total)
        return found

    def _within(self, outer: str, before: int, all_samples: int) -> Progress:
        """Progress of one run as that of all measurements."""

        def tell(stage: str, done: int, total: int) -> None:
            if stage == "run" and done < total:
                self._tell(outer, before + done, all_samples)

        return tell

    def _one(self, setting: Setting, n: int, tell: Progress) -> Json | SnncError:
        held = self._journal.get(setting, n)
        if held is None:
            held = self._measured(setting, n, tell)
            self._journal.add(setting, n, held)
        return error_from_json(held["error"]) if "error" in held else held["report"]

    def _measured(self, setting: Setting, n: int, tell: Progress) -> Json:
        try:
            model = self._workshop.model(setting).model
            found = self._report(model, n, tell)
        except _REFUSALS as error:
            return {"error": error.to_json()}
        if found["accuracy"] is None:
            raise DataError(
                "the model's output is no class scores, so that there is no accuracy to keep",
                where=self._data.name,
                hint="where it gives scores in every frame: --reduce sum",
            )
        if found["energy"][next(iter(found["energy"]))]["picojoule"] is None:
            raise UnknownHardware(
                "none of its figures is for what the network does",
                where=self._paying.hardware[0],
                hint="--include names further parts of an energy; `snnc hardware` lists others",
            )
        return {"report": found}

    def _report(self, model: Model, n: int, tell: Progress) -> Json:
        """On the dense engine where it can, whose counters are those of the event engine."""

        def on(engine: str) -> Json:
            return report(
                model,
                self._data,
                **vars(self._paying),
                codes=("own",),
                statistics=0,
                engine=engine,
                limit=n,
                progress=tell,
            ).to_json()

        return _first(lambda: on("dense"), lambda: on("event"))


def _first(preferred: Callable[[], Json], other: Callable[[], Json]) -> Json:
    try:
        return preferred()
    except NotExecutable:
        return other()
