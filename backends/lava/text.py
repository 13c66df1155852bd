"""Writing Python source that reads as if written by hand."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

WIDTH = 100

_LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


@dataclass(frozen=True)
class Call:
    """A call with keyword arguments, each already in source form.

    Attributes:
        module: that the callee is imported from.
        callee: its name.
        arguments: source text by keyword.
    """

    module: str
    callee: str
    arguments: Mapping[str, str]


@dataclass
class Imports:
    """Names that a script takes from modules."""

    names: dict[str, set[str]] = field(default_factory=dict)

    def add(self, module: str, *names: str) -> None:
        """Note that `names` come from `module`."""
        self.names.setdefault(module, set()).update(names)

    def lines(self, package: str) -> list[str]:
        """Sorted import statements of the modules of one package (its own name or below)."""
        lines: list[str] = []
        for module, names in sorted(self.names.items()):
            if module.split(".")[0] == package and names:
                lines += import_lines(module, sorted(names))
        return lines


def import_lines(module: str, names: list[str]) -> list[str]:
    """`from module import …`, one name to a line where it is too long."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def quoted(text: str) -> str:
    """A string literal, in double quotes where that needs no escapes."""
    plain = repr(text)
    return f'"{plain[1:-1]}"' if plain[0] == "'" and '"' not in plain else plain


def assignment(name: str, call: Call, indent: int = 4) -> list[str]:
    """`name = Callee(...)`, on one line where that fits, else one argument to a line."""
    arguments = ", ".join(f"{key}={value}" for key, value in call.arguments.items())
    return broken(f"{name} = {call.callee}({arguments})", " " * indent)


def broken(text: str, indent: str) -> list[str]:
    """A call that is too long for a line, broken at its arguments, and those in turn."""
    code = blanked(text)
    if len(indent + text) <= WIDTH or "(" not in code:
        return [indent + text]
    opening, closing = code.index("("), code.rindex(")")
    lines = [f"{indent}{text[: opening + 1]}"]
    for argument in split_arguments(text[opening + 1 : closing]):
        lines += broken(f"{argument},", indent + "    ")
    return [*lines, f"{indent}{text[closing:]}"]


def split_arguments(text: str) -> list[str]:
    """Arguments of a call, apart at the commas outside of all brackets."""
    parts, depth, first = [], 0, 0
    for n, character in enumerate(blanked(text)):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(text[first:n].strip())
            first = n + 1
    return [*parts, text[first:].strip()]


def blanked(text: str) -> str:
    """Source text with every string literal as blanks: what users call things is no syntax."""
    return _LITERAL.sub(lambda found: " " * len(found[0]), text)


def table(name: str, entries: Mapping[str, str], comment: str) -> list[str]:
    """A dictionary at module level, one entry to a line."""
    body = [f"    {quoted(key)}: {value}," for key, value in entries.items()]
    return [f"# {comment}", f"{name} = {{", *body, "}"]


def identifiers(names: Iterable[str], reserved: Iterable[str]) -> dict[str, str]:
    """A readable, unique Python name for each of `names`."""
    taken = {*reserved, *keyword.kwlist, *dir(builtins)}
    chosen: dict[str, str] = {}
    for name in names:
        base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "node"
        if base[0].isdigit():
            base = f"n{base}"
        candidate, n = base, 2
        while candidate in taken:
            candidate, n = f"{base}_{n}", n + 1
        taken.add(candidate)
        chosen[name] = candidate
    return chosen


def comment_text(text: str) -> str:
    """Text of the user's that can stand in a comment: one line, no more than that."""
    return " ".join(text.split())
