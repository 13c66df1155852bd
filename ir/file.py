"""`model.snnc`: one zip with both forms, their weights, ONNX parts and a manifest of hashes.

Members are stored uncompressed (so that a small file cannot unfold into a large one), never
pickled, and written to a temporary file that replaces the target only when it is complete.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from snnc.ir.codes import RunSettings
from snnc.ir.errors import (
    BadInputFile,
    DamagedFile,
    DiskFull,
    NewerFile,
    OutputExists,
    WrongUsage,
)
from snnc.ir.graph import Graph
from snnc.ir.serial import Arrays, graph_from_json, graph_to_json

FORMAT = "snnc-model"
FORMAT_VERSION = 1
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where nothing more can be written."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal content, equal bytes


@dataclass(frozen=True)
class SnncFile:
    """What a `.snnc` file holds.

    Attributes:
        float_graph, integer_graph: two numeric forms of the same graph.
        onnx: ONNX members by name: `source` (normalised) and host parts.
        settings: default code and schedule of a run.
        manifest: JSON values: provenance, options of the conversion, rounding facts.
    """

    float_graph: Graph
    integer_graph: Graph
    onnx: Mapping[str, bytes] = field(default_factory=dict)
    settings: RunSettings = field(default_factory=RunSettings)
    manifest: Mapping[str, Any] = field(default_factory=dict)


def save(path: str | os.PathLike[str], content: SnncFile, *, force: bool = False) -> None:
    """Write a `.snnc` file atomically.

    Raises:
        OutputExists: the file is there and `force` is false.
    """
    arrays: Arrays = {}
    graphs = {
        "settings": content.settings.to_json(),
        "float": graph_to_json(content.float_graph, arrays, "float"),
        "integer": graph_to_json(content.integer_graph, arrays, "integer"),
    }
    members = {
        "graph.json": json.dumps(graphs).encode(),
        "weights.safetensors": save_tensors(arrays),
        **{f"onnx/{name}.onnx": data for name, data in content.onnx.items()},
    }
    manifest = {
        **content.manifest,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    members = {"manifest.json": json.dumps(manifest, indent=1).encode(), **members}
    with atomic_path(path, force=force) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


def load(path: str | os.PathLike[str]) -> SnncFile:
    """Read a `.snnc` file; every member is checked against its hash first.

    Raises:
        BadInputFile: there is no such file.
        DamagedFile: by member and reason.
        NewerFile: the format version is not known yet.
    """
    where = str(path)
    if not Path(path).is_file():
        raise BadInputFile("no such file", where=where)
    try:
        members, manifest = _read_members(Path(path))
        graphs = json.loads(members["graph.json"])
        arrays = load_tensors(members["weights.safetensors"])
        return SnncFile(
            float_graph=graph_from_json(graphs["float"], arrays),
            integer_graph=graph_from_json(graphs["integer"], arrays),
            onnx={
                name.removeprefix("onnx/").removesuffix(".onnx"): data
                for name, data in members.items()
                if name.startswith("onnx/")
            },
            settings=RunSettings.from_json(graphs["settings"]),
            manifest=manifest,
        )
    except (DamagedFile, NewerFile) as error:
        raise type(error)(error.what, where=where, hint=error.hint) from error
    except (zipfile.BadZipFile, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DamagedFile(
            f"not a readable .snnc file: {error}", where=where, hint="convert the model again"
        ) from error


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """A temporary file beside `path` that replaces it when the block ends without an error.

    Raises:
        OutputExists: `path` is there and `force` is false, or it is a folder.
        BadInputFile: the folder is not there or cannot be written.
        DiskFull: the block found no space to write to.
    """
    check_output(path, force=force)
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise BadInputFile(f"cannot write there: {error.strerror}", where=str(path)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        if error.errno not in FULL:
            raise
        what = f"cannot write: {os.strerror(error.errno)}"
        raise DiskFull(what, where=str(path), hint="free some space") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Refuse before the work what could not be written after it.

    Raises:
        OutputExists: `path` is there and `force` is false, or it is a folder.
        BadInputFile: its folder is not there.
    """
    # os.path, as pathlib's raise on names that are too long
    if os.path.isdir(path):
        raise OutputExists("a folder is there, which no file replaces", where=str(path))
    if os.path.lexists(path) and not force:
        raise OutputExists("the output is there already", where=str(path), hint="use --force")
    folder = os.path.dirname(path) or os.curdir
    if not os.path.isdir(folder):
        raise BadInputFile("cannot write there: no such folder", where=folder)


def check_outputs(paths: Iterable[str | os.PathLike[str]], *, force: bool = False) -> None:
    """Refuse before the work what `atomic_path` would refuse after it, of several files.

    Raises:
        WrongUsage: two paths are one file.
        OutputExists, BadInputFile: as of `check_output`.
    """
    taken: set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real in taken:
            raise WrongUsage("two outputs are this one file", where=str(path))
        taken.add(real)
        check_output(path, force=force)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _read_members(path: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise DamagedFile(f"member `{info.filename}` is compressed")
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise DamagedFile("a member is there twice")
        members = {name: archive.read(name) for name in names}
    if "manifest.json" not in members:
        raise DamagedFile(
            "this is no converted model: it has no manifest.json", hint="`snnc convert` makes one"
        )
    manifest = json.loads(members.pop("manifest.json"))
    if manifest.get("format") != FORMAT:
        raise DamagedFile("the manifest is not that of a snnc model")
    if manifest["format_version"] > FORMAT_VERSION:
        raise NewerFile(
            f"format version {manifest['format_version']} is newer than {FORMAT_VERSION}",
            hint="update snnc",
        )
    hashes = manifest["sha256"]
    if set(hashes) != set(members):
        odd = min(set(hashes) ^ set(members))
        raise DamagedFile(f"member `{odd}` is missing or not in the manifest")
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise DamagedFile(f"member `{name}` does not match its sha256")
    return members, manifest
