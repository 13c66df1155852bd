"""`package.module:callable`: a torch `Dataset`, a Hugging Face data set, or any sequence."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import BadInputFile, DataError, SnncError
from snnc.runtime.readers.images import of_pixels, prepare
from snnc.runtime.readers.preparation import ImagePreparation, Preparation
from snnc.runtime.readers.records import read_record, records
from snnc.runtime.readers.samples import Samples

_INPUTS = ("x", "image", "img", "pixel_values", "input", "inputs")
_LABELS = ("y", "label", "labels", "fine_label")
_HASHED = 16
"""Samples that a fingerprint reads, evenly spaced: code may give other data under the same name."""


def open_callable(spec: str, preparation: Preparation) -> Samples:
    """Call what `spec` names, without arguments, and take the sequence that it gives.

    A sample is an array, an image, a pair (sample, label), or a mapping with `x` or `image`, and
    `y` or `label`.

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

    def place(index: int) -> str:
        return f"{spec}, sample {index}"

    def read(index: int) -> Array:
        return _array(_input(sample(index)), preparation.image)

    def sample(index: int) -> Any:
        try:
            return data[index]
        except Exception as error:  # the user's own code
            raise DataError(_said(error)) from error

    def fingerprint() -> str:
        found = hashlib.sha256(f"{spec} {len(data)}".encode())
        for i in range(0, len(data), max(1, len(data) // _HASHED)):
            found.update(read_record(read, place, i).tobytes())
        return found.hexdigest()

    x = records(len(data), read, place)
    try:
        labels = _labels(data, spec)
    except SnncError:
        raise
    except Exception as error:  # the user's own code
        raise DataError(f"labels cannot be read: {_said(error)}", where=spec) from error
    return Samples(x=x, y=labels, fingerprint=fingerprint)


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
        raise BadInputFile(f"the module fails: {_said(error)}", where=spec) from error
    if not callable(found):
        raise BadInputFile("this cannot be called", where=spec)
    try:
        return found()
    except Exception as error:  # the user's own code
        raise BadInputFile(f"it fails: {_said(error)}", where=spec) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _input(sample: Any) -> Any:
    if isinstance(sample, Mapping):
        name = next((n for n in _INPUTS if n in sample), None)
        if name is None:
            raise DataError(f"it has {', '.join(map(str, sample))}, none of {', '.join(_INPUTS)}")
        return sample[name]
    return sample[0] if isinstance(sample, tuple | list) else sample


def _array(x: Any, how: ImagePreparation | None) -> Array:
    if hasattr(x, "convert") and hasattr(x, "resize"):  # an image of Pillow
        return prepare(x, how or ImagePreparation())
    array = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    if how is not None and array.dtype == np.uint8:
        return of_pixels(array, how)
    return array


def _labels(data: Any, spec: str) -> IntArray | None:
    """From `targets` (torchvision), a column, or else one pass over all samples."""
    if (targets := getattr(data, "targets", None)) is not None:
        return np.asarray(targets)
    column = next((n for n in _LABELS if n in (getattr(data, "column_names", None) or ())), None)
    if column is not None:
        return np.asarray(data[column])
    if not len(data):
        return None
    first = data[0]
    if isinstance(first, Mapping):
        name = next((n for n in _LABELS if n in first), None)
        found = None if name is None else [data[i][name] for i in range(len(data))]
    else:
        pairs = isinstance(first, tuple | list) and len(first) > 1
        found = [data[i][1] for i in range(len(data))] if pairs else None
    if found is None:
        return None
    try:
        return np.array([int(label) for label in found])
    except (TypeError, ValueError) as error:
        raise DataError(f"a label is no class number: {error}", where=spec) from error
