"""What there is to choose from: targets and hardware; setting a target up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnc.backends import registry
from snnc.runtime.jsonable import jsonable

LAVA_TARGETS = ("loihi", "loihi1", "loihi2", "lava")
"""Names that `targets setup` takes: they share one environment."""


@dataclass(frozen=True, kw_only=True)
class TargetRow:
    """One line of `snnc targets`.

    Attributes:
        name: as on the command line.
        engines: that run what is converted for it.
        code, schedule: defaults.
        bundle: does `convert` write a bundle?
        ready: can a converted model run here and now?
        note: what it is, or how to make it ready.
    """

    name: str
    engines: str
    code: str
    schedule: str
    bundle: bool
    ready: bool
    note: str


@dataclass(frozen=True)
class TargetList:
    """The targets of all installed backends."""

    targets: tuple[TargetRow, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc targets --json`."""
        return {"targets": [dict(vars(row)) for row in self.targets]}


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """An environment that was made, or was there.

    Attributes:
        target: the name that was asked for.
        environment: its folder.
        python: its interpreter.
        versions: of the packages in it.
    """

    target: str
    environment: Path
    python: Path
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc targets setup --json`."""
        result: dict[str, Any] = jsonable(vars(self))
        return result


@dataclass(frozen=True)
class HardwareList:
    """Chips with figures.

    Attributes:
        hardware: name, title and number of figures of each.
    """

    hardware: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc hardware --json`."""
        return {"hardware": list(self.hardware)}


def targets() -> TargetList:
    """Every target, and whether it is ready."""
    rows = []
    for target in registry.targets().values():
        ready = not target.bundle or lava_environment() is not None
        note = target.description if ready else "make it ready: snnc targets setup loihi"
        rows.append(
            TargetRow(
                name=target.name,
                engines="lava" if target.bundle else "event, dense, oracle",
                code=target.settings.code,
                schedule=target.settings.schedule,
                bundle=target.bundle,
                ready=ready,
                note=note,
            )
        )
    return TargetList(tuple(rows))
