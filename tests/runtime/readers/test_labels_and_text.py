"""Labels that cannot be meant, which a user is told of; texts that come whole and padded."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import BadInputFile, DataError
from snnc.runtime.data import load_data
from snnc.runtime.readers.labels import class_number
from snnc.runtime.readers.preparation import load_preparation
from snnc.runtime.run import run
from tests import needs
from tests.runtime.models import samples, save_model


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_folders_that_are_numbers_of_other_classes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = needs.module("PIL.Image")
    for names, told in (("0 1 2", []), ("a b", []), ("0 2", ["`2` is class 1"])):
        folder = tmp_path / names
        for name in names.split():
            (folder / name).mkdir(parents=True)
            image.fromarray(np.zeros((2, 2), np.uint8)).save(folder / name / "i.png")
        caplog.clear()
        found = load_data(folder)
        assert np.asarray(found.y).tolist() == list(range(len(names.split())))
        assert [told[0] in line for line in warnings(caplog)] == [True] * len(told)


@pytest.mark.parametrize(("shift", "warns"), [(0, 0), (1000, 1), (-5, 1)])
def test_labels_without_a_class(
    shift: int, warns: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    x, y = samples(20)
    np.savez(tmp_path / "d.npz", x=x, y=y.astype(int) + shift)
    run(save_model(tmp_path), tmp_path / "d.npz", engine="oracle")
    said = warnings(caplog)
    assert len(said) == warns
    if warns:
        assert f"labels run from {y.min() + shift} to {y.max() + shift}" in said[0]


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with needs.module("h5py").File(tmp_path / "d.h5", "w") as f:
        f["x"] = np.zeros((0, 3))
    with pytest.raises(DataError, match="empty") as e:
        load_data(tmp_path / "d.h5")
    assert e.value.where == str(tmp_path / "d.h5")


def tokenizer(words: dict[str, int]) -> Any:
    tokenizers = needs.module("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made


def tokens(folder: Path, made: Any, text: bytes) -> list[list[int]]:
    made.save(str(folder / "tok.json"))
    (folder / "p.toml").write_text('[text]\ntokenizer = "tok.json"\nlength = 3\n')
    (folder / "d.txt").write_bytes(text)
    found = load_data(folder / "d.txt", preparation=load_preparation(folder / "p.toml"))
    values: list[list[int]] = np.asarray(found.x).tolist()
    return values


def test_padding_is_the_tokenizers_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "snnc")
    assert tokens(tmp_path, tokenizer({"?": 0, "a": 5, "<pad>": 1}), b"a\n") == [[5, 1, 1]]
    own = tokenizer({"?": 0, "a": 5, "<pad>": 1, "p": 7})
    own.enable_padding(direction="left", pad_id=7, pad_token="p")
    own.enable_truncation(9, direction="left")
    assert tokens(tmp_path, own, b"a\na ? ? a\n") == [[7, 7, 5], [0, 0, 5]]
    assert not caplog.records
    assert tokens(tmp_path, tokenizer({"?": 0, "a": 5}), b"a\n") == [[5, 0, 0]]
    assert "no token to pad with" in caplog.records[0].getMessage()


def test_only_ends_of_lines_end_texts(tmp_path: Path) -> None:
    made = tokenizer({"?": 0, "a": 5, "[PAD]": 9})
    text = "\ufeffa\u2028a\r\na\x85\x0ba\n\na".encode()
    assert tokens(tmp_path, made, text) == [[5, 5, 9], [5, 5, 9], [9, 9, 9], [5, 9, 9]]


def test_a_line_without_a_class_is_a_bad_sample(tmp_path: Path) -> None:
    """Of a list and of texts: skipped where that is asked for, with its line in the error."""
    image = needs.module("PIL.Image")
    x, y = samples(5)
    for i, pixels in enumerate(x):
        image.fromarray(pixels[None]).save(tmp_path / f"{i}.png")
    lines = [f"{i}.png,{label}" for i, label in enumerate(y.tolist())]
    lines[1], lines[3] = "1.png,dog", "none.png,0"
    (tmp_path / "l.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
    manifest = {"preparation": {"image": {"mode": "L"}}}
    model = save_model(tmp_path, shape=(1, 1, 6), manifest=manifest)
    with pytest.raises(DataError, match="line 3: the label `dog` is no class number"):
        run(model, tmp_path / "l.csv", engine="oracle")
    found = run(
        model, tmp_path / "l.csv", engine="oracle", on_bad_sample="skip", output=tmp_path / "o.npz"
    )
    assert (found.n_skipped, found.accuracy) == (2, 1.0)
    assert found.samples is not None
    assert found.samples.tolist() == [0, 2, 4]

    words = tokenizer({"?": 0, "a": 1, "[PAD]": 2})
    words.save(str(tmp_path / "tok.json"))
    (tmp_path / "p.toml").write_text('[text]\ntokenizer = "tok.json"\nlength = 6\n')
    how = load_preparation(tmp_path / "p.toml")
    (tmp_path / "d.tsv").write_text("a a\t1\na\na\tx\na\t\n? a\t0\n")
    data = load_data(tmp_path / "d.tsv", preparation=how)
    assert data.x[[0, 4]].tolist() == [[1, 1, 2, 2, 2, 2], [0, 1, 2, 2, 2, 2]]
    for i, said in ((1, "line 2: there is no tab"), (2, "line 3: the label"), (3, "line 4: there")):
        with pytest.raises(DataError, match=said):
            data.x[i]


@pytest.mark.parametrize("label", ["9" * 19, "1_0", "-1", "+1", "1.0", "\u0663", "9" * 5000])
def test_a_label_that_is_no_class_number_is_a_bad_sample(label: str, tmp_path: Path) -> None:
    """It takes no other line with it, and -1 is no class: nothing counts as wrong by it."""
    image = needs.module("PIL.Image")
    x, y = samples(3)
    for i, pixels in enumerate(x):
        image.fromarray(pixels[None]).save(tmp_path / f"{i}.png")
    said = [str(y[0]), label, f" 00{y[2]} "]
    lines = [f"{i}.png,{one}" for i, one in enumerate(said)]
    (tmp_path / "l.csv").write_text("path,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    manifest = {"preparation": {"image": {"mode": "L"}}}
    model = save_model(tmp_path, shape=(1, 1, 6), manifest=manifest)
    found = run(model, tmp_path / "l.csv", engine="oracle", on_bad_sample="skip")
    assert (found.n_skipped, found.accuracy) == (1, 1.0)

    tokenizer({"?": 0, "a": 1}).save(str(tmp_path / "tok.json"))
    (tmp_path / "p.toml").write_text('[text]\ntokenizer = "tok.json"\nlength = 1\n')
    how = load_preparation(tmp_path / "p.toml")
    text = "".join(f"a\t{one}\n" for one in said)
    (tmp_path / "d.tsv").write_text(text, encoding="utf-8")
    data = load_data(tmp_path / "d.tsv", preparation=how)
    assert data.y is not None
    assert data.y.tolist() == [y[0], -1, y[2]]
    with pytest.raises(DataError, match="line 2: the label `.*` is no class number"):
        data.x[1]
    (tmp_path / "d.tsv").write_text(f"a\t{2**63 - 1}\n")
    data = load_data(tmp_path / "d.tsv", preparation=how)
    assert data.y is not None
    assert data.y.tolist() == [2**63 - 1]


def test_a_label_of_code_that_no_number_of_64_bits_is() -> None:
    for label in (2**63, -(2**63) - 1):
        with pytest.raises(DataError, match="no class number"):
            class_number(label)
    assert class_number(np.uint64(7)) == 7


@pytest.mark.parametrize("closed", ["d", "d/a", "d/a/deep"])
def test_a_folder_that_cannot_be_listed_is_an_error(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a data set without its files. (Root may list all: here the system's call refuses.)"""
    (tmp_path / "d" / "a" / "deep").mkdir(parents=True)
    image = needs.module("PIL.Image")
    for name in ("a/0.png", "a/deep/1.png"):
        image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "d" / name)
    assert len(load_data(tmp_path / "d").x) == 2
    listed = {name: getattr(os, name) for name in ("scandir", "listdir")}
    for name, real in listed.items():

        def refuse(path: Any = ".", real: Any = real) -> Any:
            if Path(path) == tmp_path / closed:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(BadInputFile, match="cannot be read: Permission denied") as e:
        load_data(tmp_path / "d")
    assert e.value.where == str(tmp_path / closed)
