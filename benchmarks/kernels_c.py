"""The C kernels of `kernels.c` on the lists that an event session has filled."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.maps import Conv, Dense, LinearMap

SOURCE = Path(__file__).resolve().with_name("kernels.c")
Run = Callable[[int], None]
_LANES = 64
"""That a kernel may read and write behind the end of a row."""


def compiled(folder: Path) -> Any:
    """The library, or None without a compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "kernels.so"
    command = [compiler, "-O3", "-march=native", "-shared", "-fPIC"]
    command += ["-Wno-psabi", "-funroll-loops", str(SOURCE), "-o", str(library)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def run_of(library: Any, map_: LinearMap, session: Any, state: Any) -> Run | None:
    """What runs a layer so many times on the list that lies in `state`, or None.

    Raises:
        SystemExit: its sums are not those of the layer.
    """
    if library is None:
        return None
    program = session.compiled.program
    room = program.rooms[program.projections[0]["list"]]
    lists = state.lists
    first, length = int(room["events"]), int(lists.length[room["number"]])
    neuron, payload = lists.neuron[first:][:length].copy(), lists.payload[first:][:length].copy()
    segments = lists.segments[room["segments"] :][: room["pixels"] + 1].copy()
    if isinstance(map_, Dense):
        return _dense(library, map_, neuron, payload) if not map_.lead else None
    if not isinstance(map_, Conv) or map_.kernel != (3, 3) or map_.stride != (1, 1):
        return None
    if map_.groups == map_.in_shape[0]:
        return _depthwise(library, map_, neuron, payload)
    if map_.groups > 1 or map_.weight.shape[0] % 16:
        return None
    return _conv(library, map_, neuron, payload, segments)


def ceiling(library: Any) -> Run:
    """Nine sums for each of 1,024 events, all in the first cache."""
    weights, acc = np.ones(9, np.int32), np.zeros(9 * 64, np.int32)
    arguments = [*_pointers(weights, acc), ctypes.c_int64(64)]
    return _times(library.nine_sums, arguments, weights, acc)


def _times(function: Any, arguments: list[Any], *held: Any) -> Run:
    def run(times: int, _held: Any = held) -> None:  # the arrays live as long as what reads them
        function(ctypes.c_int64(times), *arguments)

    return run


def _pointers(*arrays: Any) -> list[Any]:
    return [a.ctypes.data_as(ctypes.c_void_p) for a in arrays]


def _chunk(map_: LinearMap) -> ctypes.c_int64:
    """Events whose sums surely fit 16 bits; payloads are at most 4."""
    return ctypes.c_int64(32767 // (int(np.abs(map_.weight).max()) * 4))


def _conv(library: Any, map_: Conv, neuron: Any, payload: Any, segments: Any) -> Run:
    c_out = map_.weight.shape[0]
    weights = np.ascontiguousarray(map_.weight.transpose(2, 3, 1, 0)).astype(np.int8)
    acc = np.zeros((*map_.out_shape[1:], c_out), np.int32)
    arrays = (neuron, payload, segments, weights, acc)
    sizes = [ctypes.c_int64(n) for n in (*map_.in_shape[1:], map_.in_shape[0], c_out)]
    run = _times(library.conv, [*sizes, *_pointers(*arrays), _chunk(map_)], *arrays)
    return _checked(run, map_, neuron, payload, lambda: acc.transpose(2, 0, 1))


def _dense(library: Any, map_: Dense, neuron: Any, payload: Any) -> Run:
    n_out, n_in = map_.weight.shape
    weights = np.zeros(n_in * n_out + _LANES, np.int8)
    weights[: n_in * n_out] = map_.weight.T.reshape(-1)
    acc = np.zeros(n_out + _LANES, np.int32)
    arrays = (neuron, payload, weights, acc)
    sizes = [ctypes.c_int64(len(neuron)), ctypes.c_int64(n_out)]
    run = _times(library.dense, [*sizes, *_pointers(*arrays), _chunk(map_)], *arrays)
    return _checked(run, map_, neuron, payload, lambda: acc[:n_out])


def _depthwise(library: Any, map_: Conv, neuron: Any, payload: Any) -> Run:
    c, height, width = map_.in_shape
    weights = np.ascontiguousarray(map_.weight[:, 0].transpose(1, 2, 0)).astype(np.int8)
    acc = np.zeros((height + 2, width + 2, c), np.int32)
    arrays = (neuron, payload, weights, acc)
    sizes = [ctypes.c_int64(n) for n in (width, c, len(neuron))]
    run = _times(library.depthwise, [*sizes, *_pointers(*arrays)], *arrays)
    return _checked(run, map_, neuron, payload, lambda: acc[1:-1, 1:-1].transpose(2, 0, 1))


def _checked(run: Run, map_: LinearMap, neuron: Any, payload: Any, sums: Any) -> Run:
    """The kernel, once its sums have been compared with the layer's own."""
    flat = np.zeros(map_.in_size, np.int64)
    flat[neuron] = payload
    x = flat
    if isinstance(map_, Conv):  # lists go by pixel, then channel
        c, h, w = map_.in_shape
        x = flat.reshape(h, w, c).transpose(2, 0, 1)
    run(1)
    if (sums() != map_.apply(x.reshape(1, *map_.in_shape))[0]).any():
        raise SystemExit(f"the C kernel of a {type(map_).__name__} layer gives something else")
    return run
