"""What `snnc verify --json` said, as rows for a report.

The object may come from a file that anybody wrote, so nothing but its scalars is relied on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from snnc.runtime.tables import number

Rows: TypeAlias = list[tuple[str, str]]


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


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
