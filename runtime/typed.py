"""Checking JSON of others against what it should be, before anything is read out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

LARGEST = 1e300
"""Numbers from here on are nobody's count or energy, and sums of them overflow."""


class Malformed(ValueError):
    """A value is not what it should be.

    Attributes:
        path: of the value in its object, `a.b[2]`; empty: the whole.
        wanted: what should stand there.
    """

    def __init__(self, path: str, wanted: str) -> None:
        super().__init__(f"`{path}` is not {wanted}" if path else f"it is not {wanted}")
        self.path, self.wanted = path, wanted


Check: TypeAlias = Callable[[Any, str], None]
"""Takes a value and its path; raises Malformed."""


def _kind(wanted: str, holds: Callable[[Any], bool]) -> Check:
    def check(value: Any, path: str) -> None:
        if not holds(value):
            raise Malformed(path, wanted)

    return check


def _is_number(value: Any) -> bool:
    # NaN is below nothing, so that it fails as infinity does
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


text = _kind("a text", lambda value: isinstance(value, str))
flag = _kind("true or false", lambda value: isinstance(value, bool))
number = _kind("a number", _is_number)
amount = _kind("a number of 0 or more", lambda value: _is_number(value) and value >= 0)
share = _kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)


LONG = 2**63 - 1


def whole(least: int = 0, most: int = LONG) -> Check:
    """An integer from `least` to `most`."""
    wanted = f"an integer of {least} or more" + (f", at most {most}" if most < LONG else "")
    return _kind(
        wanted,
        lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        ),
    )


def one_of(*words: str) -> Check:
    """One of some texts."""
    return _kind(f"one of {', '.join(words)}", lambda value: value in words)


def maybe(check: Check) -> Check:
    """Null, or what another check takes."""

    def given(value: Any, path: str) -> None:
        if value is not None:
            check(value, path)

    return given


def list_of(check: Check, length: int | None = None) -> Check:
    """A list, every item of which passes; `length` of them where that is given."""

    def each(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise Malformed(path, "a list")
        if length is not None and len(value) != length:
            raise Malformed(path, f"a list of {length}")
        for index, item in enumerate(value):
            check(item, f"{path}[{index}]")

    return each


def object_of(check: Check) -> Check:
    """An object of any keys, every value of which passes."""

    def each(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise Malformed(path, "an object")
        for key, item in value.items():
            check(item, _inner(path, key))

    return each


def record(keys: Mapping[str, Check]) -> Check:
    """An object that has these keys, each of which passes; it may have others."""

    def each(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise Malformed(path, "an object")
        for key, check in keys.items():
            if key not in value:
                raise Malformed(_inner(path, key), "there")
            check(value[key], _inner(path, key))

    return each


def _inner(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
