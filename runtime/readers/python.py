"""`package.module:callable`: a torch `Dataset`, a Hugging Face data set, or any sequence."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, SnncError
from snnc.runtime.readers.columns import INPUTS, LABELS, of_table
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.rows import Row, of_rows
from snnc.runtime.readers.samples import Samples


def open_callable(spec: str, preparation: Preparation) -> Samples:
    """Call what `spec` names, without arguments, and take the sequence that it gives.

    A sample is an array, an image, a text, a pair (sample, label), or a mapping with `x` or
    `image`, and `y` or `label`.

    Raises:
        BadInputFile: there is no such callable, or it gives no sequence.
    """
    data = _called(spec)
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise BadInputFile(
            f"it gives a {type(data).__name__}, which has no length or no samples by number",
            where=spec,
            hint="give a torch Dataset, a Hugging Face Dataset or a list",
        )
    if hasattr(data, "features") and hasattr(data, "column_names"):
        return of_table(data, spec, preparation)

    def row(index: int) -> Row:
        try:
            return _row(data[index])
        except SnncError:
            raise
        except Exception as error:  # the user's own code
            raise DataError(said(error)) from error

    return of_rows(len(data), row, spec, preparation, _targets(data, spec))


def said(error: Exception) -> str:
    """An error of others' code in a line."""
    return f"{type(error).__name__}: {error}"


def _called(spec: str) -> Any:
    module, _, name = spec.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Callable[[], Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInputFile(f"no such callable: {error}", where=spec) from error
    except Exception as error:  # the user's own code
        raise BadInputFile(f"the module fails: {said(error)}", where=spec) from error
    if not callable(found):
        raise BadInputFile("this cannot be called", where=spec)
    try:
        return found()
    except Exception as error:  # the user's own code
        raise BadInputFile(f"it fails: {said(error)}", where=spec) from error


def _row(sample: Any) -> Row:
    if isinstance(sample, Mapping):
        name = next((n for n in INPUTS if n in sample), None)
        if name is None:
            raise DataError(f"it has {', '.join(map(str, sample))}, none of {', '.join(INPUTS)}")
        label = next((n for n in LABELS if n in sample), None)
        return Row(
            x=sample[name],
            label=None if label is None else sample[label],
            has_label=label is not None,
        )
    if isinstance(sample, tuple | list):
        two = len(sample) > 1
        return Row(x=sample[0], label=sample[1] if two else None, has_label=two)
    return Row(x=sample)


def _targets(data: Any, spec: str) -> Array | None:
    """The labels that data sets of torchvision hold beside their samples."""
    try:
        found = getattr(data, "targets", None)
        return None if found is None else np.asarray(found)
    except Exception as error:  # the user's own code
        raise DataError(f"labels cannot be read: {said(error)}", where=spec) from error
