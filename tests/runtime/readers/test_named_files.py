"""Tables of strangers: rows and READMEs that name files elsewhere, labels that nobody knows."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import DataError
from snnc.runtime.data import load_data
from snnc.runtime.readers.preparation import Preparation
from tests import needs

image = needs.module("PIL.Image")
hf = needs.module("datasets")
HOW = Preparation.from_json({"audio": {"rate": 8000, "length": 4, "scale": "integer"}})
LABEL = {"_type": "ClassLabel", "names": ["a", "b"]}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(hf.config, "DOWNLOADED_DATASETS_PATH", tmp_path / "cache" / "downloads")
    hf.disable_progress_bars()


def table(path: Path, kind: dict[str, Any], rows: list[dict[str, Any]]) -> Path:
    """As `datasets` writes a column of images, sounds or the like, but with any rows."""
    pa = needs.module("pyarrow")
    parquet = needs.module("pyarrow.parquet")
    path.parent.mkdir(exist_ok=True)
    fields = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array(rows, type=fields)
    if kind["_type"] == "List":
        column = pa.array([[row] for row in rows], type=pa.list_(fields))
    made = pa.table({"x": column, "label": [0, 1]})
    info = {"info": {"features": {"x": kind, "label": LABEL}}}
    parquet.write_table(made.replace_schema_metadata({"huggingface": json.dumps(info)}), path)
    return path


def wav(values: list[int]) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.array(values, "<i2").tobytes())
    return held.getvalue()


def png(value: int) -> bytes:
    held = io.BytesIO()
    image.fromarray(np.full((1, 2, 3), value, np.uint8)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("kind", "held", "other", "expected"),
    [
        ({"_type": "Audio"}, wav([1, 2, 3, 4]), wav([9] * 4), [[1, 2, 3, 4]]),
        ({"_type": "Image"}, png(7), png(99), [[[7, 7]]] * 3),
        ({"_type": "Image", "mode": "L"}, png(7), png(99), [[[7, 7]]] * 3),
    ],
    ids=["sound", "image", "grey image"],
)
def test_files_elsewhere_are_not_opened(
    kind: dict[str, Any], held: bytes, other: bytes, expected: Any, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(other)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "inside").write_bytes(held)
    (tmp_path / "d" / "link").symlink_to(tmp_path / "secret")
    good = {"bytes": held, "path": str(tmp_path / "secret")}  # bytes go first
    outside = [str(tmp_path / "secret"), "../secret", "link", "http://127.0.0.1:9/x", "zip://x::y"]
    for name in outside:
        path = table(tmp_path / "d" / "train.parquet", kind, [good, {"bytes": None, "path": name}])
        for spec in (str(path), f"hf:{tmp_path / 'd'}:train"):
            found = load_data(spec, preparation=HOW)
            assert found.x[0].tolist() == expected
            with pytest.raises(DataError, match=r"sample 1: it names a file that is not in the"):
                found.x[1]
    rows = [{"bytes": None, "path": "inside"}, {"bytes": None, "path": str(tmp_path / "d/inside")}]
    table(tmp_path / "d" / "train.parquet", kind, rows)
    found = load_data(f"hf:{tmp_path / 'd'}:train", preparation=HOW)
    assert np.asarray(found.x).tolist() == [expected] * 2
    with pytest.raises(DataError, match="not in the folder"):  # a file by itself has no folder
        load_data(str(tmp_path / "d" / "train.parquet"), preparation=HOW)
    table(tmp_path / "d" / "train.parquet", kind, [{}, {"bytes": None, "path": "gone"}])
    with pytest.raises(DataError, match="sample 0: it holds neither bytes nor the path"):
        load_data(f"hf:{tmp_path / 'd'}:train", preparation=HOW)


def test_columns_that_datasets_would_open_by_itself(tmp_path: Path) -> None:
    rows = [{"bytes": None, "path": str(tmp_path / "secret")}] * 2
    kinds: dict[str, dict[str, Any]] = {
        "List": {"_type": "List", "feature": {"_type": "Image"}},
        "Video": {"_type": "Video"},
    }
    for name, kind in kinds.items():
        with pytest.raises(DataError, match=rf"column `x` \({name}\) is nothing that snnc reads"):
            load_data(str(table(tmp_path / f"{name}.parquet", kind, rows)))


def test_a_readme_names_no_file_elsewhere(tmp_path: Path) -> None:
    made = hf.Dataset.from_dict({"x": [[1, 2], [3, 4]], "label": [1, 0]})
    for folder in ("d", "other"):
        (tmp_path / folder).mkdir()
        made.to_parquet(tmp_path / folder / "a.parquet")
    (tmp_path / "d" / "link.parquet").symlink_to(tmp_path / "other" / "a.parquet")
    head = "---\nconfigs:\n- config_name: default\n  data_files: {}\n---\n"
    for name in (tmp_path / "other" / "a.parquet", "../other/a.parquet", "link.parquet"):
        (tmp_path / "d" / "README.md").write_text(head.format(name))
        for spec in (f"hf:{tmp_path / 'd'}:train", f"hf:{tmp_path / 'd'}"):
            with pytest.raises(DataError, match="names a file that is not in the folder"):
                load_data(spec)
    (tmp_path / "d" / "README.md").write_text(head.format("a.parquet"))
    assert np.asarray(load_data(f"hf:{tmp_path / 'd'}").x).tolist() == [[1, 2], [3, 4]]


def test_a_saved_state_names_no_file_elsewhere(tmp_path: Path) -> None:
    made = hf.Dataset.from_dict({"x": [[1, 2], [3, 4]], "label": [1, 0]})
    made.save_to_disk(tmp_path / "d")
    (state,) = (tmp_path / "d").glob("state.json")
    (arrow,) = (tmp_path / "d").glob("*.arrow")
    arrow.rename(tmp_path / "a.arrow")
    state.write_text(state.read_text().replace(arrow.name, "../a.arrow"))
    with pytest.raises(DataError, match="names a file that is not in the folder"):
        load_data(f"hf:{tmp_path / 'd'}")


def test_labels_that_cannot_be_told_apart(tmp_path: Path) -> None:
    classes = hf.ClassLabel(names=["a", "b"])
    kinds = {"x": hf.List(hf.Value("int8")), "shape": classes, "colour": classes}
    rows = {"x": [[1], [2]], "shape": [0, 1], "colour": [1, 0]}
    hf.Dataset.from_dict(rows, features=hf.Features(kinds)).to_parquet(tmp_path / "two.parquet")
    with pytest.raises(DataError, match="several columns may be the labels: shape, colour"):
        load_data(str(tmp_path / "two.parquet"))


def test_a_sample_of_an_unknown_label_is_a_bad_one(tmp_path: Path) -> None:
    kinds = {"x": hf.List(hf.Value("int8")), "label": hf.ClassLabel(names=["a", "b"])}
    rows = {"x": [[1], [2], [3]], "label": [0, -1, 1]}
    hf.Dataset.from_dict(rows, features=hf.Features(kinds)).to_parquet(tmp_path / "a.parquet")
    found = load_data(str(tmp_path / "a.parquet"))
    assert found.x[2].tolist() == [3]
    with pytest.raises(DataError, match="sample 1: its label is -1: it is not known"):
        found.x[1]
