"""What `snnc verify --json` said, as rows for a report.

The object may come from a file that anybody wrote, so nothing but its scalars is relied on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from snnc.runtime.tables import number

Rows: TypeAlias = list[tuple[str, str]]

_COLUMNS = {
    "name": "population",
    "n_activations": "activations",
    "n_near_threshold": "within rounding of a threshold",
    "n_mismatches": "wrong",
    "n_engine_mismatches": "differ between engines",
    "changed_share": "changed by rounding",
    "ok": "ok",
}


def summary_rows(verification: Mapping[str, Any]) -> Rows:
    """(what, answer) of the verification as a whole."""
    rows: Rows = []
    for key, value in verification.items():
        if _is_scalar(value) and value is not None:
            rows.append((key, number(value)))
        elif key in ("promises", "rounding") and isinstance(value, Mapping):
            rows += [
                (f"{key}: {inner}", number(answer))
                for inner, answer in value.items()
                if _is_scalar(answer) and answer is not None
            ]
    return rows + list(_engine_rows(verification.get("engines")))


def _engine_rows(engines: Any) -> Iterator[tuple[str, str]]:
    for pair in engines if isinstance(engines, list) else []:
        if isinstance(pair, Mapping):
            what = f"engines: {pair.get('engine')} against {pair.get('against')}"
            different, values = number(pair.get("n_mismatches")), number(pair.get("n_values"))
            yield what, f"{different} of {values} values differ"


def population_table(verification: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Column heads and rows, one for each population; empty where there are none."""
    given = verification.get("populations")
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list) else []
    keys = [key for key in _COLUMNS if any(key in row for row in rows)]
    heads = [_COLUMNS[key] for key in keys]
    return heads, [[_cell(key, row.get(key)) for key in keys] for row in rows]


def _cell(key: str, value: Any) -> str:
    if not _is_scalar(value):
        return ""
    if key == "changed_share" and isinstance(value, float):
        return f"{value:.2%}"
    return number(value)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
