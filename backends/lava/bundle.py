"""Bundles: folders that run in Lava by themselves."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends.lava.blueprint import Blueprint, make_blueprint
from snnc.backends.lava.environment import LAVA_VERSION
from snnc.backends.lava.network import WEIGHTS, network_text
from snnc.backends.lava.plan import CONV_STYLES, TARGETS, ConvStyle, Plan
from snnc.backends.lava.readme import readme_text, requirements_text
from snnc.backends.lava.stages import ARRAYS, onnx_files, stages_text
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import BadInputFile, DamagedFile, NewerFile, OutputExists
from snnc.ir.graph import Graph

FORMAT = "snnc-lava-bundle"
FORMAT_VERSION = 1
MODEL = "model.snnc"
MANIFEST = "manifest.json"

_TEMPLATE = resources.files("snnc.backends.lava") / "template"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal content, equal bytes
_LONGEST_MANIFEST = 2**20


@dataclass(frozen=True)
class BundleInfo:
    """What a bundle's manifest says, every file checked against its hash.

    Attributes:
        path: of the folder.
        target: `loihi1` or `loihi2`.
        settings: code and schedule that it is fixed to.
        conv: how convolutions stand in it.
        graph_hash: content hash of the integer graph.
        files: sha256 by file.
    """

    path: Path
    target: str
    settings: RunSettings
    conv: ConvStyle
    graph_hash: str
    files: Mapping[str, str]

    @property
    def model(self) -> Path:
        """The `.snnc` file inside."""
        return self.path / MODEL


def write_bundle(
    graph: Graph,
    folder: str | os.PathLike[str],
    *,
    target: str = "loihi2",
    settings: RunSettings | None = None,
    conv: ConvStyle = "sparse",
    onnx: Mapping[str, bytes] | None = None,
    model: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Path:
    """Write an integer graph as a bundle; nothing is left behind where that fails.

    Args:
        settings: code and schedule; default: graded, sequential.
        conv: convolutions as `sparse` matrices, or Lava's own `conv` where it can.
        onnx: the host's subgraphs by member, as the `.snnc` file holds them.
        model: the `.snnc` file to put in.
        force: replace a bundle that is there.

    Raises:
        OutputExists: the folder is there already.
        UnsupportedByTarget, WidthExceeded, NotExecutable: as `make_plan`.
    """
    path = Path(folder)
    _check_output(path, force)
    settings = settings or RunSettings()
    blueprint = make_blueprint(graph, settings, target=target, conv=conv)
    files = bundle_files(blueprint, onnx or {})
    if model is not None:
        files[MODEL] = Path(model).read_bytes()
    files[MANIFEST] = _manifest(blueprint, graph, files)
    _write_folder(path, files)
    return path


def bundle_files(blueprint: Blueprint, onnx: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file but model and manifest, by path within the bundle.

    Args:
        blueprint: what stands in it.
        onnx: the host's subgraphs by member.

    Raises:
        DamagedFile: a subgraph is missing.
    """
    files: dict[str, bytes] = {}
    for module, plan in zip(blueprint.modules(), blueprint.plans, strict=True):
        weights = module.replace("network", WEIGHTS.removesuffix(".npz")) + ".npz"
        files[f"{module}.py"] = network_text(plan, weights).encode()
        files[weights] = _npz(plan.arrays)
    files |= _template(_TEMPLATE)
    if blueprint.host_calls:
        arrays: dict[str, Array] = {}
        files["stages.py"] = stages_text(blueprint, arrays).encode()
        if arrays:
            files[ARRAYS] = _npz(arrays)
        for member, file in onnx_files(blueprint).items():
            if member not in onnx:
                raise DamagedFile(f"host part `{member}` is missing", where=blueprint.graph.name)
            files[file] = onnx[member]
    files["README.md"] = readme_text(blueprint).encode()
    files["requirements.txt"] = requirements_text(blueprint).encode()
    return files


def program_files(plan: Plan) -> dict[str, bytes]:
    """What one network needs to run, by path: `run.py` takes and gives integers."""
    text = network_text(plan)
    return {"network.py": text.encode(), WEIGHTS: _npz(plan.arrays)} | _template(_TEMPLATE)


