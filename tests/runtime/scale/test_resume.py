"""Runs that are killed, starved of disk or of workers, and go on to the same numbers."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.ir.errors import ChildFailed, DataError, OtherRun, OutputExists, TimeLimit, WrongUsage
from snnc.runtime import batches
from snnc.runtime.run import RunResult, run
from snnc.runtime.scale.gather import about_run
from tests.cli.helpers import command_line, snnc_process
from tests.needs import data_file
from tests.runtime.models import N_IN, D, reference, samples, save_model

MNIST = Path(__file__).parents[3] / "examples" / "mnist" / "model.pt"
NUMBERS = ("n_samples", "n_skipped", "n_ticks", "accuracy", "counters", "sums", "input_loss")


def arrays(path: Path) -> dict[str, bytes]:
    with np.load(path) as archive:
        return {n: archive[n].tobytes() for n in archive.files if n != "run"}


def numbers(result: RunResult) -> dict[str, object]:
    return {name: value for name, value in result.to_json().items() if name in NUMBERS}


def kill_and_resume(args: list[str | Path], out: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill a run at random points, then let it end; returns what its last JSON says."""
    rng = np.random.default_rng(seed)
    journal = out.with_name(out.name + ".part")
    for _ in range(kills):
        grown = rng.integers(1, 4)
        with subprocess.Popen(
            command_line(*args, "--resume"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            size = journal.stat().st_size if journal.exists() else 0
            steps = 0
            while process.poll() is None and steps < grown:
                now = journal.stat().st_size if journal.exists() else 0
                steps, size = steps + (now > size), now
                time.sleep(0.0005)
            time.sleep(float(rng.uniform(0, 0.05)))
            process.send_signal(signal.SIGKILL)
    done = snnc_process(*args, "--resume", "--json")
    assert done.code == 0, done.stdout + done.stderr
    said: dict[str, int] = done.json
    return said


def test_killed_three_times(tmp_path: Path) -> None:
    model = save_model(tmp_path)
    x = np.random.default_rng(5).integers(0, D + 1, (4000, 25, N_IN)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "out.npz"
    args: list[str | Path] = ["run", model, "--data", tmp_path / "x.npy", "--engine", "oracle"]
    said = kill_and_resume([*args, "-o", out], out, 3, 1)
    whole = run(model, x, engine="oracle", output=tmp_path / "whole.npz")
    assert said["n_resumed"] > 0
    assert {n: said[n] for n in NUMBERS} == numbers(whole)
    assert arrays(out) == arrays(tmp_path / "whole.npz")
    with np.load(out) as archive:
        expected = reference(x.reshape(-1, N_IN)).reshape(4000, 25, -1)
        np.testing.assert_array_equal(archive["outputs_int"], expected)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "out.npz", "tiny.snnc", "whole.npz", "x.npy",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.data
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_ten_thousand_images_killed_ten_times(tmp_path: Path) -> None:
    pack = np.load(data_file("images/mnist_t10k.npz"))
    np.savez(tmp_path / "d.npz", x=pack["x"].reshape(-1, 1, 28, 28), y=pack["y"])
    model, out = tmp_path / "m.snnc", tmp_path / "out.npz"
    snnc.convert(MNIST, output=model)
    args: list[str | Path] = ["run", model, "--data", tmp_path / "d.npz", "--engine", "dense"]
    said = kill_and_resume([*args, "-o", out], out, 10, 2)
    whole = snnc.run(model, tmp_path / "d.npz", engine="dense", output=tmp_path / "whole.npz")
    assert said["n_resumed"] > 0
    assert said["n_samples"] == 10_000
    assert {n: said[n] for n in NUMBERS} == numbers(whole)
    assert arrays(out) == arrays(tmp_path / "whole.npz")


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_LARGEST_BATCH", 4)


@pytest.mark.usefixtures("small_shards")
def test_a_stopped_run_goes_on_and_a_finished_one_says_so(tmp_path: Path) -> None:
    model, out = save_model(tmp_path), tmp_path / "o.npz"
    x, _ = samples()
    whole = run(model, x, engine="oracle")

    def stop(stage: str, done: int, total: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model, x, engine="oracle", output=out, progress=stop)
    assert not out.exists()
    with pytest.raises(OutputExists, match="left 12 of 20 samples"):
        run(model, x, engine="oracle", output=out)
    for other in ({"engine": "event"}, {"code": "burst"}, {"limit": 19}, {"counts": True}):
        with pytest.raises(OtherRun):
            run(model, x, **{"engine": "oracle", "output": out, "resume": True, **other})  # type: ignore[arg-type]
    changed = x.copy()
    changed[19, 0] ^= 1
    with pytest.raises(OtherRun, match="another data"):
        run(model, changed, engine="oracle", output=out, resume=True)
    result = run(model, x, engine="oracle", output=out, resume=True)
    assert result.n_resumed == 12
    assert numbers(result) == numbers(whole)
    np.testing.assert_array_equal(result.outputs, whole.outputs)

    again = run(model, x, engine="oracle", output=out, resume=True)
    assert again.n_resumed == 20
    assert numbers(again) == numbers(whole)
    with pytest.raises(OtherRun):
        run(model, x, engine="event", output=out, resume=True)
    about = about_run(out)
    assert about is not None
    assert about["identity"]["model"] == result.graph_hash


@pytest.mark.usefixtures("small_shards")
def test_a_time_limit_keeps_shards(tmp_path: Path) -> None:
    model, out = save_model(tmp_path), tmp_path / "o.npz"
    x, _ = samples()

    def slow(stage: str, done: int, total: int) -> None:
        time.sleep(0.4 if done else 0)

    with pytest.raises(TimeLimit):
        run(model, x, engine="oracle", output=out, time_limit=0.3, progress=slow)
    assert run(model, x, engine="oracle", output=out, resume=True).n_resumed in (4, 8)


def test_resume_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="--resume"):
        run(save_model(tmp_path), samples()[0], engine="oracle", resume=True)


def test_a_full_disk_is_named_and_shards_stay(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the kernel ends writes in their midst."""
    model = save_model(tmp_path)
    x = np.random.default_rng(5).integers(0, D + 1, (3000, N_IN)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "o.npz"
    args: list[str | Path] = ["run", model, "--data", tmp_path / "x.npy", "-o", out, "--json"]
    args += ["--engine", "oracle"]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000))

    done = subprocess.run(
        command_line(*args), capture_output=True, text=True, preexec_fn=limited, check=False
    )
    assert done.returncode == 1
    assert '"code": "SNNC206"' in done.stdout
    said = re.search(r"(\d+) of 3000 samples are kept", done.stderr)
    assert said is not None
    assert not out.exists()
    resumed = snnc_process(*args, "--resume")
    assert 0 < resumed.json["n_resumed"] == int(said[1]) < 3000
    with np.load(out) as archive:
        np.testing.assert_array_equal(archive["outputs_int"], reference(x))


@pytest.mark.usefixtures("small_shards")
def test_samples_that_cannot_be_used_are_skipped(tmp_path: Path) -> None:
    model = save_model(tmp_path)
    x, y = samples()
    data = x.astype(np.float64)
    data[5, 2], data[6], data[19, 0] = np.nan, 99, 0.5
    np.savez(tmp_path / "d.npz", x=data, y=y)
    with pytest.raises(DataError, match="sample 5 holds NaN"):
        run(model, tmp_path / "d.npz", engine="oracle")
    result = run(model, tmp_path / "d.npz", engine="oracle", on_bad_sample="skip")
    assert (result.n_samples, result.n_skipped, result.accuracy) == (17, 3, 1.0)
    good = [i for i in range(20) if i not in (5, 6, 19)]
    assert result.samples is not None
    assert result.samples.tolist() == good
    np.testing.assert_array_equal(result.outputs_int, reference(x[good]))
    assert result.counters == run(model, x[good], engine="oracle").counters
    with pytest.raises(DataError, match="no sample could be used"):
        run(
            model, np.full((3, N_IN), np.nan), engine="oracle", on_bad_sample="skip",
            output=tmp_path / "none.npz",
        )  # fmt: skip
    assert not (tmp_path / "none.npz").exists()


def test_another_preparation_is_another_run(tmp_path: Path) -> None:
    """The same network after it: neither the graph nor its host operators tell."""
    pixels = np.random.default_rng(6).integers(0, D + 1, (300, 1, N_IN, 1)).astype(np.uint8)
    one, other, out = (tmp_path / name for name in ("one", "other", "out.npz"))
    np.savez(tmp_path / "d.npz", x=pixels)

    def model(folder: Path, **image: object) -> Path:
        folder.mkdir()
        said = {"preparation": {"image": {"mode": "L", **image}}}
        return save_model(folder, shape=(1, 1, N_IN), manifest=said)

    def stop(stage: str, done: int, total: int) -> None:
        if done >= 250:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(model(one), tmp_path / "d.npz", engine="oracle", output=out, progress=stop)
    changed = model(other, scale=0.5)
    with pytest.raises(OtherRun, match="another preparation"):
        run(changed, tmp_path / "d.npz", engine="oracle", output=out, resume=True)


def test_arrays_are_prepared_once(tmp_path: Path) -> None:
    """Also where workers get what this process has read."""
    said = {"preparation": {"image": {"mode": "L"}}}
    model = save_model(tmp_path, shape=(1, 1, N_IN), manifest=said)
    pixels = np.random.default_rng(6).integers(0, D + 1, (40, 1, N_IN, 1)).astype(np.uint8)
    result = run(model, pixels, engine="oracle", jobs=2)
    np.testing.assert_array_equal(result.outputs_int, reference(pixels.reshape(40, N_IN)))


def test_processes_give_the_same(tmp_path: Path) -> None:
    model = save_model(tmp_path)
    x, y = samples(200)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    one = run(model, x, engine="oracle", counts=True, output=tmp_path / "one.npz")
    two = run(
        model, tmp_path / "d.npz", engine="oracle", counts=True, jobs=2, output=tmp_path / "two.npz"
    )
    assert arrays(tmp_path / "one.npz") == arrays(tmp_path / "two.npz")
    assert list(arrays(tmp_path / "one.npz")) == list(arrays(tmp_path / "two.npz"))
    assert two.accuracy == 1.0
    assert {**numbers(two), "accuracy": None} == numbers(one)
    assert two.jobs == 2


def test_errors_of_processes_are_named(tmp_path: Path) -> None:
    x = samples()[0].astype(np.float64)
    x[17] = np.nan
    with pytest.raises(DataError, match="sample 17 holds NaN"):
        run(save_model(tmp_path), x, engine="oracle", jobs=2)


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    model = save_model(tmp_path)
    x = np.random.default_rng(5).integers(0, D + 1, (2000, 25, N_IN)).astype(np.uint8)
    killed: list[int] = []

    def kill(stage: str, done: int, total: int) -> None:
        if 0 < done < 1000 and not killed:
            path = Path(f"/proc/self/task/{os.getpid()}/children")
            killed.append(int(path.read_text().split()[0]))
            os.kill(killed[0], signal.SIGKILL)

    result = run(model, x, engine="oracle", jobs=2, progress=kill)
    assert len(killed) == 1
    expected = reference(x.reshape(-1, N_IN)).reshape(2000, 25, -1)
    np.testing.assert_array_equal(result.outputs_int, expected)


def interpreter(path: Path, script: str) -> str:
    """A program in the place of Python's, which runs `script` first."""
    path.write_text(f'#!/bin/sh\n{script}\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_a_worker_killed_at_its_start_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (x, _) = save_model(tmp_path), samples(200)
    first_ones = f"mkdir {tmp_path}/1 2>/dev/null && kill -9 $$"
    monkeypatch.setattr(sys, "executable", interpreter(tmp_path / "python", first_ones))
    result = run(model, x, engine="oracle", jobs=2)
    assert (tmp_path / "1").is_dir()
    np.testing.assert_array_equal(result.outputs_int, reference(x))


def test_workers_that_never_start_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (x, _) = save_model(tmp_path), samples(200)
    monkeypatch.setattr(sys, "executable", interpreter(tmp_path / "python", "exit 3"))
    with pytest.raises(ChildFailed, match=r"3 worker processes ended .* \(exit status 3\)"):
        run(model, x, engine="oracle", jobs=2)


def test_an_interpreter_that_is_not_there_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (x, _) = save_model(tmp_path), samples(200)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ChildFailed, match="cannot be started: No such file") as e:
        run(model, x, engine="oracle", jobs=2)
    assert e.value.where == str(tmp_path / "python")
