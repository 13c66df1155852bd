"""Values and arrays in one compressed text, which the page's script opens again."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np

from snnc.ir.arrays import Array

_TYPES = ("int8", "int16", "int32")
"""Arrays of integers take the first of these that holds them; other numbers are float32."""


def pack(value: Any) -> str:
    """JSON values and numpy arrays in them, as text.

    The text is base64 of a zlib stream of: the header's length (uint32, little-endian), the
    header, the arrays. The header is JSON; an array stands in it as {"$": [type, offset, length]}.

    Args:
        value: nested dicts and lists of JSON values and arrays; arrays lose their shape.
    """
    chunks: list[bytes] = []
    header = json.dumps(_header(value, chunks, [0]), allow_nan=False).encode()
    header += b" " * (-len(header) % 4)
    whole = len(header).to_bytes(4, "little") + header + b"".join(chunks)
    return base64.b64encode(zlib.compress(whole, 9 if len(whole) < 1 << 24 else 6)).decode()


def unpack(text: str) -> Any:
    """What `pack` was given; arrays are one-dimensional."""
    whole = zlib.decompress(base64.b64decode(text))
    start = 4 + int.from_bytes(whole[:4], "little")

    def restore(value: dict[str, Any]) -> Any:
        if set(value) != {"$"}:
            return value
        dtype, offset, length = value["$"]
        return np.frombuffer(whole, f"<{np.dtype(dtype).str[1:]}", length, start + offset)

    return json.loads(whole[4:start], object_hook=restore)


def _header(value: Any, chunks: list[bytes], at: list[int]) -> Any:
    if isinstance(value, dict):
        return {str(key): _header(item, chunks, at) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_header(item, chunks, at) for item in value]
    if not isinstance(value, np.ndarray):
        return value
    array = _small(value)
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    data += b"\0" * (-len(data) % 4)  # typed arrays begin at multiples of their items' size
    chunks.append(data)
    at[0] += len(data)
    return {"$": [array.dtype.name, at[0] - len(data), array.size]}


def _small(array: Array) -> Array:
    flat = array.reshape(-1)
    if flat.dtype.kind not in "iub":
        return flat.astype(np.float32)
    lo, hi = int(flat.min(initial=0)), int(flat.max(initial=0))
    for name in _TYPES:
        if np.iinfo(name).min <= lo and hi <= np.iinfo(name).max:
            return flat.astype(name)
    return flat.astype(np.float64)  # what JavaScript's numbers hold
