"""Lines of text, by a tokenizer, to token numbers."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import BadInputFile, DataError, MissingExtra
from snnc.runtime.readers.preparation import TextPreparation
from snnc.runtime.readers.records import records
from snnc.runtime.readers.samples import Samples


def open_text(path: Path, how: TextPreparation) -> Samples:
    """A text a line, in a `.tsv` with a tab and the label behind it; int64 tokens (N, length).

    Raises:
        BadInputFile: it cannot be read, or the tokenizer is none.
        DataError: a label is no class number.
    """
    tokens = tokens_of(how)
    try:
        data = path.read_bytes()
        lines = data.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=str(path)) from error
    texts, labels = _split(lines, path)

    def read(index: int) -> Array:
        return tokens(texts[index])

    return Samples(
        x=records(len(texts), read, lambda i: f"{path}, line {i + 1}"),
        y=labels,
        fingerprint=lambda: hashlib.sha256(data + how.tokenizer.encode()).hexdigest(),
    )


@functools.lru_cache(maxsize=1)
def tokens_of(how: TextPreparation) -> Callable[[str], IntArray]:
    """What makes int64 tokens (length,) of a text.

    Raises:
        BadInputFile: the tokenizer is none.
        MissingExtra: `tokenizers` is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra(
            "text needs the package `tokenizers`", hint="pip install 'snnc[text]'"
        ) from error
    try:
        tokenizer = Tokenizer.from_str(how.tokenizer)
    except Exception as error:
        raise BadInputFile(f"no tokenizer: {error}", where="[text] tokenizer") from error
    tokenizer.enable_truncation(how.length)
    tokenizer.enable_padding(length=how.length)
    return lambda text: np.array(tokenizer.encode(text).ids, dtype=np.int64)


def _split(lines: list[str], path: Path) -> tuple[list[str], Array | None]:
    if path.suffix.lower() != ".tsv":
        return lines, None
    texts, labels = [], []
    for number, line in enumerate(lines, start=1):
        text, tab, label = line.rpartition("\t")
        try:
            labels.append(int(label) if tab else int("no label"))
        except ValueError:
            raise DataError(
                f"`{label[:20]}` after the last tab is no class number",
                where=f"{path}, line {number}",
            ) from None
        texts.append(text)
    return texts, np.array(labels)
