"""The format of a journal: a magic word, the run's identity, then one record for each shard."""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from snnc.ir.errors import DamagedFile
from snnc.runtime.scale.shards import Shard, shard_of

MAGIC = b"snnc run 1\n"
_LENGTHS = struct.Struct("<QI")
"""Bytes of a payload, and their CRC-32."""
_CHECK = struct.Struct("<I")
"""CRC-32 of these two: a damaged length is told from a payload that a kill cut off."""
HEAD_SIZE = _LENGTHS.size + _CHECK.size


def head(payload: bytes) -> bytes:
    """What stands before a payload."""
    lengths = _LENGTHS.pack(len(payload), zlib.crc32(payload))
    return lengths + _CHECK.pack(zlib.crc32(lengths))


@dataclass
class Scan:
    """What a journal holds.

    Attributes:
        identity: of the run; None where not even that was written.
        places: offset and length of the payload by shard.
        end: offset behind the last whole record that follows whole ones only.
        damaged: is there a record behind it that is no cut-off tail?
    """

    identity: dict[str, Any] | None = None
    places: dict[Shard, tuple[int, int]] = field(default_factory=dict)
    end: int = 0
    damaged: bool = False

    @property
    def n_samples(self) -> int:
        """Samples in whole records."""
        return sum(shard.n for shard in self.places)


def scan(path: Path, stream: FileIO) -> Scan:
    """Read a journal from its beginning.

    Raises:
        DamagedFile: this is no journal.
    """
    size = os.fstat(stream.fileno()).st_size
    start = os.pread(stream.fileno(), len(MAGIC), 0)
    if not MAGIC.startswith(start):
        raise DamagedFile("this is no journal of a run", where=str(path))
    found = Scan(end=len(MAGIC))
    while found.end < size:
        payload = _payload(stream, found.end, size)
        if payload is None:
            return found
        if not _take(found, payload):
            found.damaged = True
            return found
        found.end += HEAD_SIZE + len(payload)
    return found


def _payload(stream: FileIO, start: int, size: int) -> bytes | None:
    """The payload of the record at `start`: None where it was cut off, empty where damaged."""
    if start + HEAD_SIZE > size:
        return None
    read = os.pread(stream.fileno(), HEAD_SIZE, start)
    lengths, check = read[: _LENGTHS.size], read[_LENGTHS.size :]
    if _CHECK.pack(zlib.crc32(lengths)) != check:
        return b""
    length, crc = _LENGTHS.unpack(lengths)
    if start + HEAD_SIZE + length > size:
        return None
    payload = os.pread(stream.fileno(), length, start + HEAD_SIZE)
    return payload if zlib.crc32(payload) == crc else b""


def _take(found: Scan, payload: bytes) -> bool:
    """Add a record to what was found; False where it is none of this run."""
    if not payload:
        return False
    try:
        if found.identity is None:
            found.identity = dict(json.loads(payload))
            return True
        shard = shard_of(payload)
    except (ValueError, KeyError, TypeError):
        return False
    if shard in found.places:
        return False
    found.places[shard] = (found.end + HEAD_SIZE, len(payload))
    return True
