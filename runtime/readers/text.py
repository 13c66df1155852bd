"""Lines of text, by a tokenizer, to token numbers."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import BadInputFile, DataError, MissingExtra
from snnc.runtime.readers.labels import NO_CLASS, label_of
from snnc.runtime.readers.preparation import TextPreparation
from snnc.runtime.readers.records import records
from snnc.runtime.readers.samples import Samples

_log = logging.getLogger(__name__)
_PADS = ("[PAD]", "<pad>", "<|pad|>")


def open_text(path: Path, how: TextPreparation) -> Samples:
    """A text a line, in a `.tsv` with a tab and the label behind it; int64 tokens (N, length).

    Raises:
        BadInputFile: it cannot be read, or the tokenizer is none.
        DataError: of no line the label is a class number; one line without is a bad sample.
    """
    tokens = tokens_of(how)
    try:
        data = path.read_bytes()
        lines = _lines(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=str(path)) from error
    bad: dict[int, DataError] = {}
    texts, labels = _split(lines, path, bad)

    def read(index: int) -> Array:
        if index in bad:
            raise bad[index]
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
    own = tokenizer.truncation or {}
    side = {"direction": own["direction"]} if "direction" in own else {}
    tokenizer.enable_truncation(how.length, **side)
    tokenizer.enable_padding(**_padding(tokenizer), length=how.length)
    return lambda text: np.array(tokenizer.encode(text).ids, dtype=np.int64)


def _padding(tokenizer: Any) -> dict[str, Any]:
    """As the tokenizer says it, or with the token that is called so."""
    if (own := tokenizer.padding) is not None:
        return {k: own[k] for k in ("direction", "pad_id", "pad_type_id", "pad_token") if k in own}
    for token in _PADS:
        if (number := tokenizer.token_to_id(token)) is not None:
            return {"pad_id": number, "pad_token": token}
    _log.info("the tokenizer has no token to pad with (%s): it is number 0", ", ".join(_PADS))
    return {"pad_id": 0}


def _lines(text: str) -> list[str]:
    """Lines as files have them: further marks that Python ends lines at are characters of texts."""
    lines = text.removeprefix("\ufeff").split("\n")
    whole = lines if lines[-1] else lines[:-1]
    return [line.removesuffix("\r") for line in whole]


def _split(
    lines: list[str], path: Path, bad: MutableMapping[int, DataError]
) -> tuple[list[str], Array | None]:
    if path.suffix.lower() != ".tsv":
        return lines, None
    texts, labels = [], []
    for i, line in enumerate(lines):
        text, tab, said = line.rpartition("\t")
        place = f"{path}, line {i + 1}"
        label = label_of(said if tab else None, i, place, bad)
        if label is None:
            bad[i] = DataError("there is no tab and class number behind the text", where=place)
        texts.append(text)
        labels.append(NO_CLASS if label is None else label)
    return texts, np.array(labels, dtype=np.int64)
