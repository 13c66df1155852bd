"""Two Ray nodes on this machine, one of them killed in mid-run: the numbers of a single process."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.codes import RunSettings
from snnc.ir.errors import ChildFailed, DataError, MissingExtra, WrongUsage
from snnc.runtime.data import DataSet
from snnc.runtime.model import load
from snnc.runtime.run import run
from snnc.runtime.scale.ray import RayExecutor
from snnc.runtime.scale.shards import Shard
from snnc.runtime.scale.worker import Plan
from tests import needs
from tests.cli.helpers import command_line
from tests.runtime.models import N_IN, D, reference, samples, save_model
from tests.runtime.scale.test_resume import arrays, numbers


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match="--distributed needs Ray"):
        run(save_model(tmp_path), samples()[0], engine="oracle", distributed="local")


def test_jobs_and_a_cluster_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="give one"):
        run(save_model(tmp_path), samples()[0], engine="oracle", distributed="local", jobs=2)


@pytest.fixture
def cluster() -> Any:
    ray = needs.module("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made, second
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_node_is_killed_in_mid_run(tmp_path: Path, cluster: Any) -> None:
    made, second = cluster
    model = save_model(tmp_path)
    x = np.random.default_rng(5).integers(0, D + 1, (6000, 60, N_IN)).astype(np.uint8)
    whole = run(model, x, engine="oracle", output=tmp_path / "whole.npz")
    killed: list[int] = []

    def kill(stage: str, done: int, total: int) -> None:
        if 1000 < done < 4000 and not killed:
            killed.append(done)
            made.remove_node(second, allow_graceful=False)

    result = run(
        model, x, engine="oracle", distributed=made.address, output=tmp_path / "out.npz",
        progress=kill,
    )  # fmt: skip
    assert len(killed) == 1
    assert result.jobs == 2
    assert numbers(result) == numbers(whole)
    assert arrays(tmp_path / "out.npz") == arrays(tmp_path / "whole.npz")
    expected = reference(x.reshape(-1, N_IN)).reshape(6000, 60, -1)
    np.testing.assert_array_equal(result.outputs_int, expected)

    bad = x[:500].astype(np.float64)
    bad[300] = np.nan
    with pytest.raises(DataError, match="sample 300 holds NaN"):
        run(model, bad, engine="oracle", distributed=made.address)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_model_and_samples_travel_once_to_each_machine(tmp_path: Path, cluster: Any) -> None:
    """Four workers on three nodes: three copies in the store, tasks of some hundred bytes."""
    import ray
    from ray import cloudpickle

    made, _ = cluster
    made.add_node(num_cpus=2)
    made.wait_for_nodes()
    path = save_model(tmp_path)
    x = np.random.default_rng(5).integers(0, D + 1, (400, 60, N_IN)).astype(np.uint8)
    plan = Plan(engine="oracle", settings=RunSettings(), n_frames=60)
    executor = RayExecutor(load(path), DataSet(x=x, name="x"), plan, made.address)
    try:
        assert executor.n_workers == 4
        results = list(executor.run([Shard(i, 4) for i in range(0, 400, 4)], lambda: None))
        assert sorted(r.shard.first for r in results) == list(range(0, 400, 4))
        places = ray.experimental.get_object_locations(executor.shipped)
        assert [len(set(place["node_ids"])) for place in places.values()] == [3, 3]
        assert places[executor.shipped[0]]["object_size"] >= path.stat().st_size
        held = places[executor.shipped[1]]["object_size"]
        assert held >= x.nbytes > 50 * len(cloudpickle.dumps(executor._parcel))
    finally:
        executor.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_cluster_is_a_named_error(tmp_path: Path) -> None:
    needs.module("ray")
    with pytest.raises(ChildFailed, match="no Ray cluster answers"):
        run(save_model(tmp_path), samples()[0], engine="oracle", distributed="127.0.0.1:1")


def words_of(process: int) -> str:
    """The command line of a process; nothing where it has just ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def kill_whoever_works(raylet: int, ended: threading.Event) -> None:
    """Kill every worker process of a node as soon as it computes a shard."""
    while not ended.wait(0.002):
        for task in Path(f"/proc/{raylet}/task").glob("*/children"):
            for child in task.read_text().split():
                if words_of(int(child)).startswith("ray::run_shard"):
                    os.kill(int(child), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_workers_that_die_again_and_again_end_the_run(tmp_path: Path, cluster: Any) -> None:
    """Every attempt at every shard dies: a named error after a few, not a run without end."""
    made, second = cluster
    made.remove_node(second)
    (raylet,) = made.head_node.all_processes["raylet"]
    x = np.random.default_rng(5).integers(0, D + 1, (500, 60, N_IN)).astype(np.uint8)
    ended = threading.Event()
    killer = threading.Thread(target=kill_whoever_works, args=(raylet.process.pid, ended))
    killer.start()
    try:
        with pytest.raises(ChildFailed, match="the cluster lost a shard"):
            run(save_model(tmp_path), x, engine="oracle", distributed=made.address)
    finally:
        ended.set()
        killer.join()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ctrl_c_keeps_shards_and_any_number_of_workers_goes_on(
    tmp_path: Path, cluster: Any
) -> None:
    made, _ = cluster
    model, out = save_model(tmp_path), tmp_path / "out.npz"
    x = np.random.default_rng(5).integers(0, D + 1, (6000, 60, N_IN)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    args = command_line("run", model, "--data", tmp_path / "x.npz", "--engine", "oracle", "-o", out)
    with subprocess.Popen(
        [*args, "--distributed", made.address], stderr=subprocess.PIPE, text=True
    ) as process:
        journal = tmp_path / "out.npz.part"
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > 50_000):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "samples are kept" in said
    assert "Traceback" not in said
    result = run(model, tmp_path / "x.npz", engine="oracle", output=out, resume=True)
    assert 0 < result.n_resumed < 6000
    whole = run(model, x, engine="oracle", output=tmp_path / "whole.npz")
    assert numbers(result) == numbers(whole)
    assert arrays(out) == arrays(tmp_path / "whole.npz")
