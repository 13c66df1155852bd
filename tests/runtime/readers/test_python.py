"""`package.module:callable`: samples that fail, and labels that are read when they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import DataError
from snnc.runtime.data import load_data
from snnc.runtime.report import report
from snnc.runtime.run import run
from tests.runtime.models import reference, samples, save_model

SETS = """
import numpy as np
N = {n}

class Rows:
    reads = []

    def __len__(self):
        return N

    def __getitem__(self, i):
        if i >= N:
            raise IndexError(i)
        Rows.reads.append(i)
        if i == 2:
            raise RuntimeError("the disk is wet")
        x, y = np.load({path!r})["x"][i], np.load({path!r})["y"][i]
        return x, "cat" if i == 5 else y
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    x, y = samples(8)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    name = f"rows_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SETS.format(n=8, path=str(tmp_path / "d.npz")))
    monkeypatch.syspath_prepend(tmp_path)
    return f"{name}:Rows"


def test_bad_samples_and_labels_are_skipped(spec: str, tmp_path: Path) -> None:
    x, _ = samples(8)
    good = [0, 1, 3, 4, 6, 7]
    result = run(save_model(tmp_path), spec, engine="oracle", on_bad_sample="skip")
    assert result.outputs_int is not None
    assert result.outputs_int.tolist() == reference(x[good]).tolist()
    assert (result.n_skipped, result.accuracy) == (2, 1.0)
    assert result.samples is not None
    assert result.samples.tolist() == good
    for first, said in ((0, "sample 2: RuntimeError: the disk is wet"), (3, "sample 5: its label")):
        with pytest.raises(DataError, match=said):
            load_data(spec).take(slice(first, 8)).read(slice(0, 8 - first))


def test_labels_are_read_when_they_are_needed(spec: str, tmp_path: Path) -> None:
    rows = __import__(spec.partition(":")[0]).Rows
    result = run(save_model(tmp_path), spec, engine="oracle", limit=2)
    assert (result.n_samples, result.accuracy) == (2, 1.0)
    assert set(rows.reads) == {0, 1}  # not the bad one, and none behind the limit
    rows.reads.clear()
    data = load_data(spec).take(slice(3, 5))
    assert np.asarray(data.y).tolist() == samples(8)[1][3:5].tolist()
    assert rows.reads == [0, 3, 4]


PAIRS = """
from tests.runtime.models import samples
SHIFT = 0
LABELLED = False

class Pairs(list):
    pass

def data():
    x, y = samples(40)
    found = Pairs((a, int(b) + SHIFT) for a, b in zip(x, y))
    if LABELLED:
        found.targets = [b for _, b in found]
    return found
"""


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"pairs_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(PAIRS)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_report_on_labels_that_come_with_the_samples(pairs: str, tmp_path: Path) -> None:
    x, y = samples(40)
    model = save_model(tmp_path)
    args: Any = {"engine": "oracle", "hardware": ["45nm"], "codes": ["own"], "limit": 12}
    found = report(model, f"{pairs}:data", **args).to_json()
    known = report(model, {"x": x, "y": y}, **args).to_json()
    assert found["accuracy"] == 1.0
    assert found["statistics"] == known["statistics"]


@pytest.mark.parametrize("labelled", [False, True])
def test_other_labels_are_other_data(pairs: str, *, labelled: bool) -> None:
    module: Any = __import__(pairs)
    module.LABELLED = labelled
    first = load_data(f"{pairs}:data").fingerprint()
    assert load_data(f"{pairs}:data").fingerprint() == first
    module.SHIFT = 1
    assert load_data(f"{pairs}:data").fingerprint() != first
