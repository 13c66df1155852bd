"""The spiking network in several event codes, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snnc.ir.codes import CODES, Code
from snnc.ir.errors import NotExecutable, WrongUsage
from snnc.ir.registry import did_you_mean
from snnc.runtime.data import DataSet
from snnc.runtime.energy import EnergyEstimate
from snnc.runtime.model import Model
from snnc.runtime.progress import Progress
from snnc.runtime.run import RunResult, run

RATE: Code = "rate"
OWN = "own"
EXACT = "exact"
"""All codes in which counts arrive as they are; `delta` only where frames follow each other."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeRow:
    """One code.

    Attributes:
        run: in this code.
        energy: one estimate for each hardware.
    """

    run: RunResult
    energy: tuple[EnergyEstimate, ...]

    def to_json(self) -> dict[str, Any]:
        """Ticks, accuracy, counters of the run, energies of one sample in pJ; is it exact?"""
        nothing = {"picojoule": None, "picojoule_low": None, "picojoule_high": None}
        return {
            "engine": self.run.engine,
            "exact": self.run.rate is None,
            "rate": None if self.run.rate is None else self.run.rate.to_json(),
            "n_ticks": self.run.n_ticks,
            "accuracy": self.run.accuracy,
            "counters": dict(self.run.counters),
            "energy": {
                e.hardware.name: nothing if e.total is None else e.total.to_json()
                for e in self.energy
            },
        }


def chosen_codes(words: Sequence[str], own: str, n_frames: int) -> list[str]:
    """Codes to show, the run's own first.

    Args:
        words: names of codes, `exact` or `own`.
        own: code of the run.
        n_frames: of a sample.

    Raises:
        WrongUsage: an unknown word.
    """
    found = [own]
    for word in words:
        if word == OWN:
            continue
        if word == EXACT:
            found += ["burst", "graded", *(["delta"] if n_frames > 1 else [])]
        elif word in CODES:
            found.append(word)
        else:
            known = [*CODES, EXACT, OWN]
            raise WrongUsage(f"unknown code `{word}`{did_you_mean(word, known)}")
    return list(dict.fromkeys(found))


def run_in(
    model: Model,
    samples: DataSet,
    code: str,
    *,
    schedule: str,
    options: Mapping[str, Any],
    progress: Progress | None,
) -> RunResult:
    """The same samples in another code, on the dense engine where it can, else on the event engine.

    Args:
        options: settings of code `rate`.

    Raises:
        NotExecutable: the network cannot run in this code.
    """

    def on(engine: str) -> RunResult:
        return run(
            model,
            samples,
            engine=engine,
            code=code,
            schedule=schedule,
            progress=progress,
            **(options if code == "rate" else {}),
        )

    try:
        return on("dense")
    except NotExecutable:
        return on("event")


def run_others(
    model: Model,
    samples: DataSet,
    own: RunResult,
    words: Sequence[str],
    progress: Progress | None,
    rate: Mapping[str, Any] | None = None,
) -> dict[str, RunResult | None]:
    """The same samples in the other codes that were asked for.

    Args:
        own: the run beside which they stand.
        words: as of `chosen_codes`.
        progress: is told after each batch.
        rate: settings of code `rate`, if that is another one; None: the model's.

    Returns:
        By code; None for one of `exact` that the network cannot run in.

    Raises:
        NotExecutable: the network cannot run in a code that was asked for by name.
    """
    found: dict[str, RunResult | None] = {}
    for code in chosen_codes(words, own.code, own.n_frames)[1:]:
        try:
            found[code] = run_in(
                model, samples, code, schedule=own.schedule, options=rate or {}, progress=progress
            )
        except NotExecutable:
            if code in words:
                raise
            found[code] = None
    return found
