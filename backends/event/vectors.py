"""What vector kernels are written with: LLVM's vectors, loaded and stored where arrays lie."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic

intrinsic: Any = _intrinsic
alloca: Any = cgutils.alloca_once_value
I64 = ir.IntType(64)
I32 = ir.IntType(32)


def array_of(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """An array among the arguments of an intrinsic."""
    return context.make_array(kind)(context, builder, value)


def splat(builder: Any, scalar: Any, lanes: int) -> Any:
    """A vector of one number in all lanes."""
    vector = ir.VectorType(scalar.type, lanes)
    none = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(none, scalar, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
    return builder.shuffle_vector(first, none, zeros)


def resize(builder: Any, value: Any, to: Any) -> Any:
    """Integers, or vectors of them, in the width of a type: extended by sign, or cut."""
    width, wanted = width_of(value.type), width_of(to)
    if width > wanted:
        return builder.trunc(value, to)
    return builder.sext(value, to) if width < wanted else value


def width_of(kind: Any) -> int:
    """Bits of an integer, or of a vector's lane."""
    return int(kind.element.width if isinstance(kind, ir.VectorType) else kind.width)


def vector_pointer(builder: Any, array: Any, index: Any, lanes: int) -> Any:
    """Where `lanes` neighbours of an array begin."""
    pointer = builder.gep(array.data, [index])
    return builder.bitcast(pointer, ir.VectorType(pointer.type.pointee, lanes).as_pointer())


def load(builder: Any, pointer: Any) -> Any:
    """Load from a place that is aligned as one lane is."""
    value = builder.load(pointer)
    value.align = width_of(value.type) // 8
    return value


def store(builder: Any, value: Any, pointer: Any) -> None:
    """Store likewise."""
    builder.store(value, pointer).align = width_of(value.type) // 8
