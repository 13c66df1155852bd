"""Bundles whose host has a part in the middle: chip and host in turns, bit for bit."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest

from snnc.backends.lava.bundle import check_same, is_bundle, read_bundle, write_bundle
from snnc.backends.lava.environment import Environment
from snnc.ir.arrays import Array
from snnc.ir.codes import Rate, RunSettings
from snnc.ir.errors import DamagedFile, UnsupportedByTarget
from snnc.ir.file import SnncFile, save
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import HostOp, Input, Output, Population
from snnc.runtime.run import RunResult, run
from tests.needs import missing
from tests.runtime.test_host import times_two

SETTINGS = RunSettings("graded", "pipelined")
N, T = 2, 3
DATA = {
    "in": np.random.default_rng(0).integers(0, 10, (N, T, 3)) * 0.25,
    "raw": np.random.default_rng(1).integers(-9, 10, (N, T, 3)).astype(np.float32) / 8,
}


def softmax() -> bytes:
    """An ONNX model y = softmax(x) on float32 (N, 3)."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Softmax", ["x"], ["y"], axis=-1)],
        "softmax",
        [value("x", onnx.TensorProto.FLOAT, ["N", 3])],
        [value("y", onnx.TensorProto.FLOAT, ["N", 3])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 10
    return bytes(model.SerializeToString())


def turns() -> SnncFile:
    """in -> a -> softmax -> b -> y, a -> b beside it, 2 raw -> b, and 2 b -> z for outputs only."""
    stairs = IntegerFire(lo=-1, thresholds=np.array([[-3, 1, 4, 9]]))
    weight = np.random.default_rng(2).integers(-3, 4, (3, 3))
    steps = np.array([0.5, 0.25, 1.5])
    value: dict[str, Any] = {"shape": (3,), "result": "value", "lo": -90, "hi": 300}
    nodes = [
        Input(name="in", shape=(3,), lo=0, hi=9, step=0.25),
        Input(name="raw", shape=(3,), grid=False),
        HostOp(name="twice", onnx="twice", step=np.array(0.3), **value),
        Population(name="a", shape=(3,), model=stairs, step=steps),
        HostOp(name="softmax", onnx="softmax", operators=("Softmax",), step=steps / 64, **value),
        Population(name="b", shape=(3,), model=Accumulator(), step=np.array(0.125)),
        HostOp(name="z", onnx="z", shape=(3,), result="real"),
        Output(name="y", shape=(3,)),
        Output(name="outside", shape=(3,)),
    ]
    ends: list[tuple[str, str, dict[str, Any]]] = [
        ("raw", "twice", {}),
        ("in", "a", {"map": Dense(weight=weight)}),
        ("a", "softmax", {"gather": np.array([2, -1, 0])}),
        ("softmax", "b", {"map": Dense(weight=weight.T.copy())}),
        ("twice", "b", {}),
        ("a", "b", {}),
        ("b", "z", {}),
        ("b", "y", {}),
        ("z", "outside", {}),
    ]
    same = Identity(shape=(3,))
    graph = Graph(
        nodes,
        [
            Projection(name=f"{s}-{t}", source=s, target=t, **{"map": same, **more})
            for s, t, more in ends
        ],
        name="turns",
        metadata={"n_frames": T},
    ).validate()
    members = {"twice": times_two(), "softmax": softmax(), "z": times_two(batch="N")}
    return SnncFile(float_graph=graph, integer_graph=graph, onnx=members, settings=SETTINGS)


def written(folder: Path, settings: RunSettings = SETTINGS) -> Path:
    """The bundle, and its model beside it."""
    file = replace(turns(), settings=settings)
    model = folder / "turns.snnc"
    save(model, file)
    return write_bundle(
        file.integer_graph, folder / "turns.loihi2", settings=settings, onnx=file.onnx, model=model
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture
def stages(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Its stages.py, as run.py imports it."""
    monkeypatch.syspath_prepend(str(bundle))
    for name in ("stages", "host", "refused"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("stages")
    for name in ("stages", "host", "refused"):
        monkeypatch.setitem(sys.modules, name, sys.modules[name])
    return module


def test_what_is_in_the_folder(bundle: Path, stages: ModuleType) -> None:
    files = {str(f.relative_to(bundle)) for f in bundle.rglob("*") if f.suffix != ".pyc"}
    assert {
        "network_1.py", "weights_1.npz", "network_2.py", "weights_2.npz", "stages.py", "host.npz",
        "host/softmax.onnx", "host/twice.onnx", "host/z.onnx",
    } <= files  # fmt: skip
    assert not {"network.py", "weights.npz"} & files
    order = [getattr(s, "network", getattr(s, "onnx", "")) for s in stages.STAGES]
    assert order == [
        "host/twice.onnx",
        "network_1",
        "host/softmax.onnx",
        "network_2",
        "host/z.onnx",
    ]
    assert (bundle / "requirements.txt").read_text().splitlines()[2:] == ["onnxruntime==1.23.2"]
    readme = (bundle / "README.md").read_text().splitlines()
    for line in (
        "| 2 | network_1.py: 1 population in Lava | in | a |",
        "| 3 | host/softmax.onnx: Softmax | a | softmax |",
        "| 4 | network_2.py: 1 population in Lava | twice, a, softmax | b |",
        "- `raw`: shape (samples, 3), float32: the model's data as it is; the host reads it",
        "The model's output `outside` is `reals/z`.",
    ):
        assert line in readme
    assert is_bundle(bundle)
    check_same(read_bundle(bundle), turns().integer_graph, turns().onnx)
    with pytest.raises(DamagedFile, match=r"host/z\.onnx: is not what this snnc writes"):
        check_same(read_bundle(bundle), turns().integer_graph, {**turns().onnx, "z": softmax()})


def test_the_hosts_arithmetic(stages: ModuleType, bundle: Path) -> None:
    """What host.py computes, against numpy."""
    counts = np.array([[3, -1, 2], [0, 2, -1]])
    integers: dict[str, Array] = {"a": counts, "b": counts}
    reals: dict[str, Array] = {"raw": np.array([[0.1, 0.45, -0.75]] * 2, np.float32)}
    for stage in stages.STAGES:
        if hasattr(stage, "onnx"):
            stage.compute(bundle, integers, reals)
    read = np.stack([counts[:, 2] * 1.5, counts[:, 0] * 0, counts[:, 0] * 0.5], axis=1)
    e = np.exp(read - read.max(axis=1, keepdims=True))
    wanted = np.rint(e / e.sum(axis=1, keepdims=True) / (np.array([0.5, 0.25, 1.5]) / 64))
    assert np.array_equal(integers["softmax"], wanted)
    assert integers["twice"].tolist() == [[1, 3, -5]] * 2  # 0.2, 0.9, -1.5 in steps of 0.3
    assert np.array_equal(reals["z"], counts * 0.125 * 2)
    assert "z" not in integers


def test_states_and_rates_are_refused(tmp_path: Path) -> None:
    file = turns()
    with pytest.raises(UnsupportedByTarget, match="only when all ticks are over"):
        write_bundle(
            file.integer_graph,
            tmp_path / "b",
            settings=RunSettings("rate", rate=Rate(ticks=8)),
            onnx=file.onnx,
        )
    nodes = [
        replace(n, states=(("x", "y"),)) if isinstance(n, HostOp) and n.name == "twice" else n
        for n in file.integer_graph.nodes.values()
    ]
    held = file.integer_graph.replace(nodes=nodes)
    with pytest.raises(UnsupportedByTarget, match="keeps x from frame to frame"):
        write_bundle(held, tmp_path / "b", onnx=file.onnx)
    with pytest.raises(DamagedFile, match="host part `softmax` is missing"):
        write_bundle(file.integer_graph, tmp_path / "b", onnx={"twice": times_two()})


def expected(bundle: Path) -> RunResult:
    return run(bundle.with_suffix(".snnc"), DATA, engine="event", counts=True)


def run_alone(
    python: Path, bundle: Path, arrays: dict[str, Array]
) -> subprocess.CompletedProcess[str]:
    inputs = bundle.parent / "inputs.npz"
    np.savez(inputs, **arrays)  # type: ignore[arg-type]
    command: list[str | Path] = [
        python,
        bundle / "run.py",
        inputs,
        "-o",
        bundle.parent / "results.npz",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def assert_same(bundle: Path, wanted: RunResult) -> None:
    """Counts, events and real outputs of results.npz."""
    assert wanted.counts is not None
    with np.load(bundle.parent / "results.npz") as found:
        for name, counts in wanted.counts.items():
            assert np.array_equal(found[f"counts/{name}"], counts), name
            if name in ("a", "b"):
                assert len(found[f"events/{name}"]) == wanted.node_counters[name].events
                assert found[f"events/{name}"][:, 0].max() < wanted.n_ticks * N
        if "reals/z" in found.files:
            assert np.array_equal(found["reals/z"], wanted.extra_outputs["outside"])
    assert wanted.counts["softmax"].any()


def counts_in() -> Array:
    return np.rint(DATA["in"] / 0.25).astype(int)


@pytest.fixture
def with_onnxruntime(lava: Environment) -> Environment:
    if "onnxruntime" not in lava.versions:
        missing("lava-onnxruntime", "the Lava environment has no onnxruntime (targets setup)")
    return lava


@pytest.mark.lava
class TestRealLava:
    """run.py and the engine."""

    def test_without_onnxruntime_it_says_so(self, lava: Environment, bundle: Path) -> None:
        (bundle / "onnxruntime.py").write_text("raise ImportError('gone')")
        done = run_alone(lava.python, bundle, {"in": counts_in(), "raw": DATA["raw"]})
        assert done.returncode == 5
        assert done.stderr == (
            "error: the host computes a subgraph with onnxruntime, which cannot be imported "
            "(ImportError): pip install onnxruntime==1.23.2\n"
        )
        done = run_alone(lava.python, bundle, {"in": counts_in()})
        assert done.stderr == "error: the inputs lack `raw`, which the host reads\n"

    def test_the_engine_goes_stage_by_stage(self, lava: Environment, bundle: Path) -> None:
        wanted, found = expected(bundle), run(bundle, DATA, counts=True)
        assert found.engine == "lava"
        assert wanted.counts is not None
        assert found.counts is not None
        for name, counts in wanted.counts.items():
            assert np.array_equal(found.counts[name], counts), name
        assert found.counters == wanted.counters
        assert np.array_equal(found.outputs, wanted.outputs)

    @pytest.mark.parametrize(
        "settings",
        [
            SETTINGS,
            pytest.param(RunSettings("burst"), marks=pytest.mark.slow),
            pytest.param(RunSettings("delta"), marks=pytest.mark.slow),
            pytest.param(RunSettings("burst", "pipelined"), marks=pytest.mark.slow),
        ],
        ids=str,
    )
    def test_it_runs_alone(
        self, with_onnxruntime: Environment, tmp_path: Path, settings: RunSettings
    ) -> None:
        bundle = written(tmp_path, settings)
        done = run_alone(with_onnxruntime.python, bundle, {"in": counts_in(), "raw": DATA["raw"]})
        assert done.returncode == 0, done.stderr
        assert_same(bundle, expected(bundle))
