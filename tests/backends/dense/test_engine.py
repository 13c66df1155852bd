"""The dense engine where float32 does not reach, and its counters against hand counts."""

from dataclasses import dataclass
from threading import Thread
from typing import Any, ClassVar

import numpy as np
import pytest

import snnc.backends.dense.maps as dense_maps
from snnc.backends.base import Counters, EngineResult, NodeCounters
from snnc.backends.conformance import differences, evaluate
from snnc.backends.dense import DenseEngine
from snnc.backends.dense.program import compile_graph
from snnc.backends.oracle import OracleEngine
from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.codes import Code, RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.neurons import (
    Accumulator,
    FixedIntegrateFire,
    IntegerFire,
    Max,
    NeuronModel,
    RescaledSum,
    State,
)
from snnc.ir.nodes import Input, Node, Output, Population, Product

RNG_SEED = 7


def network(
    map_: LinearMap,
    model: NeuronModel,
    *,
    lo: int = 0,
    hi: int = 255,
    bias: int | IntArray = 0,
    exponent: int = 0,
    more: tuple[NeuronModel, ...] = (),
) -> Graph:
    """One input, one population, an output; `more` are populations of identities behind it."""
    shape, axis = map_.out_shape, map_.channel_axis % len(map_.out_shape)
    nodes: list[Node] = [
        Input(name="x", shape=map_.in_shape, lo=lo, hi=hi),
        Population(name="p", shape=shape, model=model, bias=np.array(bias), channel_axis=axis),
    ]
    projections = [Projection(name="w", source="x", target="p", map=map_, exponent=exponent)]
    for n, follower in enumerate(more):
        name, source = f"p{n}", nodes[-1].name
        nodes.append(Population(name=name, shape=shape, model=follower, channel_axis=axis))
        projections.append(
            Projection(name=f"i{n}", source=source, target=name, map=Identity(shape=shape))
        )
    nodes.append(Output(name="out", shape=shape))
    last = nodes[-2].name
    projections.append(
        Projection(name="read", source=last, target="out", map=Identity(shape=shape))
    )
    return Graph(nodes, projections)


def conv_map(weight: IntArray, in_shape: Shape) -> Conv:
    n = len(in_shape) - 1
    return Conv(
        weight=weight,
        in_shape=in_shape,
        stride=(1,) * n,
        padding=((1, 1),) * n,
        dilation=(1,) * n,
    )


def check(
    graph: Graph,
    feeds: dict[str, IntArray],
    code: Code = "graded",
    n_frames: int = 1,
    batch: int | None = None,
) -> EngineResult:
    """Equal to the oracle and to the frame-by-frame evaluation; returns the result."""
    settings = RunSettings(code)
    got = DenseEngine(threads=1, batch=batch).prepare(graph, settings, n_frames=n_frames).run(feeds)
    expected = OracleEngine().prepare(graph, settings, n_frames=n_frames).run(feeds)
    assert not differences(expected, got)
    for name, k in evaluate(graph, feeds).items():
        assert (got.counts[name] == k).all()
    return got


def types(graph: Graph) -> dict[str, str]:
    """What carries each node's values."""
    wires = compile_graph(graph, RunSettings(), 1).wires
    return {name: wire.dtype for name, wire in wires.items()}


def extreme_feed(shape: Shape, lo: int, hi: int, n: int = 4) -> dict[str, IntArray]:
    """Feeds at the ends of the range, and random ones."""
    rng = np.random.default_rng(RNG_SEED)
    feed = rng.integers(lo, hi + 1, (n, 1, *shape))
    feed[0], feed[1] = hi, lo
    return {"x": feed}


def test_sixteen_bit_convolution_passes_float32() -> None:
    """3 x 3 x 16 taps of 32767 times 255 is 2^30: float32 alone would round."""
    rng = np.random.default_rng(RNG_SEED)
    weight = rng.integers(-32768, 32768, (6, 16, 3, 3))
    weight[0], weight[1] = 32767, -32768
    graph = network(conv_map(weight, (16, 5, 5)), Accumulator(), bias=np.arange(6) + 2**31)
    assert types(graph)["p"] == "f8"
    result = check(graph, extreme_feed((16, 5, 5), 0, 255))
    assert result.counts["p"].max() > 2**31


