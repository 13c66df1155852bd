"""Folders, lists, arrays, sound, text and code as data: values, labels, and what is refused."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, SnncError, WrongUsage
from snnc.runtime.data import load_data
from snnc.runtime.readers.preparation import Preparation, load_preparation
from snnc.runtime.run import run
from tests import needs
from tests.runtime.models import reference, save_model
from tests.runtime.readers import event_files

image = needs.module("PIL.Image")


def preparation(**tables: Any) -> Preparation:
    return Preparation.from_json(tables)


def pictures(folder: Path, n: int = 6, size: tuple[int, int] = (9, 7)) -> Array:
    """RGB images (n, H, W, 3) saved as PNG in two folders by class."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, *size, 3)).astype(np.uint8)
    for i, one in enumerate(pixels):
        place = folder / ("cat", "dog")[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(one).save(place)
    return np.concatenate([pixels[::2], pixels[1::2]])


def test_a_folder_of_images_by_class(tmp_path: Path) -> None:
    pixels = pictures(tmp_path)
    data = load_data(str(tmp_path))
    assert data.x.shape == (6, 3, 9, 7)
    assert data.y is not None
    assert data.y.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(np.asarray(data.x), pixels.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(
        data.limit(2).read(slice(1, 2)), pixels[1:2].transpose(0, 3, 1, 2)
    )
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    how = preparation(
        image={"crop": [4, 3], "scale": 1 / 255, "mean": mean, "std": std, "layout": "HWC"}
    )
    found = np.asarray(load_data(str(tmp_path), preparation=how).x)
    expected = (pixels[:, 2:6, 2:5] / 255 - mean) / std
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32


def test_resize_is_that_of_pillow(tmp_path: Path) -> None:
    pixels = pictures(tmp_path, size=(20, 30))
    how = preparation(image={"resize": 10, "crop": 10, "mode": "L"})
    found = np.asarray(load_data(str(tmp_path), preparation=how).x)
    for one, pixel in zip(found, pixels, strict=True):
        grey = image.fromarray(pixel).convert("L").resize((15, 10), image.Resampling.BILINEAR)
        np.testing.assert_array_equal(one[0], np.asarray(grey)[:, 2:12])


def test_arrays_of_pixels_are_prepared_alike(tmp_path: Path) -> None:
    pixels = pictures(tmp_path / "d")
    how = preparation(image={"resize": [6, 6], "scale": 0.5})
    from_files = np.asarray(load_data(str(tmp_path / "d"), preparation=how).x)
    np.savez(tmp_path / "d.npz", x=pixels)
    np.testing.assert_array_equal(load_data(tmp_path / "d.npz", preparation=how).x[:], from_files)
    ready = from_files.astype(np.float32)
    assert load_data(ready, preparation=how).x is ready


def test_a_list_of_files(tmp_path: Path) -> None:
    pixels = pictures(tmp_path)
    (tmp_path / "l.csv").write_text("path,label\ncat/2.png,3\ndog/1.png,1\n")
    data = load_data(tmp_path / "l.csv")
    assert data.y is not None
    assert data.y.tolist() == [3, 1]
    np.testing.assert_array_equal(np.asarray(data.x)[0], pixels[1].transpose(2, 0, 1))
    for text, said in (
        ("file\na.png\n", "column `path`"),
        ("path,label\ncat/2.png,dog\n", "line 2: the label `dog` is no class number"),
        ("path,label\ncat/2.png,1\ndog/1.png,\n", "some rows have a label"),
    ):
        (tmp_path / "l.csv").write_text(text)
        with pytest.raises(SnncError, match=said):
            load_data(tmp_path / "l.csv")


def test_a_damaged_image_is_named_or_skipped(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).integers(0, 5, (8, 6)).astype(np.uint8)
    (tmp_path / "d").mkdir()
    for i, row in enumerate(rows):
        image.fromarray(row[None]).save(tmp_path / "d" / f"{i}.png")
    (tmp_path / "d" / "5.png").write_bytes((tmp_path / "d" / "5.png").read_bytes()[:40])
    (tmp_path / "d" / "7.png").write_bytes(b"text")
    model = save_model(
        tmp_path, shape=(1, 1, 6), manifest={"preparation": {"image": {"mode": "L"}}}
    )
    with pytest.raises(DataError, match=r"5\.png: cannot be read"):
        run(model, tmp_path / "d", engine="oracle")
    result = run(model, tmp_path / "d", engine="oracle", on_bad_sample="skip", jobs=2)
    good = [0, 1, 2, 3, 4, 6]
    assert result.n_skipped == 2
    np.testing.assert_array_equal(result.outputs_int, reference(rows[good]))


def test_images_that_would_lose_something_are_refused(tmp_path: Path) -> None:
    wide = np.array([[300, 600, 40000]], np.uint16)
    image.fromarray(wide).save(tmp_path / "wide.png")
    image.fromarray(np.zeros((1, 60000), np.uint8)).save(tmp_path / "line.png")
    for file, how, said in (
        ("wide.png", preparation(image={"mode": "L"}), "more than 8 bits"),
        ("line.png", preparation(image={"resize": 224}), "resized it would have"),
    ):
        (tmp_path / "list.csv").write_text(f"path,label\n{file},0\n")
        with pytest.raises(DataError, match=said):
            load_data(tmp_path / "list.csv", preparation=how).x[:]


def test_event_files_run_as_frames(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / "d" / str(i)).mkdir(parents=True)
        event_files.nmnist(tmp_path / "d" / str(i) / "r.bin", event_files.some_events(40, 3, 2, i))
    with pytest.raises(WrongUsage, match=r"under \[events\]"):
        load_data(str(tmp_path / "d"))
    how = preparation(events={"sensor": [2, 3], "frames": 5, "clip": 4, "polarity": "merged"})
    data = load_data(str(tmp_path / "d"), preparation=how)
    assert data.x.shape == (3, 5, 1, 2, 3)
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("width", "full"), [(1, 128), (2, 1 << 15), (3, 1 << 23), (4, 1 << 31)])
def test_sound(tmp_path: Path, width: int, full: int) -> None:
    values = np.random.default_rng(0).integers(-full, full, (50, 2))
    with wave.open(str(tmp_path / "a.wav"), "wb") as f:
        f.setnchannels(2)
        f.setsampwidth(width)
        f.setframerate(8000)
        offset = 128 if width == 1 else 0
        f.writeframes(
            b"".join(
                int(v + offset).to_bytes(width, "little", signed=width > 1) for v in values.ravel()
            )
        )
    how = preparation(audio={"rate": 8000, "length": 60, "scale": "integer"})
    x = np.asarray(load_data(tmp_path / "a.wav", preparation=how).x)
    np.testing.assert_array_equal(x[0, :, :50], values.T)
    assert not x[0, :, 50:].any()
    unit = preparation(audio={"rate": 8000, "length": 20})
    found = np.asarray(load_data(tmp_path / "a.wav", preparation=unit).x)
    np.testing.assert_allclose(found[0], values.T[:, :20] / full, rtol=1e-6)
    with pytest.raises(DataError, match="8000 samples a second, not 16000"):
        load_data(tmp_path / "a.wav", preparation=preparation(audio={"rate": 16000, "length": 9}))


def test_hdf5(tmp_path: Path) -> None:
    h5py = needs.module("h5py")
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    with h5py.File(tmp_path / "d.h5", "w") as f:
        f["x"], f["y"] = x, np.arange(5)
    data = load_data(tmp_path / "d.h5")
    np.testing.assert_array_equal(data.x[1:3], x[1:3])
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2, 3, 4]
    (tmp_path / "bad.h5").write_bytes(b"no hdf5")
    with pytest.raises(BadInputFile, match="not a readable HDF5"):
        load_data(tmp_path / "bad.h5")


