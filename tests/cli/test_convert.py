"""`snnc convert`, and what it refuses: by code, in the user's names, with nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.runtime.model import load
from tests import needs
from tests.cli.helpers import check_schema, check_snapshot, snnc

pytestmark = pytest.mark.torch
torch = needs.module("torch")
from tests.cli import nets  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(
    *args: str | Path, code: str, said: str, where: str | None = None, exit_code: int = 1
) -> None:
    """The call fails with `code` and leaves the folder as it was."""
    before = sorted(Path().iterdir())
    done = snnc("convert", *args, "--json")
    assert done.code == exit_code, done.stdout
    error = done.json["error"]
    assert error["code"] == code, error
    assert said in error["what"]
    if where is not None:
        assert where in error["where"]
    assert sorted(Path().iterdir()) == before


def test_convert_then_run(folder: Path) -> None:
    nets.save(folder / "model.pt")
    done = snnc("convert", "model.pt", "--json")
    assert done.code == 0, done.stdout
    check_schema("convert", done.json)
    assert done.json["output"] == "model.snnc"
    assert done.json["bundle"] is None
    assert done.json["n_neurons"] == 64 + 10
    assert set(done.json["levels"].values()) == {16, 4}

    run = snnc(
        "run", "model.snnc", "--data", "digits-test", "--limit", "50", "-o", "o.npz", "--json"
    )
    assert run.code == 0, run.stdout
    with np.load("o.npz") as out:
        assert out["outputs"].shape == (50, 10)


def test_convert_for_people(folder: Path) -> None:
    nets.save(folder / "model.pt")
    check_snapshot("convert", snnc("convert", "model.pt").stdout)


def test_output_is_not_overwritten(folder: Path) -> None:
    nets.save(folder / "model.pt")
    Path("model.snnc").touch()
    refused("model.pt", code="SNNC203", said="there already", where="model.snnc")
    assert snnc("convert", "model.pt", "--force").code == 0


def test_a_bundle_stands_beside_the_file(folder: Path) -> None:
    nets.save(folder / "model.pt")
    done = snnc("convert", "model.pt", "--target", "loihi", "-o", "a.snnc", "--json")
    assert done.code == 0, done.stdout
    assert (done.json["output"], done.json["bundle"]) == ("a.snnc", "a.loihi2")
    assert done.json["target"] == "loihi2"
    shown = snnc("inspect", "a.loihi2", "--json").json
    assert shown["bundle"] == "a.loihi2"
    assert shown["graph_hash"] == done.json["graph_hash"]
    check_schema("convert", done.json)
    check_schema("inspect", shown)
    assert shown["fits"] == done.json["fits"] == "assumed"
    assert shown["fit_reasons"] == done.json["fit_reasons"]
    mapped = snnc("map", "a.snnc", "--json").json
    assert (mapped["target"], mapped["fits"]) == ("loihi2", "assumed")
    assert mapped["fit_reasons"] == done.json["fit_reasons"]
    (folder / "a.loihi2" / "network.py").write_text("pass")
    assert snnc("inspect", "a.loihi2", "--json").json["error"]["code"] == "SNNC201"


def test_no_such_file(folder: Path) -> None:
    refused("model.pt", code="SNNC204", said="cannot be read", where="model.pt")


def test_unknown_target(folder: Path) -> None:
    refused("model.pt", "--target", "loihi3", code="SNNC502", said="did you mean `loihi")


def test_odd_output_name(folder: Path) -> None:
    refused("model.pt", "-o", "a.zip", code="SNNC001", said="cannot write `a.zip`", exit_code=2)


def test_pickled_module(folder: Path) -> None:
    torch.save(nets.net(), "model.pt")
    refused("model.pt", "--input-shape", "1,1,8,8", code="SNNC304", said="")


def test_missing_keys(folder: Path) -> None:
    state = nets.net().state_dict()
    del state["0.bias"]
    torch.save({"state_dict": state}, "weights.pt")
    factory = ("--factory", "tests.cli.nets:net_for_factory", "--input-shape", "1,1,8,8")
    refused("weights.pt", *factory, code="SNNC305", said="0.bias")


def test_factory(folder: Path) -> None:
    torch.save({"model": nets.net().state_dict()}, "weights.pt")
    factory = ("--factory", "tests.cli.nets:net_for_factory", "--input-shape", "1,1,8,8")
    grid = ("--input-range", "0,15", "--input-bits", "4")
    done = snnc("convert", "weights.pt", *factory, *grid, "--json")
    assert done.code == 0, done.stdout
    assert done.json["output"] == "weights.snnc"


def test_unknown_levels(folder: Path) -> None:
    nets.save(folder / "model.pt", nets.net(nets.Unbounded))
    refused("model.pt", code="SNNC302", said="")


def test_levels_given(folder: Path) -> None:
    nets.save(folder / "model.pt", nets.net(nets.Unbounded))
    done = snnc("convert", "model.pt", "--levels", "7", "--json")
    assert done.code == 0, done.stdout
    assert 7 in done.json["levels"].values()


def test_levels_conflict(folder: Path) -> None:
    nets.save(folder / "model.pt")
    refused("model.pt", "--levels", "7", code="SNNC303", said="")


def test_nan_weights(folder: Path) -> None:
    model = nets.net()
    with torch.no_grad():
        model.get_parameter("0.weight")[1, 0, 2, 2] = float("nan")
    nets.save(folder / "model.pt", model)
    refused("model.pt", code="SNNC306", said="")


def test_unsupported_operator(folder: Path) -> None:
    model = nets.net()
    model.insert(2, nets.Softmax())
    nets.save(folder / "model.pt", model)
    refused("model.pt", "--no-host", code="SNNC316", said="Softmax has no event form", where="2")


def test_wrong_input_shape(folder: Path) -> None:
    nets.save(folder / "model.pt")
    refused("model.pt", "--input-shape", "1,1,9,9", code="SNNC307", said="")


def test_first_layer_on_chip_needs_a_grid(folder: Path) -> None:
    nets.save(folder / "model.pt", input=None)
    refused("model.pt", "--first-layer", "chip", code="SNNC310", said="")


def test_first_layer_on_the_host(folder: Path) -> None:
    nets.save(folder / "model.pt", input=None)
    done = snnc("convert", "model.pt", "--json")
    assert done.code == 0, done.stdout
    assert done.json["host_mac_share"] > 0
    assert snnc("run", "model.snnc", "--data", "digits", "--limit", "5", "--json").code == 0


def test_calibrate(folder: Path) -> None:
    nets.save(folder / "model.pt", input=None)
    done = snnc("convert", "model.pt", "--calibrate", "digits", "--input-bits", "4", "--json")
    assert done.code == 0, done.stdout
    assert not done.json["host_ops"]


def test_calibration_is_of_prepared_data(folder: Path) -> None:
    nets.save(folder / "model.pt", input=None)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1)).astype(np.uint8)
    np.savez("pixels.npz", x=pixels)
    Path("p.toml").write_text('[image]\nmode = "L"\nscale = 0.0625\n')
    args = ("convert", "model.pt", "--prepare", "p.toml", "--calibrate", "pixels.npz")
    done = snnc(*args, "--input-bits", "8", "--json")
    assert done.code == 0, done.stdout
    (source,) = load("model.snnc").file.float_graph.inputs
    assert np.asarray(source.step).item() == pixels.max() / 16 / 255


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", b"\x80\x02}q\x00."])
def test_files_that_are_no_models(folder: Path, content: bytes) -> None:
    Path("model.pt").write_bytes(content)
    before = sorted(folder.iterdir())
    done = snnc("convert", "model.pt", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] in ("SNNC201", "SNNC308"), done.json
    assert sorted(folder.iterdir()) == before


def test_a_truncated_source(folder: Path) -> None:
    path = nets.save(folder / "model.pt")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("model.pt", code="SNNC201", said="")
