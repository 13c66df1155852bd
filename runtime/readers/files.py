"""Folders and CSV lists of files, one sample each, and single files."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import BadInputFile, DataError
from snnc.runtime.readers.decoders import BY_SUFFIX, decode
from snnc.runtime.readers.labels import label_of
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import Records, listing_hash, records
from snnc.runtime.readers.samples import Samples

_log = logging.getLogger(__name__)

LIST_SUFFIXES = (".csv", ".tsv")


def open_folder(folder: Path, preparation: Preparation) -> Samples:
    """Files of known kinds: in one folder for each class, sorted by name, or without labels.

    Raises:
        DataError: there are none, or of several kinds.
        OSError: one cannot be listed.
    """
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    _note_numbers([inner.name for inner in classes], folder)
    listed: list[tuple[Path, int]] = []
    for label, inner in enumerate(classes):
        listed += [(path, label) for path in _known(_files_in(inner))]
    plain = [] if listed else _known(folder.iterdir())
    paths = plain or [path for path, _ in listed]
    kinds = sorted({BY_SUFFIX[p.suffix.lower()].name for p in paths})
    if len(kinds) != 1:
        found = (
            f"files of several kinds: {', '.join(kinds)}" if kinds else "no file of a known kind"
        )
        raise DataError(f"the folder holds {found}", where=str(folder))
    labels = None if plain else np.array([label for _, label in listed])
    return _of_paths(paths, labels, preparation)


def _note_numbers(names: list[str], folder: Path) -> None:
    """Warn of folders that are called by numbers, but not by those of their classes."""
    if not all(name.isdecimal() for name in names):
        return
    other = [(i, name) for i, name in enumerate(names) if int(name) != i]
    if other:
        label, name = other[0]
        _log.warning(
            "%s: classes are numbered in the order of their folders' names, as torchvision does "
            "it: `%s` is class %d; a list (CSV) can say otherwise", folder, name, label,
        )  # fmt: skip


def open_list(path: Path, preparation: Preparation) -> Samples:
    """A CSV (or TSV) with a header of `path` and maybe `label`; paths start at its folder.

    Raises:
        BadInputFile: it is no such list.
        DataError: some rows have labels and some none, or no row can be used: one without a path
            or with a label that is no class number is a bad sample.
    """
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputFile(f"cannot be read: {error}", where=str(path)) from error
    if not rows or "path" not in rows[0]:
        raise BadInputFile("its first line does not name a column `path`", where=str(path))
    paths, labels = [], []
    bad: dict[int, DataError] = {}
    for i, row in enumerate(rows):
        place = f"{path}, line {i + 2}"
        paths.append(path.parent / (row["path"] or ""))
        labels.append(label_of(row.get("label"), i, place, bad))
        if not row["path"]:
            bad[i] = DataError("there is no path", where=place)
    known = [label for label in labels if label is not None]
    if known and len(known) != len(labels):
        raise DataError("some rows have a label and some have none", where=str(path))
    return _of_paths(paths, np.array(known) if known else None, preparation, bad)


def open_file(path: Path, preparation: Preparation) -> Samples:
    """One file, one sample."""
    return _of_paths([path], None, preparation)


def _of_paths(
    paths: Sequence[Path],
    labels: IntArray | None,
    preparation: Preparation,
    bad: Mapping[int, DataError] = MappingProxyType({}),
) -> Samples:
    def place(index: int) -> str:
        return str(paths[index])

    def read(index: int) -> Array:
        if index in bad:
            raise bad[index]
        return decode(paths[index], preparation)

    x: Records = records(len(paths), read, place)
    return Samples(x=x, y=labels, fingerprint=lambda: listing_hash(paths))


def _files_in(folder: Path) -> Iterator[Path]:
    """All files in it and below; a folder that cannot be listed is an error (`rglob` passes on)."""

    def fail(error: OSError) -> None:
        raise error

    for place, _, names in os.walk(folder, onerror=fail):
        yield from (Path(place, name) for name in names)


def _known(paths: object) -> list[Path]:
    found = [p for p in paths if p.suffix.lower() in BY_SUFFIX and p.is_file()]  # type: ignore[attr-defined]
    return sorted(found)
