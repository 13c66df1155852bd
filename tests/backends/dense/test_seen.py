"""Counting outside of the graph: both ways against loops over every neuron."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.conformance import differences
from snnc.backends.dense import DenseEngine, program, tallies
from snnc.backends.dense.builder import DType
from snnc.backends.dense.counting import Inside
from snnc.backends.dense.seen import ALIGNMENT, Seen, Tray, fits, labels_of
from snnc.backends.dense.tallies import Tallies
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.codes import Code, RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Output, Population

ROWS = 5


def node(
    name: str,
    shape: Shape,
    dtype: DType,
    matrix: IntArray,
    masks: list[IntArray | None],
    largest: int = 4,
) -> Seen:
    labels, weights = labels_of(matrix, shape)
    return Seen(name, dtype, shape, labels, weights, tuple(masks), bool(masks), largest)


def by_loops(x: IntArray, matrix: IntArray, masks: list[IntArray | None]) -> list[list[int]]:
    """Payloads; events of all rows; events of the rows whose masked payloads are small."""
    rows = [[int(k) for k in row] for row in x]
    choices = [rows]
    for mask in masks:
        taken = range(x.shape[1]) if mask is None else mask.tolist()
        choices.append([row for row in rows if all(abs(row[i]) <= 1 for i in taken)])
    columns = [[int(w) for w in column] for column in matrix.T]

    def total(row: list[int], column: list[int], power: int) -> int:
        return sum(abs(k) ** power * w for k, w in zip(row, column, strict=True) if k)

    found = [[sum(total(row, c, 1) for row in rows) for c in columns]]
    for some in choices if masks else ():
        found.append([sum(total(row, c, 0) for row in some) for c in columns])
    return found


def weights(rng: np.random.Generator, shape: Shape, varies: str, n: int) -> IntArray:
    """(size, n), alike as fan-outs are."""
    alike = {
        "nothing": (1,) * len(shape),
        "neurons": shape,
        "channels": (*(1 for _ in shape[1:]), shape[-1]),
        "positions": (*shape[:-1], 1),
    }[varies]
    each = np.broadcast_to(rng.integers(0, 900, (n, *alike)), (n, *shape))
    return each.reshape(n, -1).T


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    shapes=st.lists(
        st.sampled_from(
            [(1,), (7,), (60,), (4, 24), (3, 5, 5), (5, 5, 8), (9, 40), (3, 4, 32), ()]
        ),
        min_size=1,
        max_size=4,
    ),
    dtypes=st.lists(st.sampled_from(["u1", "f4"]), min_size=4, max_size=4),
    varies=st.sampled_from(["nothing", "neurons", "channels", "positions"]),
    masked=st.sampled_from([0, 1, 2]),
    largest=st.sampled_from([1, 4, 100, 255]),
    seed=st.integers(0, 99),
    n_rows=st.sampled_from([1, ROWS]),
)
def test_both_ways_count_what_loops_count(
    shapes: list[Shape], dtypes: list[DType], varies: str, masked: int, largest: int, seed: int,
    n_rows: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    seen, expected, values, n_results = [], list[list[int]](), {}, 0
    firsts = []
    for n, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=False)):
        size = int(np.prod(shape))
        matrix = weights(rng, shape, varies, 2) if shape else rng.integers(0, 9, (1, 2))
        masks: list[IntArray | None] = [None, np.flatnonzero(rng.random(size) < 0.3)][:masked]
        seen.append(node(f"n{n}", shape, dtype, matrix, masks, largest))
        low = -largest if dtype == "f4" else 0
        x = rng.integers(low, largest + 1, (n_rows, size))
        x[1:2] = np.clip(x[1:2], -1, 1)  # one row is small everywhere, one where it is looked at
        if masked == 2:
            x[2:3, masks[1]] = 0
        values[f"n{n}"] = x
        counted = by_loops(x, matrix, masks)
        firsts.append(n_results)
        n_results += len(counted) * 2
        expected += counted
    tray = Tray(seen, n_rows)
    tray.fill({name: x.reshape(n_rows, -1) for name, x in values.items()})
    both = Tallies(seen, firsts, 1)
    ways = [
        both._add_in_numpy,
        tallies.compiled(seen, firsts, 1),
        tallies.compiled(seen, firsts, 3),
    ]
    for add in ways:
        results = np.zeros(n_results, dtype=np.int64)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tallies, "WORTH_THREADS", 0)
            add(tray, results)
            add(tray, results)  # results add up
        assert results.tolist() == [2 * k for row in expected for k in row]


@pytest.mark.parametrize("n_rows", [1, 3])
def test_large_values_pass_32_bits(n_rows: int) -> None:
    """300 neurons at ±2^24 come to 5 * 10^9; parts of them are added in 32 bits."""
    largest = 2**24
    x = np.where(np.arange(n_rows * 300).reshape(n_rows, 300) % 7, largest, -largest)
    x[:, 5] = 0
    seen = node("n", (300,), "f4", np.ones((300, 1), dtype=np.int64), [None], largest)
    tray, results = Tray([seen], n_rows), np.zeros(3, dtype=np.int64)
    tray.fill({"n": x})
    tallies.compiled([seen], [0], 1)(tray, results)
    assert results.tolist() == [n_rows * 299 * largest, n_rows * 299, 0]


@pytest.mark.parametrize(
    ("shape", "varies", "largest", "grouped"),
    [
        ((9, 40), "channels", 4, True),
        ((9, 40), "neurons", 4, False),  # positions differ
        ((9, 40), "channels", 255, False),  # two of them pass a byte
        ((40, 9), "channels", 4, False),  # a vector holds three of them
    ],
)
def test_positions_are_added_in_bytes_where_that_pays(
    shape: Shape, varies: str, largest: int, grouped: bool
) -> None:
    matrix = weights(np.random.default_rng(0), shape, varies, 2)
    assert tallies.in_groups(node("n", shape, "u1", matrix, [], largest)) == grouped


def test_nodes_are_shared_out_by_size() -> None:
    assert tallies.shared_out([5, 90, 40, 50, 1], 2) == [[0, 1], [2, 3, 4]]
    assert tallies.shared_out([7], 3) == [[0], [], []]


def test_labels_are_as_few_as_weights_allow() -> None:
    """One run; runs of a row's inside and borders; positions times channels; each neuron."""
    ones = np.ones((8 * 32 * 32, 1), dtype=np.int64)
    uniform, weight = labels_of(ones, (8, 32, 32))
    assert (uniform.n_sums, uniform.n, weight.tolist()) == (1, 1, [[1]])
    taps = np.full(32, 3)
    taps[[0, -1]] = 2
    grid = np.multiply.outer(taps, taps)
    by_place = np.repeat(grid.reshape(-1), 64)[:, None]
    in_runs, _ = labels_of(by_place, (32, 32, 64))
    assert in_runs.runs is not None
    assert in_runs.n_sums == 3  # 4, 6 and 9 taps
    by_both = (grid[..., None] * np.arange(1, 65)).reshape(-1, 1)
    by_position, weight = labels_of(by_both, (32, 32, 64))
    assert by_position.runs is None
    assert by_position.n_sums == 2 * 32 * 64  # rows at the border, and those between
    each, _ = labels_of(np.arange(300)[:, None], (300,))
    assert (each.n, each.n_sums) == (1, 300)
    for labels in (uniform, in_runs, by_position, each):
        assert labels.add(np.ones(labels_size(labels), dtype=np.int64)).sum() == labels_size(labels)


