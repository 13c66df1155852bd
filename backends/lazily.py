"""Mappings that are made when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Lazily(Mapping[str, T]):
    """A mapping that is made at the first look, once; it compares, prints and pickles as a `dict`.

    Results hold a counter for each node and projection. To make them takes longer than a small
    network's sample, and whoever keeps results without looking at them pays for them once more:
    Python's garbage collector walks through all objects whenever there are many new ones.

    Args:
        make: the mapping; it depends on nothing that changes.
    """

    __slots__ = ("_made",)

    def __init__(self, make: Callable[[], dict[str, T]]) -> None:
        self._made: Callable[[], dict[str, T]] | dict[str, T] = make

    def _all(self) -> dict[str, T]:
        made = self._made
        if not isinstance(made, dict):
            made = self._made = made()  # two threads may both make it: the same
        return made

    def __getitem__(self, name: str) -> T:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return self._all() | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | self._all()

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[str, T]]]:
        return dict, (self._all(),)
