"""Compilation: every compiled kernel passes through one of these decorators.

Compiled code is cached on disk beside the sources, or, where these are read-only, in the user's
cache folder; `NUMBA_CACHE_DIR` overrides both. Where no folder can be written, kernels are
compiled anew in each process.

Numba asks only whether the file of the cached function has changed, not the files of what it
calls. Here the stamp of every cached function covers all sources of its package, and stands in
the names of its files, so that processes with other sources do not write to the same ones.

Each compiled function holds the code of all that it calls, optimised once more. So there are
few levels: entries, which Python calls; kernels, which only compiled code calls; and what lies
between is inlined into its callers instead of compiled on its own. Kernels that a graph may not
need are bound late (`late`), and cost nothing until they are called.

Kernels are compiled without reference counts, which at every inlined call would be counted up
and down, atomically, for each array in its arguments: half of a run's time. So none of them can
allocate; one that tries does not compile.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event

from snnc.backends.event.cache import KernelCache, KernelFiles, stamped
from snnc.backends.event.interrupts import interruptible

F = TypeVar("F", bound=Callable[..., Any])
_LOG = logging.getLogger("snnc.backends.event")

_kernel_files: Any = KernelFiles
_njit: Any = numba.njit  # its annotations turn functions into dispatchers; callers want functions


def entry(function: F) -> F:
    """Compile a function that Python calls; it runs without the interpreter lock."""
    return _compile(function, nogil=True)


def kernel(function: F) -> F:
    """Compile a function that compiled code calls."""
    return _compile(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def inlined(function: F) -> F:
    """Paste a function into each of its callers."""
    made: F = _njit(inline="always", _nrt=False)(function)
    return made


def _compile(function: F, **options: bool) -> F:
    options |= {"_nrt": False}
    try:
        compiled: Any = _njit(cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # numba found no folder that it can write
        compiled = _njit(error_model="numpy", **options)(function)
    else:
        _stamp(compiled)
    made: F = compiled
    return made


def _stamp(compiled: Any) -> None:
    """Let a function's cache depend on all sources of its package, and load what it holds fast."""
    files: Any = getattr(compiled, "_cache", None)
    stamp = source_stamp(Path(compiled.py_func.__code__.co_filename).parent)
    # private fields: a numba that has others keeps its own cache, and a test notices
    with contextlib.suppress(AttributeError, TypeError):
        files._cache_file = _kernel_files(
            cache_path=files._cache_path,
            filename_base=stamped(files._impl.filename_base, stamp),
            source_stamp=stamp,
        )
        files.__class__ = KernelCache


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Say on the way that kernels are being compiled, if any are, and how long it took."""
    listener = _Compilations()
    with event.install_listener("numba:compile", listener), interruptible():
        yield
    if listener.n:
        _LOG.info("compiled %d kernels in %.1f s", listener.n, time.perf_counter() - listener.began)


class _Compilations(event.Listener):
    """Counts functions that are compiled, not loaded, and tells of the first one."""

    n = 0
    began = 0.0

    def on_start(self, event: Any) -> None:
        if self.n == 0:
            self.began = time.perf_counter()
            _LOG.info("compiling kernels for this CPU, some 10 to 20 s; the next start finds them")
        self.n += 1

    def on_end(self, event: Any) -> None:
        """Nothing: a kernel is compiled within another one."""


@cache
def source_stamp(package: Path) -> str:
    """Hash over the sources of a package, of these decorators, and of what neurons are.

    Kernels hold the constants of neuron models as numbers.
    """
    digest = hashlib.sha256()
    here = Path(__file__).resolve()
    neurons = here.parents[2] / "ir" / "neurons"
    for path in (here, *sorted(package.glob("*.py")), *sorted(neurons.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()