@pytest.mark.parametrize(
    ("c_in", "c_out", "kernel", "stride", "groups"),
    [(16, 32, 3, 1, 1), (32, 16, 3, 2, 1), (24, 8, 1, 1, 1), (16, 16, 5, 2, 16), (32, 32, 3, 1, 4)],
)
def test_blocked_kernels_round_nothing(
    c_in: int, c_out: int, kernel: int, stride: int, groups: int
) -> None:
    """Channels in multiples of 8 take ONNX Runtime's other kernels; sums come up to 2^24."""
    rng = np.random.default_rng(RNG_SEED)
    taps = c_in // groups * kernel**2
    largest = min(32767, 2**24 // (taps * 255) - 1)
    weight = rng.integers(-largest, largest + 1, (c_out, c_in // groups, kernel, kernel))
    weight[0], weight[1] = largest, -largest
    conv = Conv(
        weight=weight,
        in_shape=(c_in, 9, 7),
        stride=(stride, stride),
        padding=((kernel // 2, kernel // 2), (0, kernel // 2)),
        dilation=(1, 1),
        groups=groups,
    )
    irregular = IntegerFire(lo=0, thresholds=np.sort(rng.integers(-(2**22), 2**22, (c_out, 3))))
    even = IntegerFire(lo=-1, thresholds=np.arange(-1, 2)[None] * 300001 + 7)
    for model in (Accumulator(), irregular, even):
        graph = network(conv, model)
        assert types(graph)["p"] == "f4"
        check(graph, extreme_feed((c_in, 9, 7), 0, 255, 6))


def test_thresholds_beyond_float32() -> None:
    rng = np.random.default_rng(RNG_SEED)
    weight = rng.integers(-32768, 32768, (5, 300))
    x = extreme_feed((300,), -128, 127, 40)
    i = x["x"][:, 0] @ weight.T + 2**40 + 1
    thresholds = np.sort(np.quantile(i, [0.2, 0.4, 0.6, 0.8], axis=0).astype(np.int64).T)
    thresholds[:, 1] = i[7]  # a tie
    thresholds = np.sort(thresholds)
    model = IntegerFire(lo=-1, thresholds=thresholds)
    graph = network(Dense(weight=weight), model, lo=-128, hi=127, bias=2**40 + 1)
    check(graph, x)


def test_values_beyond_float64() -> None:
    """An accumulator of 2^54 + 1 times 3: only int64 holds it."""
    one = np.array([[2**30, 1]])
    graph = Graph(
        [
            Input(name="x", shape=(2,), lo=0, hi=2**25),
            Population(name="a", shape=(1,), model=Accumulator(), bias=np.array(1)),
            Population(name="b", shape=(1,), model=Accumulator()),
            Population(
                name="k",
                shape=(1,),
                model=IntegerFire(lo=0, thresholds=np.array([[3 * 2**54 + 3, 3 * 2**54 + 4]])),
            ),
            Output(name="out", shape=(1,)),
        ],
        [
            Projection(name="w", source="x", target="a", map=Dense(weight=one)),
            Projection(name="u", source="a", target="b", map=Dense(weight=np.array([[3]]))),
            Projection(name="i", source="b", target="k", map=Identity(shape=(1,))),
            Projection(name="r", source="k", target="out", map=Identity(shape=(1,))),
        ],
    )
    assert types(graph) == {"x": "f8", "a": "i8", "b": "i8", "k": "f4"}
    result = check(graph, {"x": np.array([[[2**24, 0]], [[2**24, 1]], [[2**24 - 1, 0]]])})
    assert result.counts["k"].ravel().tolist() == [1, 2, 0]


def test_steps_that_no_line_meets() -> None:
    """Irregular thresholds: few by comparison, many by table, by channel and for all."""
    rng = np.random.default_rng(RNG_SEED)
    x = extreme_feed((8,), 0, 255, 60)
    weight = rng.integers(-127, 128, (3, 8))
    for n_levels, rows in ((3, 3), (3, 1), (60, 3), (60, 1)):
        thresholds = np.sort(rng.integers(-60000, 60000, (rows, n_levels)))
        check(network(Dense(weight=weight), IntegerFire(lo=-5, thresholds=thresholds)), x)
    wide = np.sort(rng.integers(-(2**40), 2**40, (3, 4)))
    check(network(Dense(weight=weight << 25), IntegerFire(lo=0, thresholds=wide)), x)


def test_levels_out_of_reach() -> None:
    far = np.iinfo(np.int64)
    x, identity = extreme_feed((2,), 0, 15), Dense(weight=np.eye(2, dtype=np.int64))
    for thresholds in ([far.max], [far.min], [far.min, 7, far.max], [1000, 2000]):
        check(network(identity, IntegerFire(lo=0, thresholds=np.array([thresholds]))), x)


def test_large_sparse_maps_are_not_made_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_maps, "MATRIX_LIMIT", 10)
    indptr, targets = np.array([0, 2, 2, 3, 4]), np.array([0, 2, 2, 0])
    map_ = Sparse(
        in_shape=(4,),
        out_shape=(3,),
        indptr=indptr,
        targets=targets,
        weight=np.array([5, -7, 0, 2]),
    )
    check(network(map_, Accumulator(), lo=-9, hi=9), extreme_feed((4,), -9, 9))


def test_maximum_over_windows_of_padding_only() -> None:
    pool = SumPool(in_shape=(1, 3), kernel=(2,), stride=(2,), padding=((2, 2),))
    result = check(network(pool, Max(), lo=-9, hi=-1), {"x": np.array([[[[-3, -5, -4]]]])})
    assert result.counts["p"].ravel().tolist() == [0, -3, -4]


def test_an_exponent_and_a_global_pool() -> None:
    pool = SumPool(
        in_shape=(3, 4, 4),
        kernel=(4, 4),
        stride=(4, 4),
        padding=((0, 0), (0, 0)),
        weight=np.array([1, -2, 3]),
    )
    graph = network(pool, Accumulator(), exponent=3, bias=np.array([1, 2, 3]))
    check(graph, extreme_feed((3, 4, 4), 0, 255))


@pytest.mark.parametrize("code", ["graded", "burst"])
def test_counters_by_hand(code: Code) -> None:
    """Depthwise, stride 2, padding 1: a corner spike reaches 1, its neighbour 2 synapses."""
    weight = np.ones((2, 1, 3, 3), dtype=np.int64)
    weight[1, 0, 1, 1] = 0
    conv = Conv(
        weight=weight,
        in_shape=(2, 4, 4),
        stride=(2, 2),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
        groups=2,
    )
    feed = np.zeros((2, 1, 2, 4, 4), dtype=np.int64)
    feed[0, 0, 0, 0, 0], feed[0, 0, 0, 0, 1] = 1, 3  # fan-out 1 and 2
    feed[1, 0, 1, 0, 0] = 1  # fan-out 1, by a zero weight
    result = check(network(conv, Accumulator(), hi=3), {"x": feed}, code)
    # existing synapses of one channel: (2 + 3)^2 = 25, for each of 2 samples and 2 channels
    expected = {"graded": Counters(4, 8, 0, 3, 100), "burst": Counters(8, 8, 7, 0, 100)}
    assert result.counters["w"] == expected[code]
    spikes = {"graded": NodeCounters(3, 5), "burst": NodeCounters(5, 5)}
    assert result.node_counters["x"] == spikes[code]


def test_counters_beyond_float32() -> None:
    """Fan-outs and payloads whose sums pass 2^24 are split into digits or go through float64."""
    rng = np.random.default_rng(RNG_SEED)
    weight = rng.integers(-1, 2, (40, 1, 3, 3))
    for hi, size in ((3, 60), (2**20, 20)):
        graph = network(conv_map(weight, (1, size, size)), Accumulator(), hi=hi)
        codes: tuple[Code, ...] = ("graded",) if hi > 3 else ("graded", "burst")
        for code in codes:
            result = check(graph, extreme_feed((1, size, size), 0, hi), code)
            assert result.counters["w"].unit_spike_operations > 2**20


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_batches_change_nothing(batch: int) -> None:
    rng = np.random.default_rng(RNG_SEED)
    graph = network(
        Dense(weight=rng.integers(-9, 10, (3, 4))), FixedIntegrateFire.binary(np.array(40)), hi=9
    )
    feed = rng.integers(0, 10, (5, 3, 4))
    check(graph, {"x": feed}, n_frames=3, batch=batch)


def test_record_keeps_what_is_asked_for() -> None:
    graph = network(Dense(weight=np.ones((2, 2), dtype=np.int64)), Accumulator())
    session = DenseEngine().prepare(graph, RunSettings())
    feeds = extreme_feed((2,), 0, 255)
    assert list(session.run(feeds, record=["p"]).counts) == ["p"]
    assert list(session.run(feeds, record=[]).counts) == []
    assert set(session.run(feeds).counts) == {"x", "p"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Alternating(NeuronModel):
    """A model that no engine knows: it fires i's sign in every second frame."""

    kind: ClassVar[str] = "alternating"

    def initial_state(self, shape: Shape) -> State:
        return {"phase": np.zeros(shape, dtype=np.int64)}

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        return np.sign(i) * (state["phase"] % 2), {"phase": state["phase"] + 1}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.full(i_lo.shape, -1), np.full(i_hi.shape, 1)


def test_an_unknown_model_runs_its_own_kernel() -> None:
    rng = np.random.default_rng(RNG_SEED)
    graph = network(
        Dense(weight=rng.integers(-9, 10, (3, 4))),
        Alternating(),
        more=(Accumulator(), Alternating(), FixedIntegrateFire.binary(np.array(1))),
    )
    check(graph, {"x": rng.integers(0, 10, (5, 4, 4))}, n_frames=4, batch=2)
    session = DenseEngine().prepare(graph, RunSettings(), n_frames=4)
    assert session.kernels == {"onnxruntime", "numpy"}


@pytest.mark.parametrize("weight", [3, 2**26])
def test_a_staircase_of_one_level(weight: int) -> None:
    """Of a pair of signs one may have nothing to say; float32 holds the first sums only."""
    fire = IntegerFire(lo=0, thresholds=np.zeros((1, 0), dtype=np.int64))
    graph = network(Dense(weight=np.full((2, 3), weight)), fire)
    feeds = {"x": np.arange(6, dtype=np.int64).reshape(2, 1, 3)}
    counts = DenseEngine().prepare(graph, RunSettings("burst")).run(feeds).counts
    assert np.array_equal(counts["p"], np.zeros((2, 1, 2)))


BEYOND = np.array([[131071, 0], [110000, 0], [107374, 1], [3, 0], [0, 0], [1, 131072]])
"""Times 20000 and 2^40: the first two between 2^31 and 2^32, in what int64 has to carry."""


def wide_accumulator(model: NeuronModel, map_: LinearMap) -> Graph:
    """Four values that int64 carries, and a population of what they bring."""
    weight = np.array([[20000, 2**40], [1, 0], [30, 0], [-1, 0]])
    shape = map_.out_shape
    return Graph(
        [
            Input(name="x", shape=(2,), lo=0, hi=2**17),
            Population(name="wide", shape=(4,), model=Accumulator()),
            Population(name="p", shape=shape, model=model),
            Output(name="out", shape=shape),
        ],
        [
            Projection(name="w", source="x", target="wide", map=Dense(weight=weight)),
            Projection(name="i", source="wide", target="p", map=map_),
            Projection(name="r", source="p", target="out", map=Identity(shape=shape)),
        ],
    )


@pytest.mark.parametrize(
    ("model", "map_"),
    [
        (IntegerFire(lo=0, thresholds=np.array([[900, 5000, 60000]])), Identity(shape=(4,))),
        (Max(), Dense(weight=np.ones((2, 4), dtype=np.int64))),
        (
            FixedIntegrateFire(
                thresholds=np.array([-(2**30)]),
                reset_step=np.array(1),
                v_min=np.array(-(2**31) - 5),
            ),
            Identity(shape=(4,)),
        ),
        (RescaledSum(first=2, shift=2, counts=np.arange(8).reshape(2, 4)), Identity(shape=(4,))),
    ],
    ids=lambda case: type(case).__name__,
)
def test_int64_just_beyond_31_bits(model: NeuronModel, map_: LinearMap) -> None:
    """The effective operations of what `wide` emits show how the largest of a row was found."""
    graph = wide_accumulator(model, map_)
    assert types(graph)["wide"] == "i8"
    check(graph, {"x": np.stack([BEYOND, 0 * BEYOND], axis=1)}, n_frames=2)


@pytest.mark.parametrize("first", [-(2**33), -3, 5, 2**33])
@pytest.mark.parametrize("weight", [1, 20000, 2**40])
def test_a_table_of_two_operands_in_every_type(weight: int, first: int) -> None:
    model = RescaledSum(first=first, shift=2, counts=np.array([[5, 0, 7, 1], [2, 9, -4, 3]]))
    graph = network(Dense(weight=np.array([[weight, 1]] * 3)), model, hi=2**17, bias=-2)
    check(graph, {"x": BEYOND[:, None]})


def test_counters_of_a_product_of_int64() -> None:
    weight = np.array([[20000, 2**36], [1, 0]])
    graph = Graph(
        [
            Input(name="x", shape=(2,), lo=0, hi=2**17),
            Input(name="y", shape=(2,), lo=0, hi=2),
            Population(name="wide", shape=(2,), model=Accumulator()),
            Product(name="xy", a_shape=(2,), b_shape=(2,), shape=(2,), op="multiply"),
            Output(name="out", shape=(2,)),
        ],
        [
            Projection(name="w", source="x", target="wide", map=Dense(weight=weight)),
            Projection(name="a", source="wide", target="xy", map=Identity(shape=(2,)), port="a"),
            Projection(name="b", source="y", target="xy", map=Identity(shape=(2,)), port="b"),
            Projection(name="r", source="xy", target="out", map=Identity(shape=(2,))),
        ],
    )
    assert types(graph)["wide"] == "i8"
    y = np.array([[2, 1], [0, 2], [1, 1], [2, 2], [1, 2], [2, 0]])
    check(graph, {"x": BEYOND[:, None], "y": y[:, None]})


def test_threads_that_share_a_session_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between what one run has computed and what it reads off, another one starts."""
    rng = np.random.default_rng(RNG_SEED)
    graph = network(Dense(weight=rng.integers(-9, 10, (6, 4))), Accumulator())
    session = DenseEngine(threads=1).prepare(graph, RunSettings())
    feeds = [extreme_feed((4,), 0, 255), {"x": rng.integers(0, 2, (4, 1, 4))}]
    expected = [session.run(feed) for feed in feeds]
    frame, others = session.executor.frame, list[Thread]()
    found: list[EngineResult] = []

    def interrupted(*args: Any) -> Any:
        given = frame(*args)
        if not others:
            others.append(Thread(target=lambda: found.append(session.run(feeds[1]))))
            others[0].start()
            others[0].join(0.2)
        return given

    monkeypatch.setattr(session.executor, "frame", interrupted)
    results = [session.run(feeds[0])]
    others[0].join()
    for one, other in zip(expected, results + found, strict=True):
        assert not differences(one, other)
