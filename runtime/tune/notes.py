"""What the reader of a tuning should know."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snnc.runtime.energy import Hardware
from snnc.runtime.tune.inputs import Inputs
from snnc.runtime.tune.measure import Json
from snnc.runtime.tune.search import Found


def notes(given: Inputs, chip: Hardware, found: Found, best: Json) -> Iterator[str]:
    """One sentence each, without a full stop."""
    if given.own_levels:
        yield "the source's activations are integers already: its levels are its own, no axis here"
    elif not given.separate:
        yield (
            "ranges were taken from the samples that accuracy is measured on; --calibrate takes "
            "them from others"
        )
    n = next(iter(found.reports.values()))["n_samples"]
    labels = given.data.y
    if labels is not None and n < len(labels):
        held, all_of = len(np.unique(labels[:n])), len(np.unique(labels))
        if held < all_of:
            yield (
                f"the first {n} samples, which the grid was measured on, hold {held} of {all_of} "
                "classes: shuffle DATA, or raise --samples"
            )
        yield (
            f"energies order the grid by its first {n} samples; what is named best was confirmed "
            f"on all {len(labels)}"
        )
    if chip.payload == "unit":
        yield f"{chip.name} has unit spikes only: codes with payloads were not tried"
    for assumption in best["energy"][chip.name]["assumptions"]:
        yield f"{chip.name}: {assumption}"
