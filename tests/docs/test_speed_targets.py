"""The rows of docs/speed.md that are read from networks.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import needs

DOCS = Path(__file__).resolve().parents[2] / "docs"


def row(ms: float, batched: float | None, batch: int | None = 50, run: str = "a") -> dict[str, Any]:
    return {"ms": ms, "ms_batched": batched, "batch": batch, "run": run}


@pytest.mark.parametrize(
    ("dense", "other", "text"),
    [
        (row(1, 3), row(2, 4), "mnist 0.50 / 0.75"),
        (row(1, None, None), row(2, 4), "mnist 0.50 / –"),
        (row(1, 3), row(2, None, None), "mnist 0.50 / –"),
        (row(1, 3, 25), row(2, 4), "mnist 0.50 / 0.75 (batches of 25 and 50)"),
        (row(1, 3), row(2, 4, run="b"), "mnist not of one run"),
    ],
)
def test_ratios_are_of_one_run_and_equal_batches(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dense: dict[str, Any],
    other: dict[str, Any],
    text: str,
) -> None:
    """What is missing is left out, what is not alike is said."""
    monkeypatch.syspath_prepend(str(DOCS))
    targets = needs.module("speed_targets")
    monkeypatch.setattr(targets, "RESULTS", tmp_path)
    parties = {targets.DENSE: dense, targets.TORCH: other, targets.INT8: {"reason": "no"}}
    found = {"mnist": {"parties": parties}}
    (tmp_path / "networks.json").write_text(json.dumps(found))
    (_, reached, _), *_, (_, missing, _) = targets.networks()
    assert reached == f"one at a time / in batches: {text}"
    assert missing == targets.NOT_YET
    del sys.modules["speed_targets"]


def test_what_counting_costs_is_listed_by_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    targets = needs.module("speed_targets")
    monkeypatch.setattr(targets, "RESULTS", tmp_path)
    ((_, missing, _),) = targets.counters()
    assert missing == targets.NOT_YET
    rows = [{"net": net, "extra": extra} for net in ("a", "b") for extra in (0.1234, 0.02)]
    (tmp_path / "scaling.json").write_text(json.dumps({"counters": {"rows": rows}}))
    ((_, reached, _),) = targets.counters()
    assert reached == "one at a time / in batches: a 12.3 / 2.0 %, b 12.3 / 2.0 %"
    del sys.modules["speed_targets"]
