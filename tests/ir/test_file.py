"""The .snnc file: round trips, and every kind of damage is named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.codes import RunSettings
from snnc.ir.errors import BadInputFile, DamagedFile, NewerFile, OutputExists
from snnc.ir.file import SnncFile, atomic_path, check_output, load, save
from snnc.ir.graph import structurally_equal
from tests.ir.graphs import small_graph


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.snnc"
    graph = small_graph()
    content = SnncFile(
        float_graph=graph,
        integer_graph=graph,
        onnx={"source": b"onnx bytes"},
        settings=RunSettings("burst", "pipelined"),
        manifest={"provenance": {"source": "model.pt"}},
    )
    save(path, content)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def test_round_trip(saved: Path) -> None:
    back = load(saved)
    assert structurally_equal(back.integer_graph, small_graph())
    assert back.integer_graph.projections["pool->head"].map.weight.dtype == np.int64
    assert back.onnx == {"source": b"onnx bytes"}
    assert back.settings == RunSettings("burst", "pipelined")
    assert back.manifest["provenance"] == {"source": "model.pt"}


def test_equal_content_gives_equal_bytes(saved: Path, tmp_path: Path) -> None:
    save(tmp_path / "n.snnc", load(saved))
    assert (tmp_path / "n.snnc").read_bytes() == saved.read_bytes()


def test_existing_output_needs_force(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(OutputExists):
        save(saved, load(saved))
    save(saved, load(saved), force=True)
    assert saved.read_bytes() == before


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_never_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "m.snnc").mkdir()
    with pytest.raises(OutputExists, match="a folder is there"):
        check_output(tmp_path / "m.snnc", force=force)
    with (
        pytest.raises(OutputExists, match="a folder is there"),
        atomic_path(tmp_path / "m.snnc", force=force),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["m.snnc"]


def test_places_that_nothing_can_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(BadInputFile, match="no such folder"):
        check_output(tmp_path / "nowhere" / "m.snnc")
    with (
        pytest.raises(BadInputFile, match="cannot write there: .*too long"),
        atomic_path(tmp_path / ("m" * 300)),
    ):
        pass


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "out") as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [0, 10, 500, 2000])
def test_truncation_is_named(saved: Path, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(DamagedFile, match="m.snnc"):
        load(saved)


@pytest.mark.parametrize("member", ["graph.json", "weights.safetensors", "onnx/source.onnx"])
def test_tampering_is_named_by_member(saved: Path, member: str) -> None:
    content = members(saved)
    content[member] = content[member][:-1] + bytes([content[member][-1] ^ 1])
    rewrite(saved, content)
    with pytest.raises(DamagedFile, match=f"`{member}` does not match"):
        load(saved)


def forge(path: Path, change: Any) -> None:
    """Change the graph and make the hashes match again."""
    import hashlib

    content = members(path)
    graphs = json.loads(content["graph.json"])
    change(graphs)
    content["graph.json"] = json.dumps(graphs).encode()
    manifest = json.loads(content["manifest.json"])
    manifest["sha256"]["graph.json"] = hashlib.sha256(content["graph.json"]).hexdigest()
    content["manifest.json"] = json.dumps(manifest).encode()
    rewrite(path, content)


def node(graphs: Any, index: int) -> Any:
    return graphs["integer"]["nodes"][index]


FORGERIES = {
    "unknown kind": lambda g: node(g, 1)["model"].update({"$is": "neuron:quantum"}),
    "unknown group": lambda g: node(g, 1)["model"].update({"$is": "os:system"}),
    "unknown field": lambda g: node(g, 1).update(colour="red"),
    "missing field": lambda g: node(g, 1).pop("shape"),
    "missing array": lambda g: node(g, 1)["bias"].update({"$array": "elsewhere"}),
    "wrong type": lambda g: node(g, 1).update(shape="six"),
    "huge shape": lambda g: node(g, 1).update(shape=[2**40, 2**40]),
    "no nodes": lambda g: g["integer"].pop("nodes"),
    "setting": lambda g: g["settings"].pop("code"),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_forged_graphs_are_refused(saved: Path, case: str) -> None:
    forge(saved, FORGERIES[case])
    with pytest.raises(DamagedFile, match="m.snnc"):
        load(saved)


def test_a_newer_format_is_refused(saved: Path) -> None:
    content = members(saved)
    manifest = json.loads(content["manifest.json"])
    content["manifest.json"] = json.dumps({**manifest, "format_version": 99}).encode()
    rewrite(saved, content)
    with pytest.raises(NewerFile, match="99"):
        load(saved)


def test_extra_missing_and_compressed_members_are_refused(saved: Path) -> None:
    content = members(saved)
    rewrite(saved, {**content, "../evil": b""})
    with pytest.raises(DamagedFile, match="evil"):
        load(saved)
    rewrite(saved, {k: v for k, v in content.items() if k != "onnx/source.onnx"})
    with pytest.raises(DamagedFile, match="source.onnx"):
        load(saved)
    rewrite(saved, content, zipfile.ZIP_DEFLATED)
    with pytest.raises(DamagedFile, match="compressed"):
        load(saved)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputFile, match="no such file"):
        load(tmp_path / "absent.snnc")
