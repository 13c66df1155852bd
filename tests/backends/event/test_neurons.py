"""Latches, against plain Python."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from snnc.ir.codes import Code
from snnc.ir.maps import Identity, SumPool
from snnc.ir.neurons import FixedIntegrateFire, IntegerFire, Max
from tests.backends.event.nets import MODES, one_layer

EDGES = np.iinfo(np.int64)


def staircase(i: Any, lo: Any, thresholds: Any) -> int:
    return lo + sum(i >= int(t) for t in thresholds)


@pytest.mark.parametrize("n_levels", [0, 1, 4, 15, 16, 40])
@pytest.mark.parametrize("n_channels", [1, 7, 8, 20])
def test_staircases(n_channels: int, n_levels: int) -> None:
    """Few levels by blocks of 32 neurons, many by search; ties included."""
    rng = np.random.default_rng(n_levels)
    thresholds = np.sort(rng.integers(-20, 20, (n_channels, n_levels)), axis=1)
    shape = (n_channels, 3, 2)
    model = IntegerFire(lo=-2, thresholds=thresholds)
    session = one_layer(Identity(shape=shape), lo=-25, hi=25, model=model, bias=1)
    x = rng.integers(-25, 26, (3, 1, *shape))
    got = session.run({"x": x}).counts["y"]
    for index in np.ndindex(got.shape):
        assert got[index] == staircase(int(x[index]) + 1, -2, thresholds[index[2]])


@pytest.mark.parametrize("lo", [0, -1, -3, -4, 1])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("n_channels", "n_pixels"), [(1, 31), (3, 64), (16, 9), (33, 5), (40, 1)])
def test_silent_blocks(n_channels: int, n_pixels: int, axis: int, wide: bool, lo: int) -> None:
    """Neurons of whole blocks count 0, some do not; lo = 1 knows no 0. Thresholds differ."""
    rng = np.random.default_rng(n_channels)
    shape = (n_channels, n_pixels)
    # 0 lies between the thresholds of -lo and of 1 - lo
    steps = np.array([-9, -6, -3, 3, 6, 9])[3 + lo :][:3] if lo >= -3 else np.array([-9, -7, -5])
    thresholds = steps + rng.integers(0, 2, (shape[axis], 1))
    scale = 2**32 if wide else 1
    model = IntegerFire(lo=lo, thresholds=thresholds * scale)
    session = one_layer(
        Identity(shape=shape), lo=-12 * scale, hi=12 * scale, model=model, channel_axis=axis
    )
    x = rng.integers(-12, 13, (4, 1, *shape)) * (rng.random((4, 1, *shape)) < 0.03)
    x[3] = 0
    got = session.run({"x": x * scale})
    again = session.run({"x": x * scale})  # what the first run left has gone to rest
    for index in np.ndindex(got.counts["y"].shape):
        own = thresholds[index[2 + axis]]
        assert got.counts["y"][index] == staircase(int(x[index]), lo, own)
    assert (again.counts["y"] == got.counts["y"]).all()
    assert got.node_counters["y"].events == np.count_nonzero(got.counts["y"])


def test_unreachable_and_always_reached_levels() -> None:
    thresholds = np.array([[EDGES.min, EDGES.min, 3, EDGES.max]])
    model = IntegerFire(lo=0, thresholds=thresholds)
    session = one_layer(Identity(shape=(9, 1)), lo=-5, hi=5, model=model)
    x = np.array([-5, -1, 0, 1, 2, 3, 4, 5, 5]).reshape(1, 1, 9, 1)
    assert session.run({"x": x}).counts["y"].ravel().tolist() == [2, 2, 2, 2, 2, 3, 3, 3, 3]


def test_thresholds_along_another_axis_than_memory() -> None:
    """Channel last in the shape, channel first in the pool that writes it."""
    pool = SumPool(in_shape=(2, 12), kernel=(1,), stride=(1,), padding=((0, 0),))
    thresholds = np.array([[1], [2], [3]])
    model = IntegerFire(lo=0, thresholds=thresholds)
    session = one_layer(pool, lo=0, hi=3, target=(8, 3), model=model, channel_axis=1)
    x = np.random.default_rng(0).integers(0, 4, (2, 1, 2, 12))
    got = session.run({"x": x}).counts["y"]
    assert (got == (x.reshape(2, 1, 8, 3) >= thresholds.ravel())).all()


def leak(v: Any, multiplier: Any, shift: Any) -> int:
    kept = (abs(v) * multiplier) >> shift
    return kept if v >= 0 else -kept


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("leaky", [False, True])
def test_membranes_across_frames(
    leaky: Any, strict: Any, reset: Any, schedule: Any, mode: Any
) -> None:
    threshold = np.array([3, 5])
    leak_of: dict[str, Any] = {"leak_multiplier": np.array(5), "leak_shift": 3} if leaky else {}
    model = FixedIntegrateFire.binary(threshold, reset=reset, strict=strict, **leak_of)
    session = one_layer(
        Identity(shape=(2, 4)), lo=-4, hi=4, model=model, schedule=schedule, n_frames=7, mode=mode
    )
    x = np.random.default_rng(7).integers(-3, 5, (3, 7, 2, 4))
    got = session.run({"x": x}).counts["y"]
    for sample, c, n in np.ndindex(3, 2, 4):
        v = 0
        for frame in range(7):
            v = (leak(v, 5, 3) if leaky else v) + int(x[sample, frame, c, n])
            fires = v > threshold[c] or (v == threshold[c] and not strict)
            assert got[sample, frame, c, n] == fires
            if fires:
                v = 0 if reset == "zero" else v - int(threshold[c])


@dataclass(frozen=True, kw_only=True, eq=False)
class Counting(FixedIntegrateFire):
    """As its parent, but emits the number of frames since the sample's start where it fires."""

    kind: ClassVar[str] = "test-counting"

    def initial_state(self, shape: Any) -> Any:
        return {**super().initial_state(shape), "n": np.zeros(1, dtype=np.int64)}

    def count_range(self, shape: Any, axis: int) -> tuple[int, int]:
        return 0, 3

    def latch(self, i: Any, state: Any, axis: Any) -> Any:
        k, after = super().latch(i, {"v": state["v"]}, axis)
        n = state["n"] + 1
        return k * n, {**after, "n": n}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", ["burst", "graded"])
