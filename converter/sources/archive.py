"""Zip archives from strangers: size limits and safe names before anything is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath

from snnc.ir.errors import DamagedFile

MAX_MEMBERS = 100_000
MAX_TOTAL_BYTES = 16 * 2**30
MAX_RATIO = 200
"""Model weights hardly compress; an archive that grows more than this is a bomb."""
RATIO_FLOOR_BYTES = 64 * 2**20
"""Archives that stay below this size may grow as they like."""


def open_archive(data: bytes, where: str) -> zipfile.ZipFile:
    """Open `data` as a zip archive whose members can be read without harm.

    Raises:
        DamagedFile: truncated, too large, or with a name that leaves the archive.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise DamagedFile(f"the archive is truncated or damaged ({error})", where=where) from None
    if len(members) > MAX_MEMBERS:
        raise DamagedFile(f"the archive has more than {MAX_MEMBERS} members", where=where)
    total = sum(m.file_size for m in members)
    if total > MAX_TOTAL_BYTES:
        raise DamagedFile(f"the archive would unpack to {total / 2**30:.0f} GiB", where=where)
    if total > RATIO_FLOOR_BYTES and total > MAX_RATIO * len(data):
        raise DamagedFile(
            f"the archive would grow {total // max(1, len(data))} times on unpacking", where=where
        )
    names = [m.filename for m in members]
    if len(set(names)) != len(names):
        raise DamagedFile("the archive holds one name twice", where=where)
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise DamagedFile(f"the archive's member {name!r} leaves it", where=where)
    return archive


def read_member(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    """One member's bytes, its checksum verified.

    Raises:
        DamagedFile: the member is missing or damaged.
    """
    try:
        return archive.read(name)
    except KeyError:
        raise DamagedFile(f"the archive holds no {name!r}", where=where) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise DamagedFile(f"member {name!r} is damaged ({error})", where=where) from None
    except Exception as error:  # zlib.error has no common root with the rest
        raise DamagedFile(f"member {name!r} cannot be unpacked ({error})", where=where) from None
