"""Data sets: found by what a user names, checked before anything runs."""

from __future__ import annotations

import difflib
import hashlib
import os
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import BadInputFile, DataError, MissingExtra, SnncError
from snnc.runtime.readers.images import of_pixels
from snnc.runtime.readers.labels import LazyLabels, as_labels
from snnc.runtime.readers.open import absolute, open_samples
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import UNREADABLE, Records, as_array, records

NAMED = ("digits", "digits-train", "digits-test")
"""Data sets by name: scikit-learn's digits, whole or split 80/20 by class with random_state 0."""

_HASHED_AT_ONCE = 1000
_REAL_KINDS = "buif"
_ARRAY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """Samples and, where there are any, their labels.

    Attributes:
        name: for messages: the file or the name of the set.
        x: shape (N, …), what the source's forward takes, samples first; may be memory-mapped, or
            read sample by sample.
        y: class labels, shape (N,).
        inputs: of a model with several inputs: every one by its name, shape (N, …); x is the first.
        spec: what `load_data` finds the same samples by; None for those that are only in memory.
        whole: samples that `spec` stands for, where these are only the first of them.
        source_hash: gives a hash that changes with the data, where reading all would take long.
    """

    name: str
    x: Array
    y: IntArray | None = None
    inputs: Mapping[str, Array] = field(default_factory=dict)
    spec: str | None = None
    whole: int | None = None
    source_hash: Callable[[], str] | None = None

    def __post_init__(self) -> None:
        if self.x.ndim < 2:
            raise DataError(
                f"x has shape {self.x.shape}, expected (N, …) with samples first", where=self.name
            )
        if not len(self.x):
            raise DataError("the data set is empty", where=self.name)
        if self.x.dtype.kind not in _REAL_KINDS:
            raise DataError(f"x holds {self.x.dtype}, not numbers", where=self.name)
        for name, array in self.inputs.items():
            if array.dtype.kind not in _REAL_KINDS:
                raise DataError(f"{name} holds {array.dtype}, not numbers", where=self.name)
            if len(array) != len(self.x):
                raise DataError(
                    f"{name} holds {len(array)} samples, x holds {len(self.x)}", where=self.name
                )
        if self.y is not None:
            object.__setattr__(self, "y", _labels(self.y, len(self.x), self.name))

    def __len__(self) -> int:
        return len(self.x)

    def limit(self, n: int | None) -> DataSet:
        """The first `n` samples; all of them where `n` is None."""
        if n is None or n >= len(self):
            return self
        first = self.take(slice(0, n))
        return replace(first, spec=self.spec, whole=self.whole or len(self))

    def take(self, samples: slice) -> DataSet:
        """Some samples."""
        labels: object = self.y
        y = None if self.y is None else self.y[samples]
        if isinstance(labels, LazyLabels):
            y = as_labels(labels.part(samples))
        inputs = {name: array[samples] for name, array in self.inputs.items()}
        lazy: object = self.x
        x = as_array(lazy.part(samples)) if isinstance(lazy, Records) else self.x[samples]
        return replace(self, x=x, y=y, inputs=inputs, spec=None, whole=None)

    def read(self, samples: slice) -> Array | Mapping[str, Array]:
        """Some of `samples`, in memory."""
        if self.inputs:
            return {name: np.asarray(array[samples]) for name, array in self.inputs.items()}
        return np.asarray(self.x[samples])

    def fingerprint(self) -> str:
        """Hash of all samples and labels: equal data sets have equal ones.

        Where there is a `source_hash` it stands for the samples, and for labels that are read with
        them.
        """
        found = hashlib.sha256()
        lazy: object = self.y
        hashed: dict[str, Array] = {}
        if self.source_hash is None:
            hashed |= self.inputs or {"x": self.x}
        else:
            found.update(f"{self.source_hash()} {self.x.shape}".encode())
        if self.y is not None and not isinstance(lazy, LazyLabels):
            hashed["labels"] = self.y
        for name, array in hashed.items():
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            for first in range(0, len(array), _HASHED_AT_ONCE):
                part = array[first : first + _HASHED_AT_ONCE]
                found.update(np.ascontiguousarray(part).view(np.uint8).data)
        return found.hexdigest()

    @property
    def samples(self) -> Array | Mapping[str, Array]:
        """What a model takes: x, or every input by name."""
        return self.inputs or self.x

    def batches(self, size: int) -> Iterator[Array | Mapping[str, Array]]:
        """Pieces of `samples` with at most `size` samples."""
        for first in range(0, len(self), size):
            yield self.read(slice(first, first + size))


