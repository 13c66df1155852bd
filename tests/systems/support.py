"""What the tests of all systems do: load a source once, convert it, verify it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import snnc
from snnc.converter.sources import InputGrid, SourceModel, SourceOptions, load_source
from snnc.ir.arrays import Array
from snnc.runtime.convert import Conversion
from snnc.runtime.verify import Verification


@dataclass(frozen=True)
class Checked:
    """A conversion that verified."""

    conversion: Conversion
    verification: Verification


def load(model: Any, x: Array, options: SourceOptions | None = None) -> SourceModel:
    """A module as a source: the slow part, to be done once for each model."""
    return load_source(model, options, x[:1])


def check(source: SourceModel, x: Array, **options: Any) -> Checked:
    """Convert and verify: every promise holds, no difference is left unexplained.

    Args:
        source: loaded.
        x: samples for the verification.
        options: of the conversion.
    """
    conversion = snnc.convert(source, **options)
    result = snnc.verify(source, conversion.model, np.asarray(x))
    assert isinstance(result, Verification)
    summary = result.to_json()
    assert summary["n_mismatches"] == 0, summary["first_difference"]
    assert result.ok, summary["promises"]
    return Checked(conversion, result)


def with_grid(source: SourceModel, grid: InputGrid) -> SourceModel:
    """The same source with its input on a grid."""
    return replace(source, inputs=(replace(source.inputs[0], grid=grid),))
