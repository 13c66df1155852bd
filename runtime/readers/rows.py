"""Samples by number, as code or a table gives them: arrays, images, text, pairs, mappings."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime.readers import audio
from snnc.runtime.readers.images import of_pixels, prepare
from snnc.runtime.readers.labels import NO_CLASS, LazyLabels, as_labels, class_number
from snnc.runtime.readers.preparation import ImagePreparation, Preparation
from snnc.runtime.readers.records import read_record, records
from snnc.runtime.readers.samples import Samples
from snnc.runtime.readers.text import tokens_of

_HASHED = 16
"""Samples that a fingerprint reads, evenly spaced: code may give other data under the same name."""
_UNREAD = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sample as it comes.

    Attributes:
        x: what the model takes, or what `[image]`, `[audio]` or `[text]` makes it of.
        label: its class.
        has_label: is there one?
    """

    x: Any
    label: Any = None
    has_label: bool = False


def of_rows(
    n: int, row: Callable[[int], Row], spec: str, preparation: Preparation, labels: Array | None
) -> Samples:
    """Samples whose rows are read when they are taken.

    Args:
        n: how many there are.
        row: gives the row of a number.
        spec: what the user named.
        preparation: what is done to raw data.
        labels: of all samples, where they are there without them.

    Raises:
        DataError: none can be read.
    """

    def place(index: int) -> str:
        return f"{spec}, sample {index}"

    known = labels is not None
    rows = _Rows(n, row, preparation, known=known)
    x = records(n, rows.read, place)

    def fingerprint() -> str:
        found = hashlib.sha256(f"{spec} {n}".encode())
        for i in range(0, n, max(1, n // _HASHED)):
            try:
                found.update(read_record(rows.read, place, i).tobytes())
                if rows.have_labels and not known:
                    found.update(f" {rows.label(i)}".encode())
            except DataError as error:
                found.update(error.what.encode())
        return found.hexdigest()

    if labels is None and rows.have_labels:
        labels = as_labels(LazyLabels(indices=range(n), read=rows.label))
    return Samples(x=x, y=labels, fingerprint=fingerprint)


class _Rows:
    """Reads rows, and keeps the labels that come with them."""

    def __init__(
        self, n: int, row: Callable[[int], Row], preparation: Preparation, *, known: bool
    ) -> None:
        self._row, self._preparation, self._known = row, preparation, known
        self._labels = np.full(n, _UNREAD)
        self.have_labels: bool | None = None

    def read(self, index: int) -> Array:
        """What the model takes of a sample; a label that is none is an error of its sample."""
        row = self._row(index)
        if not self._known:
            self._keep(index, row)
        found = _array(row.x, self._preparation)
        self.have_labels = row.has_label if self.have_labels is None else self.have_labels
        return found

    def label(self, index: int) -> int:
        """The class of a sample; -1 where it cannot be read: then the sample cannot, either."""
        if self._labels[index] == _UNREAD:
            try:
                self._keep(index, self._row(index))
            except DataError:
                return NO_CLASS
        return int(self._labels[index])

    def _keep(self, index: int, row: Row) -> None:
        if self.have_labels is not None and row.has_label != self.have_labels:
            raise DataError(
                "it has no label, and others have one"
                if self.have_labels
                else "it has a label, and others have none"
            )
        if row.has_label:
            self._labels[index] = class_number(row.label)


def _array(x: Any, preparation: Preparation) -> Array:
    if hasattr(x, "convert") and hasattr(x, "resize"):  # an image of Pillow
        return prepare(x, preparation.image or ImagePreparation())
    if isinstance(x, str):
        if preparation.text is None:
            raise WrongUsage(
                "text needs `tokenizer` and `length` under [text]",
                hint="convert the model with `--prepare FILE.toml`",
            )
        return tokens_of(preparation.text)(x)
    if isinstance(x, Mapping) and ("bytes" in x or "path" in x):  # a sound of Hugging Face
        held = x.get("bytes")
        return audio.read(x["path"] if held is None else io.BytesIO(held), preparation)
    array = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    if array.dtype.kind not in "buif":
        raise DataError(f"it is a {type(x).__name__}, no array of numbers, image or text")
    if preparation.image is not None and array.dtype == np.uint8:
        return of_pixels(array, preparation.image)
    return array
