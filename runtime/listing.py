"""What there is to choose from: targets and hardware; setting a target up."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnc.backends import registry
from snnc.ir.errors import UnknownBackend
from snnc.ir.registry import did_you_mean
from snnc.runtime.energy import Hardware, list_hardware, load_hardware
from snnc.runtime.jsonable import jsonable

_log = logging.getLogger(__name__)

_LAVA = "lava"
"""The engine that runs bundles, and another name of its targets for `targets setup`."""


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
        created: False where it was there already.
    """

    target: str
    environment: Path
    python: Path
    versions: dict[str, str]
    created: bool

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc targets setup --json`."""
        result: dict[str, Any] = jsonable(vars(self))
        return result


@dataclass(frozen=True)
class HardwareList:
    """Chips with figures, and where each figure comes from."""

    hardware: tuple[Hardware, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc hardware --json`."""
        return jsonable({"hardware": self.hardware})


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


def hardware(name: str | None = None) -> HardwareList:
    """Chips with energy figures.

    Args:
        name: of a shipped file, or the path of an own one; None: all that ship with snnc.

    Raises:
        UnknownHardware: there is no such file, or it is malformed.
    """
    return HardwareList(tuple(list_hardware()) if name is None else (load_hardware(name),))


def set_up(
    name: str,
    *,
    python: str | None = None,
    wheels: str | None = None,
    onnxruntime: bool = False,
) -> SetUp:
    """Make the environment that a target runs in.

    Args:
        name: a target that writes bundles.
        python: interpreter to use; None: look for one.
        wheels: folder with all packages, for machines without a network; None: the index.
        onnxruntime: install ONNX Runtime there, too.

    Raises:
        UnknownBackend: no such target, or one that needs no environment.
        BadInputFile: `wheels` has no packages.
        ChildFailed: a step failed.
    """
    from snnc.backends.lava import environment

    known = {*(n for n, t in registry.targets().items() if t.bundle), *registry.ALIASES, _LAVA}
    if name in registry.targets() and name not in known:
        raise UnknownBackend(f"target `{name}` needs no environment of its own")
    if name not in known:
        raise UnknownBackend(f"unknown target `{name}`{did_you_mean(name, sorted(known))}")
    made = environment.setup(python, _log.info, wheels=wheels, onnxruntime=onnxruntime)
    return SetUp(
        target=name,
        environment=made.path,
        python=made.python,
        versions=dict(made.versions),
        created=made.created,
    )


def lava_environment() -> Path | None:
    """Folder of the environment that Lava runs in; None if there is none."""
    from snnc.backends.lava.environment import find_environment

    found = find_environment()
    return None if found is None else found.path
