"""`snnc convert` of NIR, `snnc check` of it, `snnc verify`, and `snnc export`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.helpers import check_schema, snnc
from tests.converter.netx.files import dense
from tests.converter.netx.files import write as write_net
from tests.converter.nir.files import chain, write


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    lif = {
        "type": "LIF",
        "tau": np.full(4, 5e-3),
        "r": np.full(4, 5.0),
        "v_leak": np.zeros(4),
        "v_threshold": np.full(4, 0.5),
    }
    affine = {"type": "Affine", "weight": rng.normal(0.2, 1, (4, 3)), "bias": rng.normal(0, 1, 4)}
    x = (rng.random((5, 12, 3)) < 0.5).astype(np.uint8)
    np.savez("x.npz", x=x)
    nodes, edges = chain((3,), affine, lif, out=(4,))
    back = {"type": "Linear", "weight": rng.normal(0, 0.5, (4, 4))}
    return write(Path("net.nir"), {**nodes, "back": back}, [*edges, ("m1", "back"), ("back", "m1")])


def test_what_nir_leaves_open_is_asked(source: Path) -> None:
    done = snnc("convert", source, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC314"
    assert "--dt SECONDS" in done.json["error"]["what"]


def test_convert_verify_trace_report_export(source: Path) -> None:
    done = snnc("convert", source, "--dt", "1e-3", "--reset", "zero", "--json")
    check_schema("convert", done.json)
    assert done.json["n_populations"] == 1
    verified = snnc("verify", source, "net.snnc", "--data", "x.npz", "--json")
    check_schema("verify", verified.json)
    assert (verified.code, verified.json["ok"], verified.json["source"]) == (0, True, None)
    assert verified.json["n_mismatches"] == 0
    assert any("no source to run" in note for note in verified.json["notes"])
    shown = snnc("inspect", "net.snnc", "--json")
    check_schema("inspect", shown.json)
    assert sorted(row["frames"] for row in shown.json["projections"]) == [0, 0, 1]
    traced = snnc("trace", "net.snnc", "--data", "x.npz", "--sample", "0", "--json")
    assert traced.json["by_population"]["m1"]["n_spikes"] > 0
    assert snnc("report", "net.snnc", "--data", "x.npz", "--json").code == 0
    exported = snnc("export", "net.snnc", "--format", "nir", "-o", "again.nir", "--json")
    check_schema("export", exported.json)
    assert exported.json["reset"] == "zero"
    assert snnc("export", "net.snnc", "--format", "nir", "-o", "again.nir").code == 1
    assert "LIF" in snnc("check", "again.nir").stdout
    again = snnc("convert", "again.nir", "--json")
    assert again.code == 0
    runs = [
        snnc("run", f"{name}.snnc", "--data", "x.npz", "-o", f"{name}.npz", "--json")
        for name in ("net", "again")
    ]
    assert [run.code for run in runs] == [0, 0]
    with np.load("net.npz") as a, np.load("again.npz") as b:
        assert np.array_equal(a["outputs_int"], b["outputs_int"])


def test_check(source: Path) -> None:
    done = snnc("check", source, "--dt", "1e-3", "--reset", "subtract", "--json")
    check_schema("check", done.json)
    assert [row["status"] for row in done.json["operators"]].count("folded") == 2
    assert done.json["compatible"]


def test_another_file_is_noted(source: Path) -> None:
    snnc("convert", source, "--dt", "1e-3", "--reset", "zero")
    with source.open("ab") as file:
        file.write(b"\0")
    notes = snnc("verify", source, "net.snnc", "--data", "x.npz", "--json").json["notes"]
    assert any("not the one that the model was converted from" in note for note in notes)


def test_net_files_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    layers = [dense(rng.integers(-40, 41, shape) * 2) for shape in ((5, 6), (3, 5))]
    net = write_net(Path("net.net"), *layers, simulation__tSample=12)
    np.savez("x.npz", x=(rng.random((4, 12, 6)) < 0.4).astype(np.uint8))
    assert "dense" in snnc("check", net).stdout
    done = snnc("convert", net, "--reduce", "sum", "--json")
    check_schema("convert", done.json)
    assert (done.code, done.json["weight_bits"]) == (0, 7)
    refused = snnc("convert", net, "--weight-bits", "4", "--force", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "SNNC001")
    assert snnc("convert", net, "--dt", "1", "--force").code == 2
    verified = snnc("verify", net, "net.snnc", "--data", "x.npz", "--json")
    check_schema("verify", verified.json)
    assert (verified.json["source"], verified.json["n_mismatches"]) == (None, 0)
    assert snnc("inspect", "net.snnc").code == 0
    traced = snnc("trace", "net.snnc", "--data", "x.npz", "--sample", "0", "--json")
    assert traced.json["by_population"]["dense0"]["n_spikes"] > 0
    exported = snnc("export", "net.snnc", "--format", "netx", "-o", "again.net", "--json")
    check_schema("export", exported.json)
    assert (exported.json["n_nodes"], exported.json["dt"]) == (2, None)
    assert snnc("export", "net.snnc", "--format", "nir", "-o", "net.nir").code == 1
    assert snnc("convert", "again.net", "--reduce", "sum").code == 0
    for name in ("net", "again"):
        done = snnc("run", f"{name}.snnc", "--data", "x.npz", "-o", f"{name}.npz", "--json")
        assert done.code == 0
    with np.load("net.npz") as a, np.load("again.npz") as b:
        assert np.array_equal(a["outputs_int"], b["outputs_int"])
        assert a["outputs_int"].shape == (4, 3)


def test_sigma_delta_files_are_verified_without_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event engine's own kernels against the plain ones."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    sdnn = {"type": "SDNN", "vThMant": 2}
    net = write_net(
        Path("net.net"),
        {"type": "input", "shape": np.array([6]), "neuron": sdnn},
        dense(rng.integers(-40, 41, (8, 6)) * 2, sdnn, bias=np.arange(8)),
        dense(rng.integers(-40, 41, (3, 8)) * 2, {**sdnn, "sigma_output": True}),
    )
    np.savez("x.npz", x=rng.uniform(-1, 1, (2, 9, 6)))
    assert snnc("convert", net).code == 0
    done = snnc("verify", net, "net.snnc", "--data", "x.npz", "--json")
    assert done.code == 0, done.stdout
    assert (done.json["ok"], done.json["n_mismatches"]) == (True, 0)
    assert {e["engine"]: e["against"] for e in done.json["engines"]} == {
        "event": "dense",
        "dense": "event",
    }
