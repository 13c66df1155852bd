"""Registries: one place per concept.

A registered class is known everywhere by its `kind`: the file format, the docs tables, the
property tests and the command line read the registry instead of listing kinds themselves.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Mapping[str, type[T]], Generic[T]):
    """Classes by their `kind`; a duplicate is an error, an unknown kind suggests near ones.

    Args:
        what: what the registry holds, in the singular, for messages ("neuron model").
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._classes: dict[str, type[T]] = {}

    def register(self, cls: type[T]) -> type[T]:
        """Class decorator; must be the outermost one, so that it sees the final class.

        Raises:
            ValueError: the kind is taken.
        """
        kind: str = cls.kind  # type: ignore[attr-defined]
        if kind in self._classes:
            raise ValueError(f"{self.what} {kind!r} is registered twice")
        self._classes[kind] = cls
        return cls

    def __getitem__(self, kind: str) -> type[T]:
        return self._classes[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def find(self, kind: str, error: Callable[[str], Exception]) -> type[T]:
        """Return the class of `kind`, or raise `error(message)` with near names."""
        if kind in self._classes:
            return self._classes[kind]
        raise error(f"unknown {self.what} `{kind}`{did_you_mean(kind, self._classes)}")


def import_submodules(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that a file that registers a class is found by itself.

    Args:
        package: the package's `__name__`.
        path: its `__path__`.
    """
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


def did_you_mean(name: str, known: Mapping[str, object] | list[str]) -> str:
    """A closing phrase such as "; did you mean `dense`?", or the list of what is known."""
    near = difflib.get_close_matches(name, list(known), n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known: {', '.join(sorted(known))}" if known else ""
