"""The committed event-camera network on real recordings: from files, by stream, in the demo."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import snnc
from snnc.converter.sources.spiking.torchop import OPERATORS
from snnc.ir.arrays import Array
from snnc.runtime.live import answers
from snnc.runtime.readers.decoders import decode
from tests.cli.helpers import command_line, snnc_process
from tests.examples.test_digits import load_example
from tests.needs import data_file
from tests.runtime.readers import event_files

EXAMPLE = Path(__file__).parents[2] / "examples" / "nmnist"
MODEL = EXAMPLE / "model.pt"

pytestmark = [
    pytest.mark.torch,
    pytest.mark.data,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_example("nmnist")


@pytest.fixture(scope="module")
def pack() -> dict[str, Array]:
    with np.load(data_file("events/nmnist_train1000.npz")) as held:
        return {name: held[name] for name in held.files}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nmnist") / "nmnist.snnc"
    snnc.convert(MODEL, output=path, prepare=EXAMPLE / "prepare.toml")
    return path


def write(example: ModuleType, pack: dict[str, Array], i: int, path: Path) -> None:
    """One recording as N-MNIST's own file."""
    t, x, y, p = (column.tolist() for column in example.recording(pack, i))
    event_files.nmnist(path, list(zip(t, x, y, p, strict=True)))


def listed(example: ModuleType, pack: dict[str, Array], n: int, folder: Path) -> list[int]:
    """Files of the first recordings that were kept aside, and a list of them with labels."""
    others: list[int] = example.split(len(pack["label"]))[1][:n].tolist()
    for i in others:
        write(example, pack, i, folder / f"{i}.bin")
    lines = [f"{i}.bin,{pack['label'][i]}" for i in others]
    (folder / "list.csv").write_text("\n".join(["path,label", *lines]) + "\n")
    return others