def load_data(
    spec: str | os.PathLike[str] | Array | Mapping[str, Array] | DataSet,
    shape: Shape | None = None,
    names: Sequence[str] = (),
    preparation: Preparation | None = None,
) -> DataSet:
    """Find a data set.

    Args:
        spec: a file or folder of any kind that `snnc.runtime.readers` knows, the name of a data
            set, `package.module:callable`, an array, or several by name.
        shape: of one sample of the model's input; a named set is reshaped to it.
        names: of the model's inputs; where there are several, the `.npz` holds one array for
            each under its name, or the first one as `x`.
        preparation: what is done to raw data; None: nothing.

    Raises:
        BadInputFile: there is no such file, or it cannot be read.
        DataError: it holds no usable samples.
        MissingExtra: a package that reads it is not installed.
    """
    if isinstance(spec, DataSet):
        return spec
    preparation = preparation or Preparation()
    if isinstance(spec, np.ndarray):
        return prepared(DataSet(name="data", x=spec), preparation)
    if isinstance(spec, Mapping):
        return _of_arrays(spec, "data", names, tuple(spec))
    name = os.fspath(spec)
    if name in NAMED:
        return replace(_digits(name, shape), spec=name)
    try:
        found = open_samples(name, preparation)
    except SnncError as error:
        error.where = error.where or name
        raise
    except OSError as error:  # of folders that may not be looked into
        where = str(error.filename or name)
        raise BadInputFile(f"cannot be read: {error.strerror}", where=where) from error
    if found is not None:
        return DataSet(
            name=name,
            x=as_array(found.x),
            y=found.y,
            source_hash=found.fingerprint,
            spec=absolute(name),
        )
    path = Path(name)
    if path.exists() and not path.is_file():
        raise BadInputFile("this is no file", where=name, hint="give a file or a folder")
    if not path.is_file():
        near = difflib.get_close_matches(name, NAMED, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"data sets by name: {', '.join(NAMED)}"
        raise BadInputFile("no such file or data set", where=name, hint=hint)
    return prepared(replace(_from_file(path, names), spec=str(path.absolute())), preparation)


def prepared(data: DataSet, preparation: Preparation) -> DataSet:
    """`[image]` is for uint8 arrays (N, H, W) or (N, H, W, C); others are what the model takes."""
    how, x = preparation.image, data.x
    if how is None or data.inputs or x.dtype != np.uint8:
        return data

    def read(index: int) -> Array:
        return of_pixels(x[index], how)

    return replace(
        data,
        x=as_array(records(len(x), read, lambda i: f"{data.name}, sample {i}")),
        source_hash=data.fingerprint,
    )


def _from_file(path: Path, names: Sequence[str]) -> DataSet:
    where = str(path)
    wanted = ("x", "y", *names)
    try:
        with path.open("rb") as stream:
            content = _open(path, stream)
            if isinstance(content, np.ndarray):
                arrays, held = {"x": content}, ["x"]
            else:
                held = content.files
                arrays = {n: _member(content, n) for n in dict.fromkeys(wanted) if n in content}
    except UNREADABLE as error:
        raise BadInputFile(
            f"not a readable .npz or .npy file: {error}",
            where=where,
            hint='write it with `np.savez("data.npz", x=x, y=y)`',
        ) from error
    except MemoryError as error:
        raise DataError(
            "it does not fit in memory", where=where, hint="an .npy is mapped, not loaded"
        ) from error
    return _of_arrays(arrays, where, names, held)


def _of_arrays(
    arrays: Mapping[str, Array], where: str, names: Sequence[str], held: Collection[str]
) -> DataSet:
    """One array for each input, or `x` for the first."""
    listed = ", ".join(held) or "nothing"
    labels = None if "y" in names else arrays.get("y")
    inputs = {n: arrays[n] for n in names if n in arrays}
    if names and names[0] not in inputs and "x" in arrays:
        inputs[names[0]] = arrays["x"]
    if len(names) < 2:
        x = next(iter(inputs.values()), arrays.get("x"))
        if x is None:
            raise DataError(f"there is no array `x`, only {listed}", where=where)
        return DataSet(name=where, x=x, y=labels)
    missing = [name for name in names if name not in inputs]
    if missing:
        raise DataError(
            f"the model has {len(names)} inputs ({', '.join(names)}), the data has no array "
            f"`{missing[0]}`, only {listed}",
            where=where,
            hint="write every input under its name: np.savez(path, "
            + ", ".join(f"{name}=…" for name in names)
            + ")",
        )
    inputs = {name: inputs[name] for name in names}
    return DataSet(name=where, x=inputs[names[0]], y=labels, inputs=inputs)


def _open(path: Path, stream: IO[bytes]) -> Any:
    head = stream.read(len(_ARRAY_MAGIC))
    stream.seek(0)
    if head.startswith(b"PK"):
        if not zipfile.is_zipfile(stream):
            raise zipfile.BadZipFile("truncated")
        stream.seek(0)
        return np.load(stream)
    if head != _ARRAY_MAGIC:
        # numpy would take it for a pickle and advise to load that
        raise ValueError("it is empty" if not head else "it holds something else")
    # .npy maps into memory, so that a set larger than memory streams
    return np.load(path, mmap_mode="r") if path.suffix == ".npy" else np.load(stream)


def _member(archive: Any, name: str) -> Array:
    """One array of an `.npz`; what is no array is refused before it is unpacked."""
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    with archive.zip.open(member) as stream:
        if stream.read(len(_ARRAY_MAGIC)) != _ARRAY_MAGIC:
            raise ValueError(f"its member {member} is no array")
    array: Array = archive[name]
    return array


def _labels(y: Array, n: int, where: str) -> IntArray:
    lazy: object = y
    if isinstance(lazy, LazyLabels):
        return y
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
