"""Reports as comparisons read them: a true one of a small model, changed where a test says so."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import snnc
from tests.runtime.models import samples, save_model

KEYS = ("spikes", "synaptic_events", "unit_spike_operations", "dense_macs")


@cache
def _true() -> dict[str, Any]:
    x, y = samples()
    with TemporaryDirectory() as folder:
        model = save_model(Path(folder))
        return snnc.report(
            model, {"x": x, "y": y}, code="burst", engine="oracle", hardware=["45nm"]
        ).to_json()


def true_report() -> dict[str, Any]:
    """What `snnc report --json` prints of the tiny model at 45 nm; the caller may change it."""
    return copy.deepcopy(_true())


def report(
    model: str, accuracy: float | None, picojoule: float | None, n_ticks: int, **changes: Any
) -> dict[str, Any]:
    """Four samples on a made-up chip: counter i of `KEYS` is i a sample."""
    value = true_report()
    energy = value["energy"].pop("45nm")
    energy["hardware"]["title"] = "A & B_1"
    energy |= dict.fromkeys(("picojoule", "picojoule_low", "picojoule_high"), picojoule)
    return value | {
        "model": model, "code": "burst", "n_samples": 4, "accuracy": accuracy, "n_ticks": n_ticks,
        "graph_hash": "0", "provenance": {"weight_bits": 8, "levels": 4},
        "counters": {key: 4 * i for i, key in enumerate(KEYS)},
        "energy": {"chip": energy}, **changes,
    }  # fmt: skip
