"""Tables of Hugging Face `datasets`: which columns are samples and labels, and their rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.ir.errors import DataError
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.rows import Row, of_rows
from snnc.runtime.readers.samples import Samples

INPUTS = ("x", "image", "img", "pixel_values", "input", "inputs", "audio", "text", "sentence")
"""Names of a sample's input, the first that is there."""
LABELS = ("y", "label", "labels", "fine_label")
_NO_LABEL = -1
"""Class of the samples of a split whose labels are not public, as `datasets` has it."""
_log = logging.getLogger(__name__)


def of_table(data: Any, spec: str, preparation: Preparation) -> Samples:
    """Rows of a `datasets.Dataset`, read when they are taken.

    The input is the column of images, else of sounds, else (with `[text]`) of text, else the
    one that a name of `INPUTS` says; labels are the `ClassLabel`, else a name of `LABELS`.

    Raises:
        DataError: no column or several could be the input, or a label is none.
    """
    features: Mapping[str, Any] = data.features
    x = _input_column(features, spec, preparation)
    y = _label_column(features, x)
    _log.info("%s: x is column `%s`, labels are %s", spec, x, f"column `{y}`" if y else "none")
    if _kind(features[x]) == "Audio":
        data = data.cast_column(x, type(features[x])(decode=False))  # snnc reads WAV itself
    only = data.select_columns([x])
    dtype = _number_type(features[x])

    def row(index: int) -> Row:
        try:
            value = only[index][x]
            return Row(x=value if dtype is None else np.asarray(value, dtype))
        except Exception as error:  # of decoders, by whatever class
            raise DataError(f"{type(error).__name__}: {error}") from error

    labels = None if y is None else _labels(data, y, spec)
    return of_rows(len(data), row, spec, preparation, labels)


def _input_column(features: Mapping[str, Any], spec: str, preparation: Preparation) -> str:
    for wanted in ("Image", "Audio", "string") if preparation.text else ("Image", "Audio"):
        if found := [name for name, feature in features.items() if _kind(feature) == wanted]:
            break
    else:
        found = [name for name in INPUTS if name in features][:1]
    named = [name for name in INPUTS if name in found]
    if len(found) == 1 or named:
        return (named or found)[0]
    listed = ", ".join(f"{name} ({_kind(feature)})" for name, feature in features.items())
    raise DataError(
        f"{'no column is' if not found else 'several columns may be'} a sample's input: {listed}",
        where=spec,
        hint="rename one to `x` in a function, and name that: --data package.module:callable",
    )


def _label_column(features: Mapping[str, Any], x: str) -> str | None:
    classes = [n for n, f in features.items() if _kind(f) == "ClassLabel"]
    if len(classes) == 1:
        return classes[0]
    return next((n for n in LABELS if n in (classes or features) and n != x), None)


def _kind(feature: Any) -> str:
    name = type(feature).__name__
    return str(feature.dtype) if name == "Value" else name


def _number_type(feature: Any) -> np.dtype[Any] | None:
    """Of a column of (nested lists of) numbers: rows come as plain lists, without it."""
    while (inner := getattr(feature, "feature", None)) is not None:
        feature = inner
    try:
        found = np.dtype(str(getattr(feature, "dtype", None)))
    except TypeError:
        return None
    return found if found.kind in "buif" else None


def _labels(data: Any, column: str, spec: str) -> Any:
    try:
        found = np.asarray(data[column][:])
    except Exception as error:
        raise DataError(f"labels cannot be read: {error}", where=spec) from error
    if found.dtype.kind == "i" and len(found) and (found == _NO_LABEL).all():
        return None
    return found
