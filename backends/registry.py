"""Backends by name, through the entry points of the group `snnc.backends`."""

from __future__ import annotations

import contextlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from snnc.backends.base import Backend, Engine, Target
from snnc.ir.errors import MissingExtra, UnknownBackend
from snnc.ir.registry import did_you_mean

GROUP = "snnc.backends"
ALIASES = {"loihi": "loihi2"}
"""Target names that mean another."""


@cache
def _entries() -> dict[str, EntryPoint]:
    entries: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = entries.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise UnknownBackend(
                f"two backends are called `{entry.name}`: {other.value} and {entry.value}",
                hint="uninstall one of them",
            )
    return entries


def backend_names() -> list[str]:
    """Installed backends."""
    return sorted(_entries())


@cache
def get_backend(name: str) -> Backend:
    """Load a backend.

    Raises:
        UnknownBackend: none of that name is installed.
        MissingExtra: it is, but a package that it needs is not.
    """
    if name not in _entries():
        raise UnknownBackend(f"unknown backend `{name}`{did_you_mean(name, backend_names())}")
    try:
        backend = _entries()[name].load()
    except (ImportError, AttributeError) as error:
        raise MissingExtra(f"backend `{name}` cannot be loaded: {error}") from error
    assert isinstance(backend, Backend), f"entry point {name} is no Backend"
    return backend


def get_engine(name: str) -> Engine:
    """The engine of a backend.

    Raises:
        UnknownBackend: no such engine.
    """
    engine = get_backend(name).engine if name in _entries() else None
    if engine is None:
        raise UnknownBackend(f"unknown engine `{name}`{did_you_mean(name, backend_names())}")
    return engine


def _loadable() -> list[str]:
    """Backends whose packages are there: one that cannot be loaded takes no other along."""
    names = []
    for name in backend_names():
        with contextlib.suppress(MissingExtra):
            get_backend(name)
            names.append(name)
    return names


def targets() -> dict[str, Target]:
    """Targets of all backends that can be loaded, by name."""
    found: dict[str, Target] = {}
    for name in _loadable():
        for target in get_backend(name).targets:
            if target.name in found:
                raise UnknownBackend(f"two backends serve the target `{target.name}`")
            found[target.name] = target
    return found


def get_target(name: str) -> Target:
    """A target by name or alias.

    Raises:
        UnknownBackend: no such target.
    """
    known = targets()
    name = ALIASES.get(name, name)
    if name not in known:
        raise UnknownBackend(f"unknown target `{name}`{did_you_mean(name, list(known))}")
    return known[name]