def test_spoken_digits(tmp_path: Path) -> None:
    h5py = needs.module("h5py")
    rng = np.random.default_rng(0)
    times = [np.sort(rng.random(n)).astype(np.float16) for n in (30, 20)]
    units = [rng.integers(0, 700, n).astype(np.uint16) for n in (30, 20)]
    with h5py.File(tmp_path / "shd.h5", "w") as f:
        spikes = f.create_group("spikes")
        for name, parts, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            rows = spikes.create_dataset(name, (2,), h5py.vlen_dtype(kind))
            for i, part in enumerate(parts):
                rows[i] = part
        f["labels"] = np.array([3, 19], np.uint16)
    how = preparation(
        events={"sensor": [1, 700], "frames": 10, "window_us": 100_000, "polarity": "merged"}
    )
    data = load_data(tmp_path / "shd.h5", preparation=how)
    assert data.x.shape == (2, 10, 1, 1, 700)
    expected = np.zeros((10, 700), int)
    start = round(float(times[0][0]) * 1e6)
    for t, unit in zip(times[0], units[0], strict=True):
        expected[(round(float(t) * 1e6) - start) // 100_000, unit] += 1
    np.testing.assert_array_equal(data.x[0][:, 0, 0], expected)
    assert data.y is not None
    assert data.y.tolist() == [3, 19]


@pytest.mark.parametrize("time", [np.nan, np.inf])
def test_spikes_without_a_time_are_refused(time: float, tmp_path: Path) -> None:
    h5py = needs.module("h5py")
    with h5py.File(tmp_path / "shd.h5", "w") as f:
        spikes = f.create_group("spikes")
        for name, part in (("times", [0.1, time, 0.3]), ("units", [1, 2, 3])):
            spikes.create_dataset(name, (1,), h5py.vlen_dtype(np.float64))[0] = np.array(part)
        f["labels"] = np.array([3], np.uint16)
    how = preparation(events={"sensor": [1, 9], "frames": 4, "window_us": 100_000})
    with pytest.raises(DataError, match="time is no number"):
        load_data(tmp_path / "shd.h5", preparation=how).x[:]


def test_text(tmp_path: Path) -> None:
    tokenizers = needs.module("tokenizers")
    words = {"[PAD]": 0, "[UNK]": 1, "a": 2, "good": 3, "film": 4}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tok.json"))
    (tmp_path / "p.toml").write_text('[text]\ntokenizer = "tok.json"\nlength = 4\n')
    how = load_preparation(tmp_path / "p.toml")
    assert Preparation.from_json(how.to_json()) == how
    (tmp_path / "d.tsv").write_text("a good film\t1\nbad film a good film\t0\n")
    data = load_data(tmp_path / "d.tsv", preparation=how)
    assert np.asarray(data.x).tolist() == [[2, 3, 4, 0], [1, 4, 2, 3]]
    assert data.y is not None
    assert data.y.tolist() == [1, 0]
    (tmp_path / "d.tsv").write_text("a film\n")
    with pytest.raises(DataError, match="line 1"):
        load_data(tmp_path / "d.tsv", preparation=how)


@pytest.mark.torch
def test_torch_data_sets_and_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sets.py").write_text(
        "import torch\nfrom torch.utils.data import TensorDataset\n\n"
        "def tensors():\n    x = torch.arange(12.0).reshape(4, 3)\n"
        "    return TensorDataset(x, torch.tensor([0, 2, 1, 0]))\n\n"
        "def rows():\n    return [{'image': [1, 2], 'label': 5}, {'image': [3, 4], 'label': 6}]\n\n"
        "def stream():\n    return (i for i in range(3))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    data = load_data("sets:tensors")
    assert np.asarray(data.x).tolist() == np.arange(12.0).reshape(4, 3).tolist()
    assert np.asarray(data.y).tolist() == [0, 2, 1, 0]
    rows = load_data("sets:rows")
    assert np.asarray(rows.x).tolist() == [[1, 2], [3, 4]]
    assert np.asarray(rows.y).tolist() == [5, 6]
    for spec, said in (
        ("sets:stream", "no length"),
        ("sets:nothing", "no such callable"),
        ("nowhere:x", "no such callable"),
    ):
        with pytest.raises(BadInputFile, match=said):
            load_data(spec)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[imgae]\n", r"no table `\[imgae\]`; did you mean `image`"),
        ("[image]\nresise = 3\n", "no `resise`; did you mean `resize`"),
        ("[image]\nresize = '3'\n", "resize cannot be '3'"),
        ("[image]\nmode = 'BGR'\n", "there is RGB, L"),
        ("[image]\nmean = [true]\n", "mean cannot be"),
        ("[events]\n", "sensor"),
        ("[events]\nsensor = [3, 0]\n", "one number or"),
        ("[events]\nsensor = [3, 4]\nframing = 'fixed-count'\n", "needs `count`"),
        ("[audio]\nrate = 8000\nlength = 0\n", "at least 1"),
        ("x = [\n", "no TOML"),
        ("[text]\ntokenizer = 'none.json'\nlength = 3\n", "No such file"),
    ],
)
def test_what_a_preparation_cannot_say(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(SnncError, match=said):
        load_preparation(tmp_path / "p.toml")
