"""Data sets of Hugging Face, made and read by the real `datasets`: values, labels, refusals."""

from __future__ import annotations

import io
import os
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, SnncError, WrongUsage
from snnc.runtime.data import load_data
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.run import run
from tests import needs
from tests.runtime.models import reference, samples, save_model

image = needs.module("PIL.Image")
hf = needs.module("datasets")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    hf.disable_progress_bars()


def pixels(n: int = 6) -> Array:
    return np.random.default_rng(0).integers(0, 256, (n, 9, 7, 3)).astype(np.uint8)


def pictures(x: Array, labels: list[int]) -> Any:
    features = hf.Features({"image": hf.Image(), "kind": hf.ClassLabel(names=["a", "b", "c"])})
    rows = {"image": [image.fromarray(one) for one in x], "kind": labels}
    return hf.Dataset.from_dict(rows, features=features)


def values(found: Any) -> Array:
    return np.asarray(found.x)


def test_every_way_to_say_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = pixels()
    made, rest = pictures(x, [0, 2, 1, 0, 1, 2]), pictures(x[::-1], [-1] * 6)
    (tmp_path / "repository" / "data").mkdir(parents=True)
    made.to_parquet(tmp_path / "repository" / "data" / "train-00000-of-00001.parquet")
    rest.to_parquet(tmp_path / "repository" / "data" / "test-00000-of-00001.parquet")
    made.to_parquet(tmp_path / "one.parquet")
    made.save_to_disk(tmp_path / "saved")
    hf.DatasetDict({"train": made, "test": rest}).save_to_disk(tmp_path / "both")
    monkeypatch.chdir(tmp_path)
    expected = x.transpose(0, 3, 1, 2).tolist()
    for spec in (
        "hf:repository:train",
        "hf:repository:default:train",
        f"hf:{tmp_path}/repository:train",
        "one.parquet",
        "hf:one.parquet",
        "hf:one.parquet:train",
        "hf:saved",
        "hf:both:train",
    ):
        found = load_data(spec)
        assert values(found).tolist() == expected, spec
        assert np.asarray(found.y).tolist() == [0, 2, 1, 0, 1, 2], spec
        assert found.spec is not None
        assert values(load_data(found.spec)).tolist() == expected  # as a worker elsewhere does
    part = load_data("hf:repository:train[:2]+train[4:5]")
    assert values(part).tolist() == [expected[0], expected[1], expected[4]]
    test = load_data("hf:both:test")
    assert test.y is None  # labels of -1 are those that were not published
    assert test.fingerprint() != load_data("hf:both:train").fingerprint()


