"""Event codes and schedules: the settings of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias, get_args

from snnc.ir.errors import NotExecutable
from snnc.ir.registry import did_you_mean

Code: TypeAlias = Literal["burst", "graded", "delta"]
ScheduleKind: TypeAlias = Literal["sequential", "pipelined"]

CODES: tuple[str, ...] = get_args(Code)
SCHEDULES: tuple[str, ...] = get_args(ScheduleKind)


@dataclass(frozen=True)
class RunSettings:
    """How counts travel and how frames follow each other.

    Attributes:
        code: `burst`: |k| unit spikes in the first |k| ticks of a window; `graded`: one event
            with payload k; `delta`: one event with what k has changed by since the frame before,
            none where it has not.
        schedule: `sequential`: one frame crosses before the next; `pipelined`: a new frame each
            window.

    Raises:
        NotExecutable: an unknown code or schedule.
    """

    code: Code = "graded"
    schedule: ScheduleKind = "sequential"

    def __post_init__(self) -> None:
        _check("code", self.code, CODES)
        _check("schedule", self.schedule, SCHEDULES)

    @property
    def sends_changes(self) -> bool:
        """Do events say what has changed, so that membranes keep what has arrived?

        They are cleared, and get their bias, at a sample's start only.
        """
        return self.code == "delta"

    @property
    def unit_spikes(self) -> bool:
        """Do counts travel as spikes of payload 1 or -1?"""
        return self.code == "burst"

    def to_json(self) -> dict[str, str]:
        """The object stored in files."""
        return {"code": self.code, "schedule": self.schedule}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(code=value["code"], schedule=value["schedule"])


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise NotExecutable(f"unknown {what} `{value}`{did_you_mean(value, list(known))}")