def test_a_model_without_a_kernel_runs_its_own(code: Code, mode: str) -> None:
    session = one_layer(
        Identity(shape=(3,)), lo=0, hi=4, model=Counting.binary(4), n_frames=3,
        code=code, mode=mode,
    )  # fmt: skip
    assert session.kernels == {"event", "numpy"}
    x = np.array([[[4, 1, 2], [0, 3, 1], [4, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 4, 4]]])
    got = session.run({"x": x}).counts["y"]
    assert got.tolist() == [[[1, 0, 0], [0, 2, 0], [3, 0, 0]], [[0] * 3, [0] * 3, [0, 3, 3]]]
    trace = session.trace({"x": x[:1]}, membranes=True)
    spikes = trace.payload[trace.population == 1]
    assert spikes.sum() == 6
    assert len(spikes) == {"burst": 6, "graded": 3}[code]


def test_compiled_models_share_no_kernel_with_numpy() -> None:
    session = one_layer(
        Identity(shape=(3,)), lo=0, hi=4, model=FixedIntegrateFire.binary(np.array(4))
    )
    assert session.kernels == {"event"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", ["burst", "graded"])
@pytest.mark.parametrize("reordered", [False, True])
def test_maximum(code: Code, mode: str, reordered: bool) -> None:
    """An absent input is 0: a negative maximum needs every existing input to be negative."""
    pool = SumPool(in_shape=(2, 5), kernel=(2,), stride=(2,), padding=((0, 1),))
    gather = np.arange(10)[::-1].copy() if reordered else None
    session = one_layer(pool, lo=-3, hi=3, model=Max(), code=code, mode=mode, gather=gather)
    x = np.array([[[[-3, -2, 0, -1, -3], [3, -1, 2, 2, 0]]]])
    feed = x[..., ::-1, ::-1].copy() if reordered else x
    result = session.run({"x": feed})
    assert result.counts["y"].tolist() == [[[[-2, 0, -3], [3, 2, 0]]]]
    n_events = np.abs(x).sum() if code == "burst" else np.count_nonzero(x)
    assert result.node_counters["y"].max_pool_inputs == n_events
    assert result.counters["w"].synaptic_events == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", ["burst", "graded"])
def test_maxima_of_many_neurons(code: Code, mode: str) -> None:
    """Windows that overlap; most neurons of a frame hear nothing."""
    pool = SumPool(in_shape=(5, 9, 9), kernel=(3, 3), stride=(2, 2), padding=((1, 0), (0, 1)))
    session = one_layer(pool, lo=-3, hi=3, model=Max(), code=code, mode=mode)
    rng = np.random.default_rng(4)
    x = rng.integers(-3, 4, (5, 1, 5, 9, 9))
    x[1:] *= rng.random((4, 1, 5, 9, 9)) < np.array([0.5, 0.1, 0.01, 0]).reshape(4, 1, 1, 1, 1)
    x[0] = -abs(x[0]) - (x[0] == 0)
    got = session.run({"x": x}).counts["y"]
    padded = np.pad(x[:, 0].astype(float), [(0, 0)] * 2 + [(1, 0), (0, 1)], constant_values=-np.inf)
    for index in np.ndindex(5, 5, 4, 4):
        sample, c, i, j = index
        window = padded[sample, c, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        assert got[sample, 0, c, i, j] == window.max()
