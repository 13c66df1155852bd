"""Compilation: every kernel of the event engine passes through `jit`.

Compiled code is cached on disk beside the sources, or, where these are read-only, in the user's
cache folder; `NUMBA_CACHE_DIR` overrides both. Where no folder can be written, kernels are
compiled anew in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = {"nogil": True, "error_model": "numpy"}


def jit(function: F) -> F:
    """Compile without the interpreter lock, cached on disk where that is possible."""
    try:
        compiled: F = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder that it can write
        compiled = numba.njit(**_OPTIONS)(function)
    return compiled
