"""From the results of all shards to those of the run."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from snnc.backends.base import Counters, NodeCounters
from snnc.ir.arrays import Array
from snnc.runtime.feeds import InputLoss
from snnc.runtime.scale.shards import ShardResult
from snnc.runtime.scale.store import Store, disk_error

RUN_MEMBER = "run"
"""Member of an output `.npz`: JSON of what ran and its totals, so that the file tells them."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal content, equal bytes


@dataclass
class Totals:
    """Sums over shards.

    Attributes:
        n_samples, n_skipped: samples that ran, and that could not be used.
        n_ticks: ticks of one sample.
        counters, node_counters: by projection and node.
        input_loss: of all inputs.
        worker_seconds: that all workers took together.
    """

    n_samples: int = 0
    n_skipped: int = 0
    n_ticks: int = 0
    counters: dict[str, Counters] = field(default_factory=dict)
    node_counters: dict[str, NodeCounters] = field(default_factory=dict)
    input_loss: InputLoss = field(default_factory=InputLoss)
    worker_seconds: float = 0.0

    def add(self, result: ShardResult) -> None:
        """Take one shard in."""
        self.n_skipped += len(result.skipped)
        self.n_samples += result.shard.n - len(result.skipped)
        self.n_ticks = max(self.n_ticks, result.n_ticks)
        self.worker_seconds += result.seconds
        for name, counter in result.counters.items():
            self.counters[name] = self.counters.get(name, Counters()) + counter
        for name, node in result.node_counters.items():
            self.node_counters[name] = self.node_counters.get(name, NodeCounters()) + node
        if result.input_loss:
            self.input_loss = self.input_loss + InputLoss(**result.input_loss)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {
            **vars(self),
            "counters": {name: c.to_json() for name, c in self.counters.items()},
            "node_counters": {name: c.to_json() for name, c in self.node_counters.items()},
            "input_loss": self.input_loss.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Totals:
        """Read `to_json`."""
        nodes = values["node_counters"]
        return cls(
            **{
                **values,
                "counters": {n: Counters(**c) for n, c in values["counters"].items()},
                "node_counters": {n: NodeCounters(**c) for n, c in nodes.items()},
                "input_loss": InputLoss(**values["input_loss"]),
            }
        )


def total(store: Store) -> Totals:
    """Sums over everything that is kept."""
    totals = Totals()
    for result in store.results():
        totals.add(result)
    return totals


def in_memory(store: Store) -> dict[str, Array]:
    """All rows by array, in the order of samples."""
    parts: dict[str, list[Array]] = {}
    for result in store.results():
        for name, rows in result.arrays.items():
            parts.setdefault(name, []).append(rows)
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def pack(store: Store, path: Path, about: Mapping[str, Any]) -> None:
    """Write all rows as one `.npz`, one shard in memory at a time; it is there whole or not at all.

    Args:
        store: the shards.
        path: of the `.npz`.
        about: what its member `run` says.

    Raises:
        DiskFull: no space; nothing is left of the file.
    """
    temporary = path.with_name(f".{path.name}.packing")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, (n, pattern) in sorted(_arrays(store).items()):
                info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
                with archive.open(info, "w", force_zip64=True) as member:
                    _write_rows(store, name, n, pattern, member)
            with archive.open(zipfile.ZipInfo(f"{RUN_MEMBER}.npy", _EPOCH), "w") as member:
                np.lib.format.write_array(member, np.array(json.dumps(about)))
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _arrays(store: Store) -> dict[str, tuple[int, Array]]:
    """By array: rows in all, and those of one shard as a pattern."""
    found: dict[str, tuple[int, Array]] = {}
    for result in store.results():
        for name, rows in result.arrays.items():
            n, pattern = found.get(name, (0, rows[:0]))
            found[name] = (n + len(rows), pattern)
    return found


def _write_rows(store: Store, name: str, n: int, pattern: Array, member: IO[bytes]) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(pattern.dtype),
        "fortran_order": False,
        "shape": (n, *pattern.shape[1:]),
    }
    np.lib.format.write_array_header_1_0(member, header)
    for result in store.results():
        if name in result.arrays:
            member.write(np.ascontiguousarray(result.arrays[name]).tobytes())


def about_run(path: Path) -> dict[str, Any] | None:
    """What an output `.npz` says of its run; None where it says nothing."""
    try:
        with np.load(path) as archive:
            found = json.loads(str(archive[RUN_MEMBER]))
            ours = isinstance(found, dict) and {"identity", "totals"} <= found.keys()
            return found if ours else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def mapped(path: Path) -> dict[str, Array]:
    """Arrays of an output `.npz` as memory maps, but for counts of populations."""
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == RUN_MEMBER or name.startswith("counts/"):
                continue
            with archive.open(info) as member:
                arrays[name] = _mapped_member(path, stream, info, member)
    return arrays


def _mapped_member(path: Path, stream: IO[bytes], info: zipfile.ZipInfo, member: Any) -> Array:
    version = np.lib.format.read_magic(member)
    assert version == (1, 0)
    shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    stream.seek(info.header_offset + 26)
    lengths = stream.read(4)
    n_name, n_extra = (int.from_bytes(lengths[i : i + 2], "little") for i in (0, 2))
    start = info.header_offset + 30 + n_name + n_extra + member.tell()
    if 0 in shape:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape)
