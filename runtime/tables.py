"""Tables that read well at 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> Table:
    """A table; columns of numbers are set right, long names fold."""
    rows = [list(row) for row in rows]
    result = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for index, head in enumerate(heads):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        result.add_column(head, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text(number(cell)) for cell in row))
    return result


def key_values(values: Mapping[str, Any], *, title: str | None = None) -> Table:
    """Two columns, names and values; entries without a value are left out."""
    result = Table(
        box=None, show_header=False, title=title, title_justify="left", title_style="bold"
    )
    result.add_column(no_wrap=True)
    result.add_column(overflow="fold")
    for name, value in values.items():
        if value is not None:
            result.add_row(Text(name, style="cyan"), Text(number(value)))
    return result


def number(value: Any) -> str:
    """Numbers with separators or four digits, nothing for None, text as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return str(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def host_table(regions: Sequence[Mapping[str, Any]]) -> list[Table]:
    """What the host computes, region by region; nothing where there is none."""
    rows = [
        (r["region"], ", ".join(r["operators"]), r["n_macs"], ", ".join(r["gives"]))
        for r in regions
    ]
    heads = ("region", "operators", "MACs a frame", "gives")
    return [table(heads, rows, title="On the host")] if rows else []
