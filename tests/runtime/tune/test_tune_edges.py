"""Tuning where something is refused, full, said about frames, or named twice."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import snnc
from snnc.backends.chips import chip as chips
from snnc.ir.errors import DiskFull, NotExecutable, SnncError, WidthExceeded, WrongUsage
from snnc.runtime.tune import workshop
from snnc.runtime.tune.budget import Budget
from snnc.runtime.tune.grid import Setting
from snnc.runtime.tune.search import Search
from tests.runtime.tune.nets import data, save_data, save_network

GRID: dict[str, Any] = {
    "hardware": ["45nm-int8"], "bits": [8], "levels": [3], "codes": ["burst", "graded"],
    "max_loss": 1,
}  # fmt: skip
BURST, GRADED, DELTA = (Setting(3, 8, code) for code in ("burst", "graded", "delta"))


class Measured:
    """Answers by setting and number of samples: (accuracy, energy), or None for a refusal."""

    def __init__(self, answers: dict[tuple[Setting, int], tuple[float, float] | None]) -> None:
        self.answers = answers
        self.asked: list[tuple[Setting, int]] = []

    def reports(self, stage: str, settings: Any, n: int) -> dict[Setting, Any]:
        self.asked += [(setting, n) for setting in settings]
        return {setting: self._one(self.answers[setting, n]) for setting in settings}

    def _one(self, found: tuple[float, float] | None) -> Any:
        if found is None:
            return WidthExceeded("a sum of 9 bits does not fit")
        energy = {"chip": {"picojoule": found[1]}}
        return {"accuracy": found[0], "energy": energy, "n_ticks": 1}


def search(measured: Any, *, origin: Any = "given") -> Any:
    given = None if origin == "best" else Fraction(1)
    budget = Budget(max_loss=Fraction(1, 4), origin=origin, given=given)
    return Search(measured, budget, "energy", "chip").run((BURST, GRADED, DELTA), 4, 8)


def test_a_setting_that_is_refused_on_all_is_passed_over() -> None:
    on_part = {(BURST, 4): (1.0, 1.0), (GRADED, 4): (1.0, 2.0), (DELTA, 4): (0.5, 3.0)}
    measured = Measured({**on_part, (BURST, 8): None, (GRADED, 8): (0.75, 2.0)})
    found = search(measured)
    assert found.best == GRADED
    assert list(found.confirmed) == [GRADED]
    assert list(found.refused) == [BURST]
    assert measured.asked[3:] == [(BURST, 8), (GRADED, 8)]
    # the best of all is the reference: the next one where that is refused
    measured = Measured({**on_part, (BURST, 8): None, (GRADED, 8): (0.5, 2.0)})
    found = search(measured, origin="best")
    assert (found.best, found.budget.best) == (GRADED, Fraction(1, 2))
    nothing: Any = {(each, 8): None for each in (BURST, GRADED, DELTA)}
    for origin in ("given", "best"):
        with pytest.raises(SnncError) as caught:
            search(Measured({**on_part, **nothing}), origin=origin)
        assert isinstance(caught.value, WidthExceeded)


def test_a_network_that_cannot_be_quantised_is_refused_by_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: Any, **options: Any) -> Any:
        raise NotExecutable("no such levels")

    monkeypatch.setattr(workshop, "quantize", refused)
    with pytest.raises(NotExecutable, match="no such levels"):  # not that its folder is there
        snnc.tune(save_network(tmp_path), data()[1], **GRID)


def test_a_disk_that_is_full_at_the_start_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    network = save_network(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        snnc.tune(network, data()[1], output=[tmp_path / "b.snnc"], **GRID)
    assert not list(tmp_path.glob("b.snnc*"))


def test_what_is_said_about_frames_holds_for_the_quantised_network(tmp_path: Path) -> None:
    network = save_network(tmp_path)
    train, test = save_data(tmp_path)
    frames: Any = {"frames": 3, "reduce": "sum"}
    found = snnc.tune(network, test, calibrate=train, limit=20, **GRID, **frames)
    assert found.reference_of == "best"  # ONNX Runtime runs one frame
    snnc.quantize(network, train, levels=3, output=tmp_path / "q.onnx")
    model = snnc.convert(tmp_path / "q.onnx", **frames).model
    for row in found.rows:
        alone = snnc.report(
            model, test, limit=20, code=row.code, hardware=["45nm-int8"], statistics=0
        )
        assert alone.facts["n_frames"] == 3
        assert (row.n_ticks, row.accuracy) == (alone.facts["n_ticks"], alone.facts["accuracy"])
        assert row.picojoule["45nm-int8"] == alone.energy[0].picojoule


def test_a_float_network_over_all_frames_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((64, 8), (8, 10))]
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["h"]),
        helper.make_node("Relu", ["h"], ["a"]),
        helper.make_node("MatMul", ["a", "w1"], ["s"]),
        helper.make_node("ReduceMean", ["s"], ["y"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 64))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 10))],
        [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)],
    )
    path = tmp_path / "t.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    with pytest.raises(WrongUsage, match="all frames at once"):
        snnc.tune(path, data()[1], time_axis=1, **GRID)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"samples": -3}, "one sample at least, not -3"),
        ({"samples": 0}, "one sample at least, not 0"),
        ({"hardware": ["45nm", "45nm.toml"]}, "are called `45nm`"),
        ({"output": ["q.md", "./q.md"]}, "one file"),
    ],
)
def test_what_is_named_twice_or_below_one(
    given: dict[str, Any], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "45nm.toml").write_bytes((Path(chips.__file__).parent / "45nm.toml").read_bytes())
    with pytest.raises(WrongUsage, match=text):
        snnc.tune(save_network(tmp_path), data()[1], **{**GRID, **given})
