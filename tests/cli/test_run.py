"""`snnc run`, `snnc trace` and `snnc inspect` on a model made by hand."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.helpers import check_schema, check_snapshot, snnc, snnc_process
from tests.runtime.models import N_IN, reference, save_model, save_samples


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return save_samples(tmp_path)


@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
def test_run_as_json(model: Path, data: Path, engine: str) -> None:
    done = snnc("run", model, "--data", data, "--engine", engine, "--json")
    assert done.code == 0, done.stderr
    check_schema("run", done.json)
    assert done.json["engine"] == engine
    assert done.json["n_samples"] == 20
    assert done.json["accuracy"] == 1.0


def test_run_for_people(model: Path, data: Path) -> None:
    done = snnc("run", model, "--data", data, "--engine", "oracle", "--code", "burst")
    assert done.code == 0
    check_snapshot("run", done.stdout)


def test_run_writes_outputs(model: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    args = ("run", model, "--data", data, "--engine", "oracle", "-o", out, "--counts")
    done = snnc(*args, "--json")
    assert done.code == 0
    assert done.json["output"] == str(out)
    expected = reference(np.load(data)["x"])
    with np.load(out) as written:
        assert written["outputs_int"].tolist() == expected.tolist()
        assert written["outputs"].tolist() == (expected * 0.25).tolist()
        assert written["predictions"].tolist() == expected.argmax(axis=1).tolist()
        assert written["counts/hidden"].shape == (20, 1, 5)

    done = snnc(*args, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC203"
    assert snnc(*args, "--force").code == 0


def test_default_engine_is_event(model: Path, data: Path) -> None:
    assert snnc("run", model, "--data", data, "--json").json["engine"] == "event"


def test_unknown_engine(model: Path, data: Path) -> None:
    done = snnc("run", model, "--data", data, "--engine", "denes", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC502"
    assert "did you mean `dense`?" in done.json["error"]["what"]


@pytest.mark.parametrize(
    ("arrays", "code", "said"),
    [
        ({"x": np.zeros((20, N_IN + 1), np.uint8)}, "SNNC307", "the model takes (N, 6)"),
        ({"x": np.zeros((0, N_IN), np.uint8)}, "SNNC601", "the data set is empty"),
        ({"x": np.full((20, N_IN), np.nan)}, "SNNC601", "sample 0 holds NaN"),
        ({"x": np.full((20, N_IN), 0.5)}, "SNNC601", "fractions such as 0.5"),
        ({"x": np.full((20, N_IN), 9)}, "SNNC601", "the model takes 0 to 4"),
        ({"x": np.array(["a"] * 20)[:, None]}, "SNNC601", "not numbers"),
        ({"y": np.zeros(3, np.int64)}, "SNNC601", "y has shape (3,)"),
        ({"y": np.zeros(20)}, "SNNC601", "not class numbers"),
    ],
)
def test_data_that_does_not_fit(
    model: Path, tmp_path: Path, arrays: dict[str, Any], code: str, said: str
) -> None:
    data = save_samples(tmp_path, **arrays)
    done = snnc("run", model, "--data", data, "--engine", "oracle", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == code
    assert said in done.json["error"]["what"]


def test_json_alone_on_stdout_of_a_process(model: Path, data: Path) -> None:
    done = snnc_process("run", model, "--data", data, "--engine", "oracle", "--json")
    assert done.code == 0
    assert done.json["n_samples"] == 20
    assert re.fullmatch(r"run: 20/20, [\d.e+]+/s\n", done.stderr)


def test_trace(model: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "trace.npz"
    args = ("trace", model, "--data", data, "--sample", "3", "--code", "burst", "-o", out)
    done = snnc(*args, "--membranes", "--json")
    assert done.code == 0, done.stdout
    check_schema("trace", done.json)
    with np.load(out) as written:
        names = written["names"].tolist()
        assert names == ["x", "hidden", "scores"]
        first = written["payload"][written["population"] == 0]
        assert first.sum() == np.load(data)["x"][3].sum()
        assert set(first.tolist()) <= {1}
        assert written["membranes/hidden"].shape[1:] == (5,)
    check_snapshot("trace", snnc(*args, "--force").stdout)


def test_trace_of_no_such_sample(model: Path, data: Path) -> None:
    done = snnc("trace", model, "--data", data, "--sample", "20", "--json")
    assert done.code == 1
    assert done.json["error"]["what"] == "there is no sample 20, only 0 to 19"


@pytest.mark.parametrize("suffix", ["png", "html"])
def test_trace_draws_a_raster(model: Path, data: Path, tmp_path: Path, suffix: str) -> None:
    plot = tmp_path / f"raster.{suffix}"
    done = snnc("trace", model, "--data", data, "--sample", "0", "--plot", plot, "--json")
    assert done.code == 0, done.stdout
    assert done.json["plot"] == str(plot)
    head = plot.read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<!doctype html>" in head


def test_trace_refuses_other_pictures(model: Path, data: Path) -> None:
    done = snnc("trace", model, "--data", data, "--sample", "0", "--plot", "a.gif", "--json")
    assert done.code == 2
    assert done.json["error"]["hint"] == "name a file that ends in .png or .svg or .pdf or .html"


def test_inspect(model: Path) -> None:
    done = snnc("inspect", model, "--json")
    assert done.code == 0
    check_schema("inspect", done.json)
    assert done.json["n_neurons"] == 8
    assert done.json["n_synapses"] == 45
    assert done.json["levels"] == {"x": 4, "hidden": 4}
    check_snapshot("inspect", snnc("inspect", model).stdout)


def test_a_source_is_no_model(model: Path) -> None:
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("data.pkl", b"")
    error = snnc("inspect", model, "--json").json["error"]
    assert error["code"] == "SNNC201"
    assert "no converted model" in error["what"]
    assert error["hint"] == "`snnc convert` makes one"


def test_a_truncated_file(model: Path) -> None:
    whole = model.read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    done = snnc("inspect", model, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC201"


def test_a_tampered_file(model: Path) -> None:
    whole = bytearray(model.read_bytes())
    place = whole.find(b'"tiny"')
    whole[place + 1 : place + 5] = b"liny"
    model.write_bytes(whole)
    done = snnc("inspect", model, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "SNNC201"


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    done = snnc("inspect", tmp_path, "--json")
    assert done.code == 1
    assert "no bundle" in done.json["error"]["what"]


def test_what_a_stream_does_not_take(model: Path, data: Path) -> None:
    for option in ("--force", "--resume", "--counts"):
        done = snnc("run", model, "--data", data, "--stream", "frames", option, "--json")
        assert done.code == 2
        assert done.json["error"]["what"] == f"{option} is not for a stream"
