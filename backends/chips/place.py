"""Where something stands in a chip file: which table, which line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from snnc.ir.errors import UnknownHardware

_HEADER = re.compile(r"\s*\[(\[?)\s*([\w.\-\s\"']+?)\s*\]")
_KEY = re.compile(r"\s*([\w\-]+|\"[^\"]*\"|'[^']*')\s*=")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """A table of a chip file, to point at in messages.

    Attributes:
        file: for people.
        table: dotted name; empty for the file's own keys.
        lines: line of each (table, key), and of each table's header under an empty key.
        found: takes the errors of a file that is checked as a whole; None: the first one is raised.
    """

    file: str
    table: str = ""
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict)
    found: list[UnknownHardware] | None = None

    def inside(self, name: str) -> Place:
        """A table within this one."""
        return replace(self, table=f"{self.table}.{name}" if self.table else name)

    def error(self, what: str, key: str = "") -> UnknownHardware:
        """An error at a key of this table, or at the table."""
        line = self._line(key)
        where = [self.file, f"line {line}" if line else "", f"[{self.table}]" if self.table else ""]
        return UnknownHardware(what, where=", ".join(part for part in where if part))

    def attempt(self, read: Callable[[], _T], otherwise: _T) -> _T:
        """What `read` gives; where all errors are wanted, `otherwise` in the place of one."""
        if self.found is None:
            return read()
        try:
            return read()
        except UnknownHardware as error:
            self.found.append(error)
            return otherwise

    def _line(self, key: str) -> int | None:
        parent, _, last = self.table.rpartition(".")
        places = [(self.table, key), (self.table, ""), (parent, last)]
        return next((self.lines[place] for place in places if place in self.lines), None)


def line_index(text: str) -> dict[tuple[str, str], int]:
    """Line of every (table, key) of a TOML text; tables of an array are numbered from 1."""
    lines: dict[tuple[str, str], int] = {}
    arrays: dict[str, int] = {}
    table, quote = "", None
    for number, line in enumerate(text.splitlines(), start=1):
        if quote is None:
            if header := _HEADER.match(line):
                table = header[2].replace(" ", "").replace('"', "").replace("'", "")
                if header[1]:
                    arrays[table] = arrays.get(table, 0) + 1
                    table = f"{table}.{arrays[table]}"
                lines.setdefault((table, ""), number)
            elif key := _KEY.match(line):
                lines.setdefault((table, key[1].strip("\"'")), number)
        for mark in ('"""', "'''"):
            if quote in (None, mark) and line.count(mark) % 2:
                quote = mark if quote is None else None
    return lines
