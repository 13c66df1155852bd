"""Kernels that are bound late: compiled on their own, and only when one is first called.

What calls a kernel of `jit.kernel` holds its code, so an entry that may call sixty of them costs
as much to compile, and to load, as all of them together, though a graph needs a dozen. A kernel
that is bound late is another matter: its callers know its name and the types of its arguments, and
jump to an address. The first call asks for the address (`_bind`, in Python), which compiles the
kernel or loads it from the cache. A call costs as much as one that is not inlined.

For what is called once for each node or projection, not for each event.
"""

from __future__ import annotations

import ctypes
import inspect
import logging
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba.core.cgutils
import numba.core.types
import numba.core.typing.templates
from llvmlite import ir
from numba.extending import lower_builtin, type_callable

from snnc.backends.event.interrupts import interruptible
from snnc.backends.event.jit import kernel

cgutils: Any = numba.core.cgutils  # half of what these hold has no annotations
types: Any = numba.core.types
signature: Any = numba.core.typing.templates.signature

F = TypeVar("F", bound=Callable[..., Any])

_LOG = logging.getLogger("snnc.backends.event")
_lower: Any = lower_builtin

_SYMBOL = "snnc_bind_kernel"
_NONE = "no kernel"
"""What compiled code raises where `_bind` returns none."""
_POINTER = ir.IntType(8).as_pointer()
_I64 = ir.IntType(64)
_as_bind: Any = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)

_kernels: dict[tuple[str, str], Any] = {}
"""Compiled form of each one, by module and name."""
_failures: list[BaseException] = []
"""Why one could not be bound: ctypes lets no exception through."""


def late(function: F) -> F:
    """Compile a function that returns nothing when compiled code first calls it."""
    name = function.__module__, function.__name__
    _kernels[name] = kernel(function)
    parameters = inspect.signature(function)

    def typer(*arguments: Any) -> Any:
        return signature(types.void, *(types.unliteral(each) for each in arguments))

    typer.pysig = parameters  # type: ignore[attr-defined]
    type_callable(function)(lambda _context: typer)

    def generate(context: Any, builder: Any, call: Any, arguments: Any) -> Any:
        address = _address(context, builder, pickle.dumps((*name, call.args)))
        convention = context.call_conv
        kind = convention.get_function_type(types.void, call.args)
        callee = builder.bitcast(address, kind.as_pointer())
        status, _ = convention.call_function(builder, callee, types.void, call.args, arguments)
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return context.get_dummy_value()

    _lower(function, types.VarArg(types.Any))(generate)
    return function


def _address(context: Any, builder: Any, wanted: bytes) -> Any:
    """Where a kernel lies; each place that calls it remembers it from the first call on."""
    place = cgutils.add_global_variable(builder.module, _POINTER, f"{_SYMBOL}.at")
    place.linkage, place.initializer = "internal", ir.Constant(_POINTER, None)
    known = builder.load(place)
    with cgutils.if_unlikely(builder, cgutils.is_null(builder, known)):
        text = cgutils.global_constant(builder, f"{_SYMBOL}.name", cgutils.make_bytearray(wanted))
        bind = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_POINTER, [_POINTER, _I64]), _SYMBOL
        )
        found = builder.call(bind, [builder.bitcast(text, _POINTER), _I64(len(wanted))])
        with cgutils.if_unlikely(builder, cgutils.is_null(builder, found)):
            context.call_conv.return_user_exc(builder, RuntimeError, (_NONE,))
        builder.store(found, place)
    return builder.load(place)


def _bind(name: int, size: int) -> int | None:
    """The address of the kernel and types that compiled code names; None: see `_failures`."""
    try:
        with interruptible():
            module, function, arguments = pickle.loads(ctypes.string_at(name, size))
            found = _compiled(_kernels[module, function], signature(types.void, *arguments))
            address: int = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    except BaseException as error:  # Ctrl-C too: `reraised` raises it once compiled code is left
        _failures.append(error)
        return None
    return address


def _compiled(compiled: Any, wanted: Any) -> Any:
    """One kernel for some types; made anew where the cache holds another under its name."""
    compiled.compile(wanted)
    if wanted.args not in compiled.overloads:
        _LOG.warning("the cache holds another kernel as %s: compiling it anew", compiled.__name__)
        cache = compiled._cache
        cache.disable()
        try:
            compiled.compile(wanted)
        finally:
            cache.enable()
        cache.save_overload(wanted, compiled.overloads[wanted.args])
    return compiled.overloads[wanted.args]


_callback = _as_bind(_bind)  # kept: compiled code jumps to it
llvm.add_symbol(_SYMBOL, ctypes.cast(_callback, ctypes.c_void_p).value)


class _Reraised:
    """See `reraised`; a class, which costs a third of what a generator does at every call."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, where: Any) -> None:
        if not isinstance(error, RuntimeError):
            return
        if _failures:
            raise _failures.pop() from None
        if error.args == (_NONE,):  # Ctrl-C before `_bind` could catch anything: nothing else can
            raise KeyboardInterrupt from None


_RERAISED = _Reraised()


def reraised() -> AbstractContextManager[None]:
    """Raise what kept a kernel from being bound in place of what compiled code makes of it."""
    return _RERAISED
