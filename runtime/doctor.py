"""Is this installation sound? Versions, the Lava environment, and a self-test of the engines."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.ir.errors import SnncError
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.runtime.listing import lava_environment

PACKAGES = (
    "snnc",
    "numpy",
    "safetensors",
    "numba",
    "onnx",
    "onnxruntime",
    "torch",
    "onnxscript",
    "plotly",
    "matplotlib",
    "scikit-learn",
)
_REFERENCE = "oracle"
_TESTED = ("event", "dense")
_RECORDED = ("hidden", "scores")
_SETTINGS = (RunSettings(code="graded"), RunSettings(code="burst", schedule="pipelined"))


@dataclass(frozen=True)
class SelfTest:
    """One engine against the oracle on a small network.

    Attributes:
        name: engine and settings.
        ok: all counts equal.
        detail: what was compared, or what went wrong.
    """

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What `snnc doctor` found.

    Attributes:
        ok: everything that is needed works; optional packages may be missing.
        versions: by package; None: not installed.
        lava: `ready`, `environment` and a `note`.
        costs: constants of the event engine's choice between its kernels: `source` (`measured` or
            `shipped`), `measured` (when), `note`, `path`, `picoseconds`.
        self_tests: engines against the oracle.
    """

    ok: bool
    versions: dict[str, str | None]
    lava: dict[str, Any]
    costs: dict[str, Any]
    self_tests: tuple[SelfTest, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc doctor --json`."""
        return {**asdict(self), "self_tests": [asdict(test) for test in self.self_tests]}


def doctor(*, measure_costs: bool = False) -> Diagnosis:
    """Look at the installation and run the self-tests.

    Args:
        measure_costs: measure again by which constants the event engine chooses its kernels.
    """
    tests = tuple(_self_test(name, settings) for name in _TESTED for settings in _SETTINGS)
    versions = {"python": platform.python_version(), **{p: _version(p) for p in PACKAGES}}
    return Diagnosis(
        ok=all(test.ok for test in tests),
        versions=versions,
        lava=_lava(),
        costs=_costs(measure_costs),
        self_tests=tests,
    )


def tiny_graph() -> Graph:
    """A convolution that fires and a dense readout, with weights that are not symmetric."""
    rng = np.random.default_rng(0)
    conv = Conv(
        weight=rng.integers(-7, 8, (3, 1, 3, 3)),
        in_shape=(1, 5, 5),
        stride=(2, 2),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
        groups=1,
    )
    dense = Dense(weight=rng.integers(-7, 8, (4, conv.out_size)))
    hidden = IntegerFire(lo=0, thresholds=np.array([[2, 9, 16, 23]]))
    return Graph(
        nodes=[
            Input(name="x", shape=(1, 5, 5), dtype="uint8", lo=0, hi=4),
            Population(name="hidden", shape=conv.out_shape, model=hidden, bias=np.array([0, 1, 2])),
            Population(name="scores", shape=(4,), model=Accumulator()),
            Output(name="y", shape=(4,)),
        ],
        projections=[
            Projection(name="conv", source="x", target="hidden", map=conv),
            Projection(name="dense", source="hidden", target="scores", map=dense),
            Projection(
                name="read",
                source="scores",
                target="y",
                map=Identity(shape=(4,), weight=np.array(1), channel_axis=0),
            ),
        ],
        name="self-test",
    ).validate()


def _self_test(name: str, settings: RunSettings) -> SelfTest:
    label = f"{name}, {settings.code}, {settings.schedule}"
    start = time.perf_counter()
    try:
        n_values, n_wrong = _compare(name, settings)
    except SnncError as error:
        return SelfTest(label, ok=False, detail=str(error))
    seconds = time.perf_counter() - start
    detail = f"{n_values} values, {n_wrong} differ from the {_REFERENCE} ({seconds:.2f} s)"
    return SelfTest(label, ok=not n_wrong, detail=detail)


def _compare(name: str, settings: RunSettings) -> tuple[int, int]:
    graph = tiny_graph()
    feeds = {"x": np.random.default_rng(1).integers(0, 5, (8, 1, 1, 5, 5))}
    expected, found = (
        get_engine(engine).prepare(graph, settings).run(feeds, record=_RECORDED).counts
        for engine in (_REFERENCE, name)
    )
    n_wrong = sum(int((found[node] != values).sum()) for node, values in expected.items())
    return sum(values.size for values in expected.values()), n_wrong


def _costs(measure: bool) -> dict[str, Any]:
    from snnc.backends.event.constants import constants, measure_costs

    return (measure_costs() if measure else constants()).to_json()


def _lava() -> dict[str, Any]:
    place = lava_environment()
    note = f"ready: {place}" if place else "not set up (optional): snnc targets setup loihi"
    return {"ready": place is not None, "environment": place and str(place), "note": note}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