@pytest.mark.parametrize("n", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_accuracy_of_the_spiking_network(
    example: ModuleType, pack: dict[str, Array], converted: Path, tmp_path: Path, n: int
) -> None:
    """Files to frames to spikes, and the trained network on frames that the example makes."""
    others = listed(example, pack, n, tmp_path)
    result = snnc.run(converted, tmp_path / "list.csv", engine="dense")
    x = np.stack([example.frames_of(*example.recording(pack, i)) for i in others])
    how = snnc.load(converted).preparation
    for i, frames in zip(others, x, strict=True):
        np.testing.assert_array_equal(decode(tmp_path / f"{i}.bin", how), frames)
    with torch.no_grad():
        logits = trained_net(example)(torch.from_numpy(x)).numpy()
    labels = pack["label"][others]
    right = float((logits.argmax(1) == labels).mean())
    assert result.accuracy is not None
    assert min(right, result.accuracy) >= 0.9
    assert abs(right - result.accuracy) <= 0.02 + 1 / n
    # what 8-bit weights cost is small against the spread of the logits
    assert np.abs(result.outputs - logits).max() < 0.3 * np.ptp(logits)


def trained_net(example: ModuleType) -> torch.nn.Module:
    """The example's own class with the weights of the file."""
    assert OPERATORS  # PyTorch reads the file when it knows them
    with zipfile.ZipFile(MODEL) as archive:
        program = torch.export.load(io.BytesIO(archive.read("program.pt2")))
    net: torch.nn.Module = example.EventVGG()
    net.load_state_dict(program.state_dict)
    return net.eval()


def test_everything_is_event_driven_and_verifies(
    example: ModuleType, pack: dict[str, Array], converted: Path, tmp_path: Path
) -> None:
    listed(example, pack, 2, tmp_path)
    found = snnc.verify(MODEL, converted, tmp_path / "list.csv")
    assert found.ok
    assert found.n_mismatches == 0
    assert found.n_frames == 10
    model = snnc.load(converted)
    assert not model.integer_graph.host_ops


@pytest.mark.parametrize("engine", ["dense", "event"])
def test_real_recordings_from_file_and_by_stream(
    example: ModuleType, pack: dict[str, Array], converted: Path, tmp_path: Path, engine: str
) -> None:
    """Logits of the windows add up to those of the whole recording, integer by integer."""
    others = listed(example, pack, 3, tmp_path)
    whole = snnc.run(converted, tmp_path / "list.csv", engine=engine)
    sent = b""
    for i in others:
        t, x, y, p = example.recording(pack, i)
        sent += np.stack([t, p << 28 | y << 14 | x], axis=1).astype("<u4").tobytes()
        sent += b"\xff" * 8
    args = command_line("run", converted, "--stream", "events", "--data", "-", "--engine", engine)
    done = subprocess.run(args, input=sent, capture_output=True, check=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    begins = [k for k, line in enumerate(lines) if line["window"] == 0]
    assert len(begins) == 3
    for row, (i, (begin, end)) in enumerate(
        zip(others, itertools.pairwise([*begins, len(lines)]), strict=True)
    ):
        by_window = np.array([line["outputs_int"] for line in lines[begin:end]])
        assert whole.outputs_int is not None
        np.testing.assert_array_equal(by_window[:10].sum(0), whole.outputs_int[row])
        with snnc.stream(converted, engine=engine) as running:
            found = [a.outputs_int for a in answers(running, "events", str(tmp_path / f"{i}.bin"))]
        np.testing.assert_array_equal(np.stack([f for f in found if f is not None]), by_window)
        assert len(np.unique(by_window, axis=0)) == len(by_window)


def test_the_live_demo(
    example: ModuleType, pack: dict[str, Array], converted: Path, tmp_path: Path
) -> None:
    """At ten times the camera's speed, recordings of the pack."""
    others = listed(example, pack, 2, tmp_path)
    place = str(data_file("events/nmnist_train1000.npz"))
    found = shown([str(converted), "--speed", "10", "--pack", place, "--show", "2"])
    assert (found["n_recordings"], found["n_windows"]) == (2, 20)
    whole = snnc.run(converted, tmp_path / "list.csv", engine="dense")
    assert whole.predictions is not None
    assert found["n_right"] == int((whole.predictions == pack["label"][others]).sum())


def test_the_demo_names_what_it_cannot_play(converted: Path, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(bytes(7))
    for words in ([tmp_path / "none.snnc"], [converted, tmp_path / "x.bin"]):
        command = [sys.executable, str(EXAMPLE / "stream.py"), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2
        assert Path(words[-1]).name in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_live_demo_plays_files(
    example: ModuleType, pack: dict[str, Array], converted: Path, tmp_path: Path
) -> None:
    """A recording's 0.3 s at the camera's own speed."""
    (i,) = listed(example, pack, 1, tmp_path)
    found = shown([str(converted), str(tmp_path / f"{i}.bin")])
    assert (found["n_recordings"], found["n_windows"]) == (1, 10)


def shown(arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, str(EXAMPLE / "stream.py"), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = done.stdout.splitlines()
    assert "window  events  answer  so far" in done.stdout
    found: dict[str, Any] = json.loads(lines[-1])
    assert len([line for line in lines if line.endswith(" ms")]) == found["n_windows"]
    assert 0 < found["engine_ms_p50"] <= found["latency_ms_p50"] <= found["latency_ms_p99"]
    return found


def test_training_gives_a_network_that_converts(
    example: ModuleType, pack: dict[str, Array], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch of a narrow one: the script's way from recordings to `model.pt`."""
    monkeypatch.setattr(example, "PLAN", (4, None, 8, None))
    monkeypatch.setattr(example, "EPOCHS", 1)
    part = {**pack, "label": pack["label"][:40], "offset": pack["offset"][:41]}
    np.savez(tmp_path / "pack.npz", **part)  # type: ignore[arg-type]
    x, y = example.load(tmp_path / "pack.npz")
    nets = [example.train(x, y) for _ in range(2)]
    with torch.no_grad():
        logits = [net(x[:3]).numpy() for net in nets]
    np.testing.assert_array_equal(logits[0], logits[1])
    snnc.save_model(nets[0], x[:1], tmp_path / "m.pt", input=(0, example.CLIP), time_axis=1)
    result = snnc.run(snnc.convert(tmp_path / "m.pt").model, x[:3].numpy(), engine="dense")
    assert np.abs(result.outputs - logits[0]).max() < 0.3 * np.ptp(logits[0])


def test_a_recording_of_another_camera_is_named(converted: Path, tmp_path: Path) -> None:
    event_files.dat(tmp_path / "wide.dat", [(0, 5, 5, 1), (40_000, 33, 34, 0)])
    data = ["--data", str(tmp_path / "wide.dat")]
    done = snnc_process("run", converted, "--stream", "events", *data, "--engine", "dense")
    assert done.code == 1
    assert "outside of a sensor of 34 x 34" in done.stderr
