"""Importing snnc and asking it for help stays light, and modules have one name only."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import snnc
from tests import needs

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "onnx",
    "onnxruntime",
    "numba",
    "onnxscript",
    "plotly",
    "matplotlib",
    "hypothesis",
)
BARE = ("ir", "converter", "backends", "runtime", "cli")

REPORT_LOADED = f"""
import sys
loaded = [name for name in {HEAVY + BARE!r} if name in sys.modules]
print("loaded:" + ",".join(loaded))
"""


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import snnc",
        "import snnc.nn",
        "import snnc.ir.graph, snnc.ir.neurons, snnc.ir.maps",
        "import snnc; snnc.SnncError; dir(snnc)",
        "import snnc; snnc.nn; dir(snnc.nn)",
        "import snnc.backends.registry",
    ],
)
def test_imports_are_light(code: str) -> None:
    assert run_python(code + REPORT_LOADED) == "loaded:\n"


def test_help_is_light() -> None:
    code = (
        "import sys\n"
        "from snnc.cli.main import main\n"
        "sys.argv = ['snnc', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert run_python(code + REPORT_LOADED).splitlines()[-1] == "loaded:"


def test_no_module_is_loaded_under_a_bare_folder_name() -> None:
    bare = [name for name in sys.modules if name.partition(".")[0] in BARE]
    assert bare == []


@pytest.mark.parametrize("name", [n for n in snnc.__all__ if n not in ("__version__", "nn")])
def test_every_name_of_the_face_is_there(name: str) -> None:
    assert getattr(snnc, name).__name__ == name
    assert name in dir(snnc)


def test_layers_for_training_need_no_import_of_their_own() -> None:
    code = "import snnc, sys\nassert 'nn' in dir(snnc)\nprint(snnc.nn.IntegerActivation.__name__)"
    needs.module("torch")
    assert run_python(code) == "IntegerActivation\n"


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'convrt'"):
        snnc.convrt  # noqa: B018


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    files = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, files):
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_file():
            target.write_bytes(source.read_bytes())
    build_wheel(copy, folder)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def build_wheel(checkout: Path, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
         str(checkout), "-w", str(folder)],
        check=True, timeout=300,
    )  # fmt: skip


@pytest.mark.slow
def test_wheel_holds_snnc_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {name.partition("/")[0] for name in names} == {
        "snnc",
        f"snnc-{snnc.__version__}.dist-info",
    }
    assert all(f"snnc/{folder}/__init__.py" in names for folder in BARE)
    assert "snnc/py.typed" in names
    assert "snnc/backends/chips/loihi1.toml" in names


@pytest.mark.slow
def test_checkout_without_links_does_not_build(tmp_path: Path) -> None:
    """What Git leaves where symbolic links are off: small text files in place of the folders."""
    package = tmp_path / "src" / "snnc"
    package.mkdir(parents=True)
    for folder in BARE:
        (package / folder).write_text(f"../../{folder}")
    (package / "__init__.py").write_text((ROOT / "src/snnc/__init__.py").read_text())
    (tmp_path / "setup.py").write_text((ROOT / "setup.py").read_text())
    done = subprocess.run(
        [sys.executable, "setup.py", "bdist_wheel"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "should be symbolic links" in done.stderr
    assert not list(tmp_path.rglob("*.whl"))
