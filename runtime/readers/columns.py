"""Tables of Hugging Face `datasets`: which columns are samples and labels, and their rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.errors import DataError, SnncError
from snnc.runtime.readers import images
from snnc.runtime.readers.named_files import content
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.rows import Row, of_rows
from snnc.runtime.readers.samples import Samples

INPUTS = ("x", "image", "img", "pixel_values", "input", "inputs", "audio", "text", "sentence")
"""Names of a sample's input, the first that is there."""
LABELS = ("y", "label", "labels", "fine_label")
_NO_LABEL = -1
"""Class of the samples of a split whose labels are not public, as `datasets` has it."""
_log = logging.getLogger(__name__)


def of_table(
    data: Any, spec: str, preparation: Preparation, folders: Sequence[Path] | None = None
) -> Samples:
    """Rows of a `datasets.Dataset`, read when they are taken.

    The input is the column of images, else of sounds, else (with `[text]`) of text, else the
    one that a name of `INPUTS` says; labels are the `ClassLabel`, else a name of `LABELS`.

    Args:
        data: the table.
        spec: what the user named.
        preparation: what is done to raw data.
        folders: where files that rows name may be; None: wherever the user's own code has them.

    Raises:
        DataError: no column or several could be the input, or a label is none.
    """
    features: Mapping[str, Any] = data.features
    x = _input_column(features, spec, preparation)
    y = _label_column(features, x, spec)
    _log.info("%s: x is column `%s`, labels are %s", spec, x, f"column `{y}`" if y else "none")
    convert = _converter(features[x], folders)
    if _kind(features[x]) == "Audio" or (_kind(features[x]) == "Image" and folders is not None):
        data = data.cast_column(x, type(features[x])(decode=False))  # snnc reads them itself
    if folders is not None:
        _refuse_decoders(data.features, x, y, spec)
    only = data.select_columns([x])
    labels = None if y is None else _labels(data, y, spec)

    def row(index: int) -> Row:
        if labels is not None and labels[index] == _NO_LABEL:
            raise DataError("its label is -1: it is not known")
        try:
            return Row(x=convert(only[index][x]))
        except SnncError:
            raise
        except Exception as error:  # of decoders, by whatever class
            raise DataError(f"{type(error).__name__}: {error}") from error

    return of_rows(len(data), row, spec, preparation, labels)


def _converter(feature: Any, folders: Sequence[Path] | None) -> Callable[[Any], Any]:
    """From a value of `datasets` to what a row takes."""
    kind, dtype = _kind(feature), _number_type(feature)
    if kind == "Image" and folders is not None:
        mode = getattr(feature, "mode", None)
        return lambda value: images.decoded(content(value, folders), mode)
    if kind == "Audio" and folders is not None:
        return lambda value: {"bytes": content(value, folders)}
    return lambda value: value if dtype is None else np.asarray(value, dtype)


def _refuse_decoders(features: Mapping[str, Any], x: str, y: str | None, spec: str) -> None:
    """Columns that `datasets` decodes by itself: it opens any file and address that rows name."""
    for name in (x, y):
        if name is not None and _decodes(features[name]):
            raise DataError(
                f"column `{name}` ({_kind(features[name])}) is nothing that snnc reads",
                where=spec,
                hint="read it in a function, and name that: --data package.module:callable",
            )


def _decodes(feature: Any) -> bool:
    if isinstance(feature, Mapping):
        return any(_decodes(inner) for inner in feature.values())
    if isinstance(feature, list | tuple):
        return any(_decodes(inner) for inner in feature)
    if (inner := getattr(feature, "feature", None)) is not None:
        return _decodes(inner)
    opens = hasattr(feature, "decode_example") and _kind(feature) != "Json"
    return opens and bool(getattr(feature, "decode", True))


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


def _label_column(features: Mapping[str, Any], x: str, spec: str) -> str | None:
    classes = [n for n, f in features.items() if _kind(f) == "ClassLabel"]
    if len(classes) == 1:
        return classes[0]
    found = next((n for n in LABELS if n in (classes or features) and n != x), None)
    if classes and found is None:
        raise DataError(
            f"several columns may be the labels: {', '.join(classes)}",
            where=spec,
            hint="rename one to `y` in a function, and name that: --data package.module:callable",
        )
    return found


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