def read_bundle(folder: str | os.PathLike[str]) -> BundleInfo:
    """Read and check a bundle; nothing in it is executed.

    Raises:
        BadInputFile: there is no bundle.
        DamagedFile: a file is missing or has changed.
        NewerFile: the format version is not known yet.
    """
    path = Path(folder)
    manifest = _read_manifest(path)
    for name, expected in manifest["files"].items():
        _check_file(path, name, expected)
    if manifest["target"] not in TARGETS or manifest["conv"] not in CONV_STYLES:
        raise DamagedFile("names an unknown target or conv style", where=str(path / MANIFEST))
    return BundleInfo(
        path=path,
        target=manifest["target"],
        settings=RunSettings.from_json(manifest["settings"]),
        conv=manifest["conv"],
        graph_hash=manifest["graph_hash"],
        files=manifest["files"],
    )


def check_same(info: BundleInfo, graph: Graph, onnx: Mapping[str, bytes]) -> None:
    """Is a bundle what this snnc writes for its model? Else a run would speak for another network.

    Args:
        info: of the bundle.
        graph: integer form of its model.
        onnx: the host's subgraphs by member.

    Raises:
        DamagedFile: with the first file that differs.
    """
    blueprint = make_blueprint(graph, info.settings, target=info.target, conv=info.conv)
    for name, data in bundle_files(blueprint, onnx).items():
        if info.files.get(name) != hashlib.sha256(data).hexdigest():
            raise DamagedFile(
                "is not what this snnc writes for the bundle's model: it was changed, or written "
                "by another version",
                where=str(info.path / name),
                hint="convert again; to run a changed network use its own run.py",
            )


def is_bundle(path: str | os.PathLike[str]) -> bool:
    """Does a folder look like a bundle?"""
    return (Path(path) / MANIFEST).is_file() and (Path(path) / "run.py").is_file()


def _manifest(blueprint: Blueprint, graph: Graph, files: Mapping[str, bytes]) -> bytes:
    """What the bundle stands for, and a hash for each file."""
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": graph.name,
        "target": blueprint.target,
        "settings": blueprint.settings.to_json(),
        "conv": blueprint.conv,
        "graph_hash": graph.content_hash(),
        "lava": LAVA_VERSION,
        "python": "3.10",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    return (json.dumps(manifest, indent=2) + "\n").encode()


def _read_manifest(path: Path) -> dict[str, Any]:
    where = str(path / MANIFEST)
    if not path.is_dir() or not (path / MANIFEST).is_file():
        raise BadInputFile("is no bundle: it has no manifest.json", where=str(path))
    if (path / MANIFEST).stat().st_size > _LONGEST_MANIFEST:
        raise DamagedFile("is too long for a manifest", where=where)
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        version, kind = manifest["format_version"], manifest["format"]
        known = {"target": str, "settings": dict, "conv": str, "graph_hash": str, "files": dict}
        fits = all(isinstance(manifest[key], type_) for key, type_ in known.items())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"is no bundle manifest: {error!r}", where=where) from error
    if kind != FORMAT or not isinstance(version, int) or not fits:
        raise DamagedFile("is no bundle manifest", where=where)
    if version > FORMAT_VERSION:
        raise NewerFile(
            f"has format version {version}, this snnc reads {FORMAT_VERSION}",
            where=where,
            hint="update snnc",
        )
    return dict(manifest)


def _check_file(path: Path, name: str, expected: str) -> None:
    file = path / name
    if not file.resolve().is_relative_to(path.resolve()):
        raise DamagedFile(f"the manifest names `{name}`, outside of the bundle", where=str(path))
    if not file.is_file():
        raise DamagedFile("is missing from the bundle", where=str(file))
    if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
        raise DamagedFile(
            "is not the file that the manifest describes",
            where=str(file),
            hint="convert again; to run a changed network use its own run.py",
        )


def _check_output(path: Path, force: bool) -> None:
    if not path.exists():
        return
    if not force:
        raise OutputExists("the output is there already", where=str(path), hint="use --force")
    if not is_bundle(path):
        raise OutputExists("is there and no bundle: it will not be replaced", where=str(path))


def _write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write beside the place, then take the place."""
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise BadInputFile(f"cannot write there: {error.strerror}", where=str(path)) from error
    try:
        fresh = temporary / "new"
        for name, data in files.items():
            file = fresh / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        if path.exists():
            path.rename(temporary / "old")
        fresh.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _template(folder: Traversable, prefix: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            found |= _template(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            found[f"{prefix}{entry.name}"] = entry.read_bytes()
    return found


def _npz(arrays: Mapping[str, Array]) -> bytes:
    """An .npz with fixed dates, so that equal content gives equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            # stored as they are: what compressed bytes look like depends on the zlib
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            part = io.BytesIO()
            np.lib.format.write_array(part, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(member, part.getvalue())
    return buffer.getvalue()
