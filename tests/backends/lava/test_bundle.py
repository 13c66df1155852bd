"""The folder: what is in it, that it runs by itself, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from snnc.backends.lava.bundle import check_same, is_bundle, read_bundle, write_bundle
from snnc.backends.lava.environment import Environment
from snnc.backends.lava.limits import LOIHI1
from snnc.backends.registry import get_engine
from snnc.converter.chip import for_chip
from snnc.ir.codes import RunSettings
from snnc.ir.errors import BadInputFile, DamagedFile, NewerFile, OutputExists, UnsupportedByTarget
from tests.backends.lava.graphs import feeds_for, mlp, odd_net, residual_conv_net, two_nets


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    model = tmp_path / "net.snnc"
    model.write_bytes(b"a model")
    return write_bundle(mlp(4), tmp_path / "net.loihi2", settings=RunSettings("burst"), model=model)


def test_contents(bundle: Path) -> None:
    files = sorted(str(f.relative_to(bundle)) for f in bundle.rglob("*") if f.is_file())
    assert [f for f in files if not f.startswith("processes/")] == [
        "README.md", "files.py", "host.py", "manifest.json", "model.snnc", "network.py",
        "refused.py", "requirements.txt", "run.py", "synapses.py", "weights.npz",
    ]  # fmt: skip
    assert (bundle / "model.snnc").read_bytes() == b"a model"
    assert [f.name for f in bundle.parent.iterdir() if f.name.startswith(".")] == []
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["target"] == "loihi2"
    assert manifest["settings"] == {"code": "burst", "schedule": "sequential"}
    assert set(manifest["files"]) == {*files} - {"manifest.json"}
    digest = hashlib.sha256((bundle / "network.py").read_bytes()).hexdigest()
    assert manifest["files"]["network.py"] == digest


def test_readme_has_the_numbers(bundle: Path) -> None:
    text = (bundle / "README.md").read_text()
    for line in (
        "| ticks of one frame's counts | 4 |",
        "| ticks from input to output | 16 |",  # four windows
        "| neurons | 21 in 3 populations |",
        "| synapses | 224 in 3 projections |",  # 12 * 10 + 10 * 8 + 8 * 3
        "| longest delay | 0 ticks (loihi2: 62) |",
        "- `x`: shape (samples, 12), integer counts 0 to 4: the model's data divided by 1.0, "
        "rounded half to even",
        "The model's output `output logits` is `counts/logits` times 1.0.",
        "| hidden.0 | hidden.1 | dense | 80 | 8 | 0 |",
        "| hidden.0 | integer-fire | 10 | 10 | counts 0 to 4 | 4 |",
    ):
        assert line in text.splitlines()
    assert "np.savez(\"inputs.npz\", **{'x': np.zeros((1, 12), dtype='int32')})" in text
    assert (bundle / "requirements.txt").read_text() == "lava-nc==0.10.0\nnumpy<2\n"


def test_parts_of_signed_inputs_are_explained(tmp_path: Path) -> None:
    """Spikes of Loihi 1 have no sign: whoever runs the folder splits the data."""
    graph, _ = for_chip(two_nets(), LOIHI1, RunSettings("burst"))
    folder = write_bundle(graph, tmp_path / "b", target="loihi1", settings=RunSettings("burst"))
    lines = (folder / "README.md").read_text().splitlines()
    assert (
        "- `in a.negative`: shape (samples, 3), integer counts 0 to 2: max(-q, 0), the negative "
        "part of q, the model's data divided by 1.0, rounded half to even (`in a`)"
    ) in lines


def test_network_leaves_out_what_is_usual(tmp_path: Path) -> None:
    text = (write_bundle(odd_net(), tmp_path / "odd") / "network.py").read_text()
    neuron = text[text.index("    lif = IntegrateAndFire(") : text.index("    x_lif_1 = ")]
    assert neuron.splitlines() == [
        "    lif = IntegrateAndFire(",
        '        name="lif",',
        "        shape=(3, 4),",
        '        thresholds=w["lif.thresholds"],',
        "        lo=0,",
        '        reset="zero",',
        '        reset_step=w["lif.reset_step"],',
        "        leak_multiplier=3000,",
        "        leak_shift=12,",
        "        frames_per_sample=frames_per_sample,",
        '        bias=w["lif.bias"],',
        '        start=START["lif"],',
        "        window=WINDOW,",
        "        period=PERIOD,",
        "        code=GRADED,",
        "    )",
    ]


def test_read_back(bundle: Path) -> None:
    info = read_bundle(bundle)
    assert (info.target, info.settings, info.conv) == ("loihi2", RunSettings("burst"), "sparse")
    assert info.graph_hash == mlp(4).content_hash()
    assert info.model == bundle / "model.snnc"
    assert is_bundle(bundle)
    assert not is_bundle(bundle.parent)


def test_equal_graphs_give_equal_bytes(tmp_path: Path) -> None:
    first, second = (write_bundle(residual_conv_net(), tmp_path / name) for name in "ab")
    for file in first.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (second / file.relative_to(first)).read_bytes()


def test_existing_output(bundle: Path) -> None:
    with pytest.raises(OutputExists, match="--force"):
        write_bundle(mlp(1), bundle)
    write_bundle(mlp(1), bundle, force=True)
    assert read_bundle(bundle).graph_hash == mlp(1).content_hash()
    assert not (bundle / "model.snnc").exists()


def test_force_replaces_bundles_only(tmp_path: Path) -> None:
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "letter.txt").write_text("dear")
    with pytest.raises(OutputExists, match="no bundle"):
        write_bundle(mlp(1), precious, force=True)
    assert (precious / "letter.txt").read_text() == "dear"


def test_refusal_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedByTarget):
        write_bundle(residual_conv_net(), tmp_path / "net.loihi1", target="loihi1")
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInputFile, match="cannot write"):
        write_bundle(mlp(1), tmp_path / "none" / "net.loihi2")


@pytest.mark.parametrize("file", ["network.py", "weights.npz", "processes/fire.py"])
def test_changed_file(bundle: Path, file: str) -> None:
    with (bundle / file).open("ab") as stream:
        stream.write(b"#")
    with pytest.raises(DamagedFile, match="not the file that the manifest describes"):
        read_bundle(bundle)


def test_missing_file(bundle: Path) -> None:
    (bundle / "synapses.py").unlink()
    with pytest.raises(DamagedFile, match="missing"):
        read_bundle(bundle)


def test_another_network_under_right_hashes(bundle: Path) -> None:
    info = read_bundle(bundle)
    check_same(info, mlp(4), {})
    with pytest.raises(DamagedFile, match=r"network\.py: is not what this snnc writes"):
        check_same(info, mlp(1), {})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"format_version": 99}, NewerFile, "version 99"),
        ({"format": "zip"}, DamagedFile, "no bundle manifest"),
        ({"files": ["network.py"]}, DamagedFile, "no bundle manifest"),
        ({"files": {"../net.snnc": ""}}, DamagedFile, "outside"),
        ({"target": "abacus"}, DamagedFile, "unknown target"),
    ],
)
def test_hostile_manifest(
    bundle: Path, change: dict[str, object], error: type[Exception], message: str
) -> None:
    path = bundle / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(error, match=message):
        read_bundle(bundle)


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BadInputFile, match=r"no manifest\.json"):
        read_bundle(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DamagedFile):
        read_bundle(tmp_path)


def run_bundle(
    python: Path | str, bundle: Path, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    command = [python, bundle / "run.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_wrong_python_is_one_sentence(bundle: Path) -> None:
    done = run_bundle(sys.executable, bundle, "x.npz", "-o", "y.npz")
    assert done.returncode == 5
    found = sys.version.split()[0]
    assert done.stderr == f"error: Lava 0.10.0 needs Python 3.10, this is Python {found}\n"


@pytest.mark.lava
class TestRun:
    """run.py in the Lava environment, without snnc."""

    def test_runs_alone(self, lava: Environment, bundle: Path, tmp_path: Path) -> None:
        feeds = feeds_for(mlp(4), 3)
        np.savez(tmp_path / "in.npz", x=feeds["x"][:, 0].astype(np.uint8))
        arguments: list[str | Path] = ["run.py", tmp_path / "in.npz", "-o", tmp_path / "out.npz"]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            [lava.python, "-c", _ALONE, *arguments],
            cwd=bundle, env=clean, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        oracle = get_engine("oracle").prepare(mlp(4), RunSettings("burst")).run(feeds)
        with np.load(tmp_path / "out.npz") as results:
            counts = {name: results[f"counts/{name}"] for name in oracle.counts}
            events = results["events/hidden.1"]
        assert {
            name: (counts[name] != k).sum() for name, k in oracle.counts.items()
        } == dict.fromkeys(counts, 0)
        assert len(events) == oracle.node_counters["hidden.1"].events
        assert set(events[:, 2]) == {1}

    def test_lava_looks_for_models_once_for_each_process(
        self, lava: Environment, bundle: Path, tmp_path: Path
    ) -> None:
        """It runs every file of `processes` for that, and by itself once for each file there."""
        log = tmp_path / "log"
        with (bundle / "processes" / "leak.py").open("a") as file:  # no part of this network
            file.write(f"\nwith open({str(log)!r}, 'a') as log:\n    log.write('run ')\n")
        np.savez(tmp_path / "in.npz", x=feeds_for(mlp(4), 1)["x"])
        done = run_bundle(lava.python, bundle, tmp_path / "in.npz", "-o", tmp_path / "out.npz")
        assert (done.returncode, done.stderr) == (0, "")
        # once as we import them; then for four populations and a recorder of each
        assert len(log.read_text().split()) == 1 + 4 + 4

    def test_another_lava(self, lava: Environment, bundle: Path) -> None:
        script = bundle / "run.py"
        text = script.read_text()
        script.write_text(text.replace('LAVA_VERSION = "0.10.0"', 'LAVA_VERSION = "0.9.0"'))
        done = run_bundle(lava.python, bundle, "x.npz", "-o", "y.npz")
        assert done.returncode == 5
        assert done.stderr == "error: this network was written for lava-nc 0.9.0, found 0.10.0\n"

    def test_a_file_of_processes_that_does_not_run(
        self, lava: Environment, bundle: Path, tmp_path: Path
    ) -> None:
        (bundle / "processes" / "mine.py").write_text("import no_such_module")
        np.savez(tmp_path / "in.npz", x=feeds_for(mlp(4), 1)["x"])
        done = run_bundle(lava.python, bundle, tmp_path / "in.npz", "-o", tmp_path / "out.npz")
        assert done.returncode == 3
        assert "Lava cannot start: ModuleNotFoundError: No module named 'no_such_module'" in (
            done.stderr
        )

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"y": np.zeros((1, 12), int)}, "has no array `x`"),
            ({"x": np.zeros((1, 11), int)}, "`x` is"),
            ({"x": np.zeros((0, 12), int)}, "`x` is"),
            ({"x": np.full((1, 12), 5)}, "integers from 0 to 4"),
            ({"x": np.zeros((1, 12))}, "integers from 0 to 4"),
        ],
    )
    def test_unfit_inputs(
        self, lava: Environment, bundle: Path, tmp_path: Path,
        arrays: dict[str, np.ndarray], message: str,
    ) -> None:  # fmt: skip
        np.savez(tmp_path / "in.npz", **arrays)  # type: ignore[arg-type]
        done = run_bundle(lava.python, bundle, tmp_path / "in.npz", "-o", tmp_path / "out.npz")
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_no_input_file(self, lava: Environment, bundle: Path, tmp_path: Path) -> None:
        done = run_bundle(lava.python, bundle, tmp_path / "no.npz", "-o", tmp_path / "out.npz")
        assert (done.returncode, done.stderr[:7]) == (1, "error: ")

    @pytest.mark.parametrize("conv", ["sparse", "conv"])
    def test_matrices_and_arguments_are_lavas(
        self, lava: Environment, tmp_path: Path, conv: str
    ) -> None:
        """Lava swallows unknown keywords silently: every one that we pass must be declared."""
        for graph, name in ((residual_conv_net(), "a"), (odd_net(), "b")):
            folder = write_bundle(graph, tmp_path / name, conv=conv)  # type: ignore[arg-type]
            shapes = {n.name: [1, *n.shape] for n in graph.sources}
            done = subprocess.run(
                [lava.python, "-c", _DECLARED, json.dumps(shapes)],
                cwd=folder, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert done.stdout == "all declared\n"


_ALONE = """
import importlib.util, runpy, sys
assert importlib.util.find_spec("snnc") is None
sys.argv = sys.argv[1:]
try:
    runpy.run_path("run.py", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
packages = {name.split(".")[0] for name in sys.modules}
assert "lava" in packages
assert packages.isdisjoint({"snnc", "onnx", "onnxruntime", "torch"})
"""

_DECLARED = """
import ast, importlib, inspect, json, sys
import numpy as np
import network

shared = {"weight_exp", "num_weight_bits", "sign_mode"}  # read by name in the process models
tree = ast.parse(open("network.py").read())
for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
    if isinstance(call.func, ast.Name) and isinstance(getattr(network, call.func.id, None), type):
        cls = getattr(network, call.func.id)
        if cls.__module__.startswith("lava.proc"):
            known = {*inspect.signature(cls.__init__).parameters}
            if "kwargs" in known:
                models = importlib.import_module(cls.__module__.replace("process", "models"))
                source = inspect.getsource(models)
                known |= {k for k in shared if f'"{k}"' in source}
            assert {k.arg for k in call.keywords} <= known, (call.func.id, known)
network.build({name: np.zeros(shape, int) for name, shape in json.loads(sys.argv[1]).items()})
print("all declared")
"""
