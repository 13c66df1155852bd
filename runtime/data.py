"""Data sets: `.npz` with x (and y), `.npy`, or a name; checked before anything runs."""

from __future__ import annotations

import difflib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import BadInputFile, DataError, MissingExtra

NAMED = ("digits", "digits-train", "digits-test")
"""Data sets by name: scikit-learn's digits, whole or split 80/20 by class with random_state 0."""

_REAL_KINDS = "buif"
_ARRAY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """Samples and, where there are any, their labels.

    Attributes:
        name: for messages: the file or the name of the set.
        x: shape (N, …), what the source's forward takes, samples first; may be memory-mapped.
        y: class labels, shape (N,).
    """

    name: str
    x: Array
    y: IntArray | None = None

    def __post_init__(self) -> None:
        if self.x.ndim < 2:
            raise DataError(
                f"x has shape {self.x.shape}, expected (N, …) with samples first", where=self.name
            )
        if not len(self.x):
            raise DataError("the data set is empty", where=self.name)
        if self.x.dtype.kind not in _REAL_KINDS:
            raise DataError(f"x holds {self.x.dtype}, not numbers", where=self.name)
        if self.y is not None:
            object.__setattr__(self, "y", _labels(self.y, len(self.x), self.name))

    def __len__(self) -> int:
        return len(self.x)

    def limit(self, n: int | None) -> DataSet:
        """The first `n` samples; all of them where `n` is None."""
        if n is None or n >= len(self):
            return self
        return self.take(slice(0, n))

    def take(self, samples: slice) -> DataSet:
        """Some samples."""
        y = None if self.y is None else self.y[samples]
        return replace(self, x=self.x[samples], y=y)

    def batches(self, size: int) -> Iterator[Array]:
        """Pieces of x with at most `size` samples."""
        for first in range(0, len(self), size):
            yield np.asarray(self.x[first : first + size])


def load_data(
    spec: str | os.PathLike[str] | Array | DataSet, shape: Shape | None = None
) -> DataSet:
    """Find a data set.

    Args:
        spec: an `.npz` with `x` (and `y`), an `.npy`, the name of a data set, or an array.
        shape: of one sample of the model's input; a named set is reshaped to it.

    Raises:
        BadInputFile: there is no such file, or it cannot be read.
        DataError: it holds no usable samples.
        MissingExtra: a named set needs scikit-learn.
    """
    if isinstance(spec, DataSet):
        return spec
    if isinstance(spec, np.ndarray):
        return DataSet(name="data", x=spec)
    name = os.fspath(spec)
    if name in NAMED:
        return _digits(name, shape)
    path = Path(name)
    if path.exists() and not path.is_file():
        raise BadInputFile("this is no file", where=name, hint="give an .npz or .npy file")
    if not path.is_file():
        near = difflib.get_close_matches(name, NAMED, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"data sets by name: {', '.join(NAMED)}"
        raise BadInputFile("no such file or data set", where=name, hint=hint)
    return _from_file(path)


def _from_file(path: Path) -> DataSet:
    where = str(path)
    try:
        content = _open(path)
        if isinstance(content, np.ndarray):
            arrays, held = {"x": content}, "x"
        else:
            with content:
                arrays = {name: _member(content, name) for name in ("x", "y") if name in content}
                held = ", ".join(content.files) or "nothing"
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise BadInputFile(
            f"not a readable .npz or .npy file: {error}",
            where=where,
            hint='write it with `np.savez("data.npz", x=x, y=y)`',
        ) from error
    if "x" not in arrays:
        raise DataError(f"there is no array `x`, only {held}", where=where)
    return DataSet(name=where, x=arrays["x"], y=arrays.get("y"))


def _open(path: Path) -> Any:
    with path.open("rb") as stream:
        head = stream.read(len(_ARRAY_MAGIC))
    if head.startswith(b"PK"):
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("truncated")
    elif head != _ARRAY_MAGIC:
        # numpy would take it for a pickle and advise to load that
        raise ValueError("it is empty" if not head else "it holds something else")
    # .npy maps into memory, so that a set larger than memory streams
    return np.load(path, mmap_mode="r" if path.suffix == ".npy" else None)


def _member(archive: Any, name: str) -> Array:
    """One array of an `.npz`; what is no array is refused before it is unpacked."""
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    with archive.zip.open(member) as stream:
        if stream.read(len(_ARRAY_MAGIC)) != _ARRAY_MAGIC:
            raise ValueError(f"its member {member} is no array")
    array: Array = archive[name]
    return array


def _labels(y: Array, n: int, where: str) -> IntArray:
    y = np.asarray(y)
    if y.shape == (n, 1):
        y = y[:, 0]
    if y.shape != (n,):
        raise DataError(f"y has shape {y.shape}, expected ({n},) as x has", where=where)
    if y.dtype.kind not in "bui":
        raise DataError(f"y holds {y.dtype}, not class numbers", where=where)
    return y.astype(np.int64)


def _digits(name: str, shape: Shape | None) -> DataSet:
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise MissingExtra(
            f"data set `{name}` needs scikit-learn", hint="pip install scikit-learn"
        ) from error
    bunch = load_digits()
    x, y = bunch.data.astype(np.float32), bunch.target
    if name != "digits":
        index = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
        part = index[0] if name == "digits-train" else index[1]
        x, y = x[part], y[part]
    sample = shape if shape is not None and size_of(shape) == x.shape[1] else (1, 8, 8)
    return DataSet(name=name, x=x.reshape(-1, *sample), y=y)
