"""Hostile, damaged and foreign files: nothing in them runs, each is a named error."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from snnc.converter.sources import SourceOptions, load_source
from snnc.ir.errors import (
    BadInputFile,
    CannotLoad,
    DamagedFile,
    NewerFile,
    UnsafePickle,
)
from tests.converter.sources.nets import ConvNet

pytestmark = pytest.mark.torch
SHAPE = (1, 1, 8, 8)


class _Trap:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (_spring, (str(self.path),))


def _spring(path: str) -> str:
    Path(path).write_text("code ran")
    return path


def _replace_member(path: Path, ending: str, data: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [n for n in members if n.endswith(ending)]
    members[name] = data
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def _member(path: Path, ending: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(ending)]
        return archive.read(name)


@pytest.fixture
def plain(net: ConvNet, tmp_path: Path) -> Path:
    path = tmp_path / "plain.pt2"
    with path.open("wb") as file:
        torch.export.save(torch.export.export(net, (torch.zeros(SHAPE),), strict=False), file)
    return path


class _Writer(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.from_file("flag", False, 1)


def test_torchscript_that_reaches_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(_Writer()).save(str(path))  # type: ignore[no-untyped-call]
    with pytest.raises(UnsafePickle, match=r"calls `torch\.from_file`"):
        load_source(path, SourceOptions(input_shape=(1, 4)))


def test_no_code_in_a_pickle_runs(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    torch.save({"state_dict": _Trap(flag)}, tmp_path / "zip.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(_Trap(flag)))
    for name in ("zip.pt", "raw.pt"):
        with pytest.raises((UnsafePickle, DamagedFile)):
            load_source(tmp_path / name)
    assert not flag.exists()


def test_no_code_in_sample_inputs_runs(plain: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    buffer = io.BytesIO()
    torch.save((_Trap(flag),), buffer)
    _replace_member(plain, "sample_inputs/model.pt", buffer.getvalue())
    with pytest.raises(UnsafePickle, match="sample_inputs"):
        load_source(plain)
    assert not flag.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"torch.ops.aten.clamp.default", b"_operator.attrgetter", "calls `_operator.attrgetter`"),
        (b"torch.ops.aten.clamp.default", b"torch.os.system", "calls `torch.os.system`"),
        (b"torch.ops.aten.clamp.default", b"torch.ops.aten.from_file.default", "from_file"),
        (b'"as_int": 1', b'"as_expr": {"expr_str": "__import__(1)", "hint": null}', "expression"),
    ],
)
def test_programs_that_could_run_code_are_refused(
    plain: Path, old: bytes, new: bytes, message: str
) -> None:
    graph = _member(plain, "models/model.json")
    assert old in graph
    _replace_member(plain, "models/model.json", graph.replace(old, new))
    with pytest.raises(UnsafePickle, match=message):
        load_source(plain)


def test_guards_are_never_compiled(plain: Path) -> None:
    import json

    graph = json.loads(_member(plain, "models/model.json"))
    graph["guards_code"] = ["__import__('os').abort()"]
    _replace_member(plain, "models/model.json", json.dumps(graph).encode())
    assert load_source(plain).provenance["loader"] == "torch.export"


@pytest.mark.parametrize("keep", [0, 1, 4, 100, 0.3, 0.7, 0.99])
def test_truncated_files_are_one_clear_error(saved: Path, tmp_path: Path, keep: float) -> None:
    data = saved.read_bytes()
    path = tmp_path / "cut.pt"
    path.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises((DamagedFile, CannotLoad)):
        load_source(path)


def test_flipped_bits_are_found(saved: Path, tmp_path: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 255
    path = tmp_path / "flipped.pt"
    path.write_bytes(bytes(data))
    with pytest.raises((DamagedFile, CannotLoad)):
        load_source(path)


def test_zip_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive_format", b"pt2")
        archive.writestr("data/weights/w", bytes(2**27))
    with pytest.raises(DamagedFile, match="grow"):
        load_source(path)


def test_names_that_leave_the_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "escape.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../archive_format", b"pt2")
    with pytest.raises(DamagedFile, match="leaves it"):
        load_source(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\nrest", b"\x08\x01" * 50])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content)
    with pytest.raises(CannotLoad):
        load_source(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.pt", tmp_path):
        with pytest.raises(BadInputFile, match=r"cannot be read"):
            load_source(path)


def test_a_newer_save_model_file_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.pt"
    path.write_bytes(saved.read_bytes())
    declaration = _member(path, "snnc-source.json").replace(b'"format": 1', b'"format": 9')
    _replace_member(path, "snnc-source.json", declaration)
    with pytest.raises(NewerFile, match="format 9"):
        load_source(path)