def labels_size(labels: object) -> int:
    runs, positions, channels = labels.runs, labels.positions, labels.channels  # type: ignore[attr-defined]
    return int(runs[-1, 1]) if runs is not None else len(positions) * channels


def test_sums_of_bytes_that_could_pass_int32_are_taken_elsewhere() -> None:
    assert fits("u1", 255, 2**20, 8)
    assert not fits("u1", 255, 2**20, 9)
    assert fits("f4", 2**24, 2**30, 128)
    assert not fits("f8", 1, 1, 1)


def test_tensors_begin_at_lines_of_the_cache() -> None:
    matrix = np.ones((5, 1), dtype=np.int64)
    seen = [node(name, (5,), "u1", matrix, []) for name in "abc"]
    tray = Tray(seen, 3)
    assert [view.ctypes.data % ALIGNMENT for view in tray.views.values()] == [0, 0, 0]
    assert tray.starts(("a", "b", "c")).tolist() == [0, ALIGNMENT, 2 * ALIGNMENT]


def residual(hi: int) -> Graph:
    """A stream of bytes and float32, both counted."""
    rng = np.random.default_rng(0)
    shape = (4, 6, 6)
    conv = Conv(
        weight=rng.integers(-2, 3, (4, 4, 3, 3)),
        in_shape=shape,
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    fire = IntegerFire(lo=0, thresholds=np.array([[4, 12, 20]]))
    nodes = [
        Input(name="x", shape=shape, lo=0, hi=hi),
        Population(name="a", shape=shape, model=fire),
        Population(name="s", shape=shape, model=Accumulator()),
        Population(name="b", shape=shape, model=fire),
        Population(name="y", shape=(5,), model=Accumulator()),
        Output(name="out", shape=(5,)),
    ]
    dense = Dense(weight=rng.integers(-9, 9, (5, 144)))
    projections = [
        Projection(name="xa", source="x", target="a", map=conv),
        Projection(name="xs", source="x", target="s", map=Identity(shape=shape)),
        Projection(name="as", source="a", target="s", map=conv),
        Projection(name="sb", source="s", target="b", map=Identity(shape=shape)),
        Projection(name="by", source="b", target="y", map=dense),
        Projection(name="read", source="y", target="out", map=Identity(shape=(5,))),
    ]
    return Graph(nodes, projections)


@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
@pytest.mark.parametrize("hi", [1, 7, 300])
def test_inside_and_outside_count_alike(
    code: Code, hi: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = residual(hi)
    x = np.random.default_rng(1).integers(0, hi + 1, (5, 3, 4, 6, 6))
    x[2] = np.minimum(x[2], 1)
    results, kinds = [], []
    for most, patience in ((program.MOST_SEEN, 1e9), (program.MOST_SEEN, -1.0), (0, 1e9)):
        monkeypatch.setattr(program, "MOST_SEEN", most)
        monkeypatch.setattr(tallies, "PATIENCE", patience)
        monkeypatch.setattr(tallies, "COMPILER", "no such module")
        session = DenseEngine(threads=1, batch=2).prepare(graph, RunSettings(code), n_frames=3)
        results.append(session.run({"x": x}))
        kinds.append([isinstance(t.where, Inside) for t in session.program.tallies])
        assert (session._tallies._compiled is not None) == (patience < 0)
    assert not any(kinds[0])
    assert all(kinds[2])
    assert not differences(results[0], results[1])
    assert not differences(results[0], results[2])


def test_numba_is_not_loaded_for_a_few_rows() -> None:
    """A short run starts without it."""
    code = (
        "import sys, numpy as np\n"
        "from tests.backends.dense.test_seen import residual\n"
        "from snnc.backends.dense import DenseEngine\n"
        "from snnc.ir.codes import RunSettings\n"
        "session = DenseEngine(threads=1).prepare(residual(7), RunSettings('graded'))\n"
        "session.run({'x': np.ones((3, 1, 4, 6, 6), dtype=np.int64)})\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
