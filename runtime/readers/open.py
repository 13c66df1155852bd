"""Which reader takes what a user names as DATA."""

from __future__ import annotations

import re
from pathlib import Path

from snnc.runtime.readers import huggingface
from snnc.runtime.readers.decoders import BY_SUFFIX
from snnc.runtime.readers.files import LIST_SUFFIXES, open_file, open_folder, open_list
from snnc.runtime.readers.hdf5 import SUFFIXES as HDF5_SUFFIXES
from snnc.runtime.readers.hdf5 import open_hdf5
from snnc.runtime.readers.huggingface import PREFIX, TABLE_SUFFIXES, open_huggingface
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.python import open_callable
from snnc.runtime.readers.samples import Samples
from snnc.runtime.readers.text import open_text

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_TEXT_SUFFIXES = (".txt", ".tsv")


def open_samples(name: str, preparation: Preparation) -> Samples | None:
    """Open what `name` names: a folder, a list, a file or a callable; None where it is none.

    Raises:
        SnncError: by its subclass, of the reader.
    """
    path = Path(name)
    if name.startswith(PREFIX):
        return open_huggingface(name, preparation)
    if not path.exists():
        return open_callable(name, preparation) if _CALLABLE.fullmatch(name) else None
    if path.is_dir():
        return open_folder(path, preparation)
    suffix = path.suffix.lower()
    if suffix in _TEXT_SUFFIXES and preparation.text is not None:
        return open_text(path, preparation.text)
    if suffix in LIST_SUFFIXES:
        return open_list(path, preparation)
    if suffix in HDF5_SUFFIXES:
        return open_hdf5(path, preparation)
    if suffix in TABLE_SUFFIXES:
        return open_huggingface(f"{PREFIX}{name}", preparation)
    return open_file(path, preparation) if suffix in BY_SUFFIX else None


def absolute(name: str) -> str:
    """The same data from another folder."""
    if name.startswith(PREFIX):
        return huggingface.absolute(name)
    return str(Path(name).absolute()) if Path(name).exists() else name
