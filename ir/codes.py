"""Event codes and schedules: the settings of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeAlias, get_args

from snnc.ir.errors import NotExecutable
from snnc.ir.registry import did_you_mean

Code: TypeAlias = Literal["burst", "graded", "delta", "rate"]
ScheduleKind: TypeAlias = Literal["sequential", "pipelined"]
RateReset: TypeAlias = Literal["subtract", "zero"]
RatePools: TypeAlias = Literal["refuse", "average"]

CODES: tuple[str, ...] = get_args(Code)
SCHEDULES: tuple[str, ...] = get_args(ScheduleKind)
RATE_RESETS: tuple[str, ...] = get_args(RateReset)
RATE_POOLS: tuple[str, ...] = get_args(RatePools)


@dataclass(frozen=True)
class Rate:
    """Settings that only the code `rate` has.

    Attributes:
        ticks: R, of a window.
        reset: what a spike leaves of a membrane: `subtract` takes the threshold from it, `zero`
            clears it, as stock integrate-and-fire hardware does.
        pools: max-pools: `refuse` them, or run each as the `average` of its inputs.

    Raises:
        NotExecutable: no ticks, or an unknown word.
    """

    ticks: int
    reset: RateReset = "subtract"
    pools: RatePools = "refuse"

    def __post_init__(self) -> None:
        if self.ticks < 1:
            raise NotExecutable(f"a window has one tick or more, not {self.ticks}")
        _check("rate reset", self.reset, RATE_RESETS)
        _check("rate pools", self.pools, RATE_POOLS)

    def to_json(self) -> dict[str, Any]:
        """The object stored in files."""
        return asdict(self)

    def options(self) -> dict[str, Any]:
        """The arguments by which facades take these settings."""
        return {f"rate_{name}": value for name, value in asdict(self).items()}

    def __str__(self) -> str:
        return f"{self.ticks} ticks, reset {self.reset}, pools {self.pools}"


@dataclass(frozen=True)
class RunSettings:
    """How counts travel and how frames follow each other.

    Attributes:
        code: `burst`: |k| unit spikes in the first |k| ticks of a window; `graded`: one event
            with payload k; `delta`: one event with what k has changed by since the frame before,
            none where it has not; `rate`: whatever neurons emit that fire while they integrate,
            inexact.
        schedule: `sequential`: one frame crosses before the next; `pipelined`: a new frame each
            window.
        rate: further settings of `rate`; None in the other codes.

    Raises:
        NotExecutable: an unknown code or schedule, or settings that do not go with the code.
    """

    code: Code = "graded"
    schedule: ScheduleKind = "sequential"
    rate: Rate | None = None

    def __post_init__(self) -> None:
        _check("code", self.code, CODES)
        _check("schedule", self.schedule, SCHEDULES)
        if self.code == "rate" and self.rate is None:
            raise NotExecutable("code `rate` needs a number of ticks", hint="--rate-ticks R")
        if self.code != "rate" and self.rate is not None:
            raise NotExecutable(
                f"rate ticks, reset and pools are no settings of code `{self.code}`",
                hint="--code rate",
            )

    def __str__(self) -> str:
        code = self.code if self.rate is None else f"{self.code} ({self.rate})"
        return f"{code}, {self.schedule}"

    @property
    def sends_changes(self) -> bool:
        """Do events say what has changed, so that membranes keep what has arrived?

        They are cleared, and get their bias, at a sample's start only.
        """
        return self.code == "delta"

    @property
    def unit_spikes(self) -> bool:
        """Do counts travel as spikes of payload 1 or -1?"""
        return self.code in ("burst", "rate")

    def changed(
        self,
        *,
        code: str | None = None,
        schedule: str | None = None,
        rate_ticks: int | None = None,
        rate_reset: str | None = None,
        rate_pools: str | None = None,
    ) -> Self:
        """These settings with those replaced that are not None.

        Raises:
            NotExecutable: unknown words, or settings that do not go with the code.
        """
        wanted = code or self.code
        asked = {"ticks": rate_ticks, "reset": rate_reset, "pools": rate_pools}
        given = {name: value for name, value in asked.items() if value is not None}
        rate: Rate | None = None
        if wanted == "rate":
            before = {} if self.rate is None else asdict(self.rate)
            if "ticks" not in before | given:
                raise NotExecutable("code `rate` needs a number of ticks", hint="--rate-ticks R")
            rate = Rate(**(before | given))
        elif given:
            raise NotExecutable(
                f"--rate-{next(iter(given))} is no setting of code `{wanted}`", hint="--code rate"
            )
        return type(self)(wanted, schedule or self.schedule, rate)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """The object stored in files."""
        stored: dict[str, Any] = {"code": self.code, "schedule": self.schedule}
        return stored if self.rate is None else stored | {"rate": self.rate.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        rate = value.get("rate")
        return cls(
            code=value["code"],
            schedule=value["schedule"],
            rate=None if rate is None else Rate(**rate),
        )


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise NotExecutable(f"unknown {what} `{value}`{did_you_mean(value, list(known))}")
