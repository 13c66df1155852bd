"""Files that hold compiled kernels.

Numba numbers the files of a kernel's signatures and saves its index without a lock. Two processes
that save different ones at once can take the same number, and each later start would load one
kernel under the other's name. Here a file is named after what it holds. Of two indices that are
saved at once one is lost still: its kernels are compiled once more.

The files of sources that have changed since are removed in time.

Numba makes everything ready that it needs to compile before it looks into its cache: all that it
knows of Python's and numpy's functions, half a second of imports (SciPy's linear algebra is among
them). A kernel that is there needs none of this if it takes nothing but arrays and numbers. Its
types are in the file, and what it calls is known to numba from the start: without reference counts
(`jit`) it does not call numba's runtime. To take another object (a random generator) from Python
does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from functools import cache
from typing import Any

from numba.core import types
from numba.core.caching import FunctionCache, IndexDataCacheFile

_FunctionCache: Any = FunctionCache  # numba has no annotations

_OLD = 14 * 86400.0
"""Seconds after which files of other sources are removed: who goes to and fro between two
versions of the sources does not wait for kernels each time."""
_OURS = re.compile(r".+-\d+\.py3\w+-([0-9a-f]{16})\.(?:nbi|[0-9a-f]+\.nbc)")
"""A kernel's file: function, line, Python, stamp; see `stamped`."""


def stamped(base: str, stamp: str) -> str:
    """Beginning of the names of a kernel's files, from numba's own and a stamp of all sources."""
    return f"{base}-{stamp[:16]}"


class KernelFiles(IndexDataCacheFile):
    """Index and data files of one kernel."""

    def save(self, key: Any, data: Any) -> None:
        """Keep a compiled kernel under its types, its machine and its bytecode."""
        files: Any = self  # numba has no annotations
        known = hashlib.sha256(repr(key).encode()).hexdigest()
        name = files._index_name.removesuffix("nbi") + f"{known[:16]}.nbc"
        files._save_data(name, data)
        files._save_index({**files._load_index(), key: name})
        remove_old(files._cache_path, files._source_stamp)


class KernelCache(_FunctionCache):  # type: ignore[misc]
    """The cache of one kernel."""

    def load_overload(self, signature: Any, context: Any) -> Any:
        """What the cache holds for a signature; None where it holds nothing."""
        if not all(_is_plain(kind) for kind in getattr(signature, "args", signature)):
            context.refresh()
        # else whoever compiles makes the context ready himself
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, context)


def _is_plain(kind: Any) -> bool:
    """Are values of a type taken from Python without numba's runtime?"""
    if isinstance(kind, types.BaseTuple):
        members: Any = kind
        return all(_is_plain(member) for member in members)
    return isinstance(kind, types.Array | types.Number | types.Boolean | types.Record)


@cache
def remove_old(folder: str, stamp: str) -> None:
    """Remove what has long been there of other sources; once in a process that compiles."""
    limit = time.time() - _OLD
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _OURS.fullmatch(entry.name)
            if found and found[1] != stamp[:16] and entry.stat().st_mtime < limit:
                os.unlink(entry.path)