@pytest.mark.parametrize(
    ("spec", "kind", "said"),
    [
        ("hf:both", WrongUsage, "several splits: train, test"),
        ("hf:both:val", BadInputFile, "no split `val`: there is train, test"),
        ("hf:one.parquet:test", BadInputFile, "cannot read it: .*test"),
        ("hf:one.parquet:other:test", BadInputFile, "cannot read it|takes no"),
        ("hf:cut.parquet", BadInputFile, "`datasets` cannot read it"),
        ("hf:a.pkl:train", BadInputFile, "no table of a known kind"),
        ("hf:script:train", BadInputFile, "cannot read it"),
        ("hf:../nowhere/at/all:train", BadInputFile, "no such file or folder"),
        ("hf:", WrongUsage, "names no data set"),
        ("hf:a:b:c:d", WrongUsage, "names no data set"),
    ],
)
def test_what_is_refused(
    spec: str, kind: type[SnncError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pictures(pixels(), [0, 2, 1, 0, 1, 2])
    made.to_parquet(tmp_path / "one.parquet")
    hf.DatasetDict({"train": made, "test": made}).save_to_disk(tmp_path / "both")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "one.parquet").read_bytes()[:-20])
    (tmp_path / "a.pkl").write_bytes(b"x")
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text("open('ran', 'w')\nraise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=said):
        load_data(spec)
    assert not (tmp_path / "ran").exists()


def test_columns_of_numbers_keep_their_type(tmp_path: Path) -> None:
    x, _ = samples(5)
    grid = np.random.default_rng(3).normal(size=(5, 2, 3)).astype(np.float32)
    kinds = {"x": hf.List(hf.Value("uint8")), "y": hf.Value("int64")}
    made = hf.Dataset.from_dict({"x": x, "y": [3, 1, 0, 1, 2]}, features=hf.Features(kinds))
    made.save_to_disk(tmp_path / "d")
    kinds = {"input": hf.Array2D((2, 3), "float32")}
    hf.Dataset.from_dict({"input": grid}, features=hf.Features(kinds)).save_to_disk(tmp_path / "g")
    of_grid = load_data(f"hf:{tmp_path / 'g'}").x
    assert of_grid.dtype == np.float32
    assert np.asarray(of_grid).tolist() == grid.tolist()
    found = load_data(f"hf:{tmp_path / 'd'}")
    assert found.x.dtype == x.dtype
    assert values(found).tolist() == x.tolist()
    result = run(save_model(tmp_path), f"hf:{tmp_path / 'd'}", engine="oracle")
    assert result.outputs_int is not None
    assert result.outputs_int.tolist() == reference(x).tolist()


def test_sounds_and_text(tmp_path: Path) -> None:
    sound = np.random.default_rng(1).integers(-(2**15), 2**15, 90).astype("<i2")
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sound.tobytes())
    rows = {"audio": [{"bytes": held.getvalue(), "path": None}] * 2, "label": [1, 0]}
    features = hf.Features({"audio": hf.Audio(), "label": hf.ClassLabel(num_classes=2)})
    plain = {"audio": {"bytes": hf.Value("binary"), "path": hf.Value("string")}}
    made = hf.Dataset.from_dict(rows, features=hf.Features({**features, **plain}))
    made.cast(features).save_to_disk(tmp_path / "sounds")
    how = Preparation.from_json({"audio": {"rate": 8000, "length": 100, "scale": "integer"}})
    found = load_data(f"hf:{tmp_path / 'sounds'}", preparation=how)
    assert found.x[1].tolist() == [[*sound.tolist(), *[0] * 10]]
    with pytest.raises(WrongUsage, match=r"under \[audio\]"):
        load_data(f"hf:{tmp_path / 'sounds'}")

    tokenizers = needs.module("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0, "good": 1}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    text = Preparation.from_json({"text": {"tokenizer": made.to_str(), "length": 3}})
    rows = {"sentence": ["good film", "so good"], "label": [1, 0], "idx": [7, 8]}
    hf.Dataset.from_dict(rows).save_to_disk(tmp_path / "texts")
    found = load_data(f"hf:{tmp_path / 'texts'}", preparation=text)
    assert (values(found).tolist(), np.asarray(found.y).tolist()) == (
        [[1, 0, 0], [0, 1, 0]], [1, 0],
    )  # fmt: skip
    with pytest.raises(WrongUsage, match=r"under \[text\]"):
        load_data(f"hf:{tmp_path / 'texts'}")


def test_columns_that_cannot_be_told_apart(tmp_path: Path) -> None:
    hf.Dataset.from_dict({"left": [[1]], "right": [[2]]}).save_to_disk(tmp_path / "d")
    with pytest.raises(DataError, match=r"no column is a sample's input: left \(List\), right"):
        load_data(f"hf:{tmp_path / 'd'}")


def test_a_damaged_image_is_one_bad_sample(tmp_path: Path) -> None:
    stored = []
    for one in pixels(3):
        held = io.BytesIO()
        image.fromarray(one).save(held, "PNG")
        stored.append({"bytes": held.getvalue(), "path": None})
    stored[1]["bytes"] = b"no picture"
    features = hf.Features({"img": hf.Image(), "label": hf.Value("int8")})
    made = hf.Dataset.from_dict({"img": stored, "label": [1, 2, 3]}, features=features)
    made.save_to_disk(tmp_path / "d")
    found = load_data(f"hf:{tmp_path / 'd'}")
    assert found.x[2].shape == (3, 9, 7)
    with pytest.raises(DataError, match="sample 1: UnidentifiedImageError"):
        found.x[1]
    assert os.fspath(tmp_path) in (found.spec or "")


def test_archives_of_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All would be of class `b`, which is the folder's name here; elsewhere `datasets` fails."""
    for name in ("a", "b"):
        image.fromarray(pixels(1)[0]).save(tmp_path / f"{name}.png")
    (tmp_path / "b").mkdir()
    with zipfile.ZipFile(tmp_path / "b" / "train.zip", "w") as z:
        for name in ("a", "b"):
            z.write(tmp_path / f"{name}.png", f"{name}/0.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="in an archive, of which `datasets` takes wrong") as e:
        load_data("hf:b:train")
    assert "unpack it" in str(e.value.hint)
    with zipfile.ZipFile(tmp_path / "b" / "train.zip") as z:
        z.extractall(tmp_path / "unpacked")
    assert np.asarray(load_data("unpacked").y).tolist() == [0, 1]
    assert np.asarray(load_data("hf:unpacked:train").y).tolist() == [0, 1]
