"""Tuning: every row is what the commands give one by one; the best is the cheapest that keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc
from snnc.ir.errors import (
    BudgetUnreachable,
    DamagedFile,
    DataError,
    OtherRun,
    OutputExists,
    UnknownHardware,
    UnsupportedByTarget,
    WidthExceeded,
    WrongUsage,
)
from snnc.runtime.tune import measure
from tests.cli.helpers import check_schema
from tests.runtime.tune.nets import data, right, save_data, save_network

GRID: dict[str, Any] = {"hardware": ["45nm-int8"], "bits": [3, 8], "levels": [1, 15]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tune")


@pytest.fixture(scope="module")
def network(folder: Path) -> Path:
    return save_network(folder)


@pytest.fixture(scope="module")
def sets(folder: Path) -> tuple[Path, Path]:
    return save_data(folder)


@pytest.fixture(scope="module")
def tuned(network: Path, sets: tuple[Path, Path], folder: Path) -> Any:
    train, test = sets
    return snnc.tune(
        network, test, calibrate=train, max_loss=0.05, output=[folder / "best.snnc"], **GRID
    )


def test_every_row_is_what_the_commands_give_one_by_one(
    tuned: Any, network: Path, sets: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = sets
    assert [(r.weight_bits, r.levels, r.code) for r in tuned.rows] == [
        (b, d, code) for d in (1, 15) for b in (3, 8) for code in ("burst", "graded")
    ]
    for levels in (1, 15):
        quantised = tmp_path / f"q{levels}.onnx"
        snnc.quantize(network, train, levels=levels, output=quantised)
        for bits in (3, 8):
            path = tmp_path / f"m{levels}-{bits}.snnc"
            snnc.convert(quantised, weight_bits=bits, output=path)
            compared = snnc.compare(
                [path], test, codes=["burst", "graded"], hardware=["45nm-int8"], engine="event"
            )
            rows = [r for r in tuned.rows if (r.levels, r.weight_bits) == (levels, bits)]
            for row, point in zip(rows, compared.points, strict=True):
                assert row.accuracy == point.accuracy
                assert row.picojoule == point.picojoule
                assert (row.n_ticks, row.spikes) == (point.n_ticks, point.spikes)
                assert row.synaptic_events == point.synaptic_events


def test_the_best_is_the_cheapest_that_keeps_the_accuracy(tuned: Any) -> None:
    n, n_right = len(right()), int(right().sum())
    assert tuned.reference == n_right / n
    kept = [r for r in tuned.rows if round(r.accuracy * n) >= n_right - 3]  # 5 % of 60
    assert 0 < len(kept) < len(tuned.rows)
    assert [r for r in tuned.rows if r.kept] == kept
    assert tuned.best == min(kept, key=lambda r: r.picojoule["45nm-int8"])
    assert tuned.best.n_samples == n
    assert tuned.confirmed == (tuned.best,)
    assert tuned.pareto["45nm-int8"]
    assert not tuned.notes
    check_schema("tune", tuned.to_json())


def test_the_winner_is_written_with_its_settings(
    tuned: Any, sets: tuple[Path, Path], folder: Path
) -> None:
    assert tuned.files == (folder / "best.snnc",)
    assert not (folder / "best.snnc.part").exists()
    found = snnc.report(folder / "best.snnc", sets[1], hardware=["45nm-int8"]).to_json()
    assert found["code"] == tuned.best.code
    assert found["accuracy"] == tuned.best.accuracy
    assert found["energy"]["45nm-int8"]["picojoule"] == tuned.best.picojoule["45nm-int8"]
    assert found["graph_hash"] == tuned.best.graph_hash


def test_ticks_decide_where_they_are_asked_for(network: Path, sets: tuple[Path, Path]) -> None:
    train, test = sets
    found = snnc.tune(network, test, calibrate=train, max_loss=1, minimise="ticks", **GRID)
    least = min(r.n_ticks for r in found.rows)
    equal = [r for r in found.rows if r.n_ticks == least]
    assert found.best == min(equal, key=lambda r: r.picojoule["45nm-int8"])


def test_a_subset_first_and_all_in_the_end(
    network: Path, sets: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = sets
    output = [tmp_path / "best.snnc", tmp_path / "q.onnx", tmp_path / "grid.csv"]
    output.append(tmp_path / "grid.html")
    found = snnc.tune(
        network, test, calibrate=train, max_loss=0.05, samples=20, output=output,
        figures=tmp_path / "figures", **GRID,
    )  # fmt: skip
    assert {r.n_samples for r in found.rows} == {20}
    assert {r.n_samples for r in found.confirmed} == {60}
    assert found.confirmed[-1] == found.best
    assert all(not r.kept for r in found.confirmed[:-1])
    again = snnc.report(output[0], test, hardware=["45nm-int8"]).to_json()
    assert again["energy"]["45nm-int8"]["picojoule"] == found.best.picojoule["45nm-int8"]
    assert len(output[2].read_text().splitlines()) == 9
    assert (tmp_path / "figures" / "pareto-45nm-int8.svg").is_file()
    assert "<!doctype html>" in output[3].read_text().lower()
    assert snnc.verify(output[1], output[0], test, limit=5).ok
    assert "confirmed on all 60" in " ".join(found.notes)


def test_a_budget_out_of_reach_names_the_best_and_keeps_what_was_measured(
    network: Path, sets: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = sets
    args: Any = {"calibrate": train, "output": [tmp_path / "b.snnc"], **GRID}
    with pytest.raises(BudgetUnreachable) as caught:
        snnc.tune(network, test, max_loss=0, reference=1, **args)
    assert "no setting keeps 100.00% (100.00% less 0.00%)" in caught.value.what
    assert not (tmp_path / "b.snnc").exists()
    assert "8 measurements are kept" in caught.value.__notes__[0]
    with pytest.raises(OutputExists, match="left 8 measurements"):
        snnc.tune(network, test, **args)
    with pytest.raises(OtherRun, match="calibration"):
        snnc.tune(network, test, resume=True, **{**args, "calibrate": test})
    assert caught.value.hint is not None
    enough = float(caught.value.hint.split("%")[0].removeprefix("--max-loss ")) / 100
    found = snnc.tune(network, test, max_loss=enough, reference=1, resume=True, **args)
    assert (found.n_resumed, found.reference_of) == (8, "given")
    assert found.best.accuracy == max(r.accuracy for r in found.rows)
    assert (tmp_path / "b.snnc").is_file()
    assert not (tmp_path / "b.snnc.part").exists()


def test_ctrl_c_keeps_what_was_measured(
    network: Path, sets: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = sets
    original, calls = measure.Measurer._measured, []

    def stopped(self: measure.Measurer, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, *args)

    monkeypatch.setattr(measure.Measurer, "_measured", stopped)
    args: Any = {"calibrate": train, "max_loss": 0.05, "output": [tmp_path / "b.snnc"], **GRID}
    with pytest.raises(KeyboardInterrupt) as caught:
        snnc.tune(network, test, **args)
    part = tmp_path / "b.snnc.part"
    assert caught.value.__notes__ == [
        f"2 measurements are kept in {part}: `--resume` goes on from there"
    ]
    with part.open("ab") as file:
        file.write(b'{"setting": "cut o')
    found = snnc.tune(network, test, resume=True, **args)
    assert found.n_resumed == 2
    assert len(calls) == 3 + 6


def test_a_journal_that_is_none(network: Path, sets: tuple[Path, Path], tmp_path: Path) -> None:
    part = tmp_path / "b.snnc.part"
    for content in (b"hello\n", b'{"format": "other"}\n', b"[]\n", b"\x00\n"):
        part.write_bytes(content)
        with pytest.raises(DamagedFile, match="no journal"):
            snnc.tune(network, sets[1], output=[tmp_path / "b.snnc"], resume=True, **GRID)
        assert part.read_bytes() == content


def test_levels_of_an_integer_network_are_its_own(
    network: Path, sets: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = sets
    snnc.quantize(network, train, levels=6, output=tmp_path / "q.onnx")
    found = snnc.tune(tmp_path / "q.onnx", test, hardware=["45nm-int8"], bits=[4, 8], max_loss=0.1)
    assert found.own_levels
    assert {r.levels for r in found.rows} == {6}
    assert "its levels are its own" in found.notes[0]
    assert found.n_calibration is None
    with pytest.raises(WrongUsage, match="levels are its own"):
        snnc.tune(tmp_path / "q.onnx", test, **GRID)
    with pytest.raises(WrongUsage, match="activations are integers"):
        snnc.tune(tmp_path / "q.onnx", test, hardware=["45nm-int8"], output=[tmp_path / "n.onnx"])


def test_settings_that_are_refused_are_listed(
    network: Path, sets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = measure.Measurer._report

    def narrow(self: measure.Measurer, model: Any, *args: Any) -> Any:
        if model.settings.code == "graded":
            raise WidthExceeded("a payload of 9 bits does not fit", where="act")
        return original(self, model, *args)

    monkeypatch.setattr(measure.Measurer, "_report", narrow)
    args: Any = {"hardware": ["45nm-int8"], "bits": [8], "levels": [3], "max_loss": 1}
    found = snnc.tune(network, sets[1], **args)
    assert [row.code for row in found.rows] == ["burst"]
    (refused,) = found.to_json()["refused"]
    assert refused["code"] == "graded"
    assert refused["error"]["what"] == "a payload of 9 bits does not fit"
    check_schema("tune", found.to_json())
    with pytest.raises(WidthExceeded):
        snnc.tune(network, sets[1], **{**args, "bits": [7, 8], "codes": ["graded"]})


def test_a_chip_of_unit_spikes_gets_burst_alone(network: Path, sets: tuple[Path, Path]) -> None:
    args: Any = {"bits": [8], "levels": [1, 3], "max_loss": 1}
    found = snnc.tune(network, sets[1], hardware=["loihi1", "45nm"], **args)
    assert {r.code for r in found.rows} == {"burst"}
    assert list(found.hardware) == ["loihi1", "45nm"]
    assert set(found.best.picojoule) == {"loihi1", "45nm"}
    with pytest.raises(UnsupportedByTarget, match="unit spikes only"):
        snnc.tune(network, sets[1], hardware=["loihi1"], codes=["graded"], **args)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"hardware": ["loihi2"]}, UnknownHardware, "no energy per operation"),
        ({"hardware": ["loihi9"]}, UnknownHardware, "loihi9"),
        ({"hardware": []}, WrongUsage, "a list of names"),
        ({"bits": [1]}, WrongUsage, "2 to 16 bits"),
        ({"levels": [0]}, WrongUsage, "levels lie"),
        ({"codes": ["brust"]}, WrongUsage, "burst"),
        ({"codes": ["rate"]}, WrongUsage, "number of ticks"),
        ({"rate_ticks": 3}, WrongUsage, "is for code"),
        ({"codes": ["burst"], "bits": [8], "levels": [3]}, WrongUsage, "nothing to choose"),
        ({"max_loss": 1.5}, WrongUsage, "between 0 and 1"),
        ({"minimise": "time"}, WrongUsage, "energy"),
        ({"output": ["a.snnc", "b.snnc"]}, WrongUsage, "one winner"),
        ({"output": ["a.txt"]}, WrongUsage, "cannot write"),
        ({"output": ["a.pt"]}, WrongUsage, "cannot write"),
    ],
)
def test_what_cannot_be_tuned(
    given: dict[str, Any], error: type[Exception], text: str, network: Path
) -> None:
    with pytest.raises(error, match=text):
        snnc.tune(network, data()[1], **{**GRID, **given})


def test_data_without_labels_or_samples(network: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs labels"):
        snnc.tune(network, data()[1].x, **GRID)
    np.savez(tmp_path / "none.npz", x=np.zeros((0, 64), np.float32), y=np.zeros(0, np.int64))
    with pytest.raises(DataError, match="empty"):
        snnc.tune(network, tmp_path / "none.npz", **GRID)
