"""Files that data name, instead of holding their bytes: none but those that the user pointed to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snnc.ir.errors import DataError


def content(value: Any, folders: Sequence[Path]) -> bytes:
    """Bytes of an image or a sound as a row of `datasets` has it: {bytes, path}.

    Args:
        value: the row's.
        folders: where a file that it names may be; a relative path begins at the first.

    Raises:
        DataError: it holds nothing, or names a file that is elsewhere or not there.
    """
    if not isinstance(value, Mapping):
        raise DataError("there is nothing in it")
    data, path = value.get("bytes"), value.get("path")
    if data is not None:
        return bytes(data)
    if path is None:
        raise DataError("it holds neither bytes nor the path of a file")
    file = folders[0] / path if folders else Path(path)
    if "://" in path or not is_inside(file, folders):
        raise DataError(
            f"it names a file that is not in the folder: {path}",
            hint="only files in the folder that --data names are opened, and no addresses",
        )
    if not file.is_file():
        raise DataError(f"it names a file that is not there: {path}")
    return file.read_bytes()


def is_inside(file: Path, folders: Sequence[Path]) -> bool:
    """Is it in one of the folders, wherever links lead?"""
    return any(file.resolve().is_relative_to(folder.resolve()) for folder in folders)
