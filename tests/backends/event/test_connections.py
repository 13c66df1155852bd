"""Every way of being connected, against a plain loop over synapses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.event.gather import GATHER_LANES
from snnc.backends.event.session import EventSession
from snnc.backends.event.tables import DENSE, EACH, ONE_TO_ONE, SPARSE, WINDOW
from snnc.ir.arrays import IntArray
from snnc.ir.codes import Code
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Population
from tests.backends.event.nets import MODES, current, one_layer, prepare, reading, synapses

CODES: tuple[Code, ...] = ("burst", "graded")


def random_counts(rng: Any, shape: Any, lo: Any = -2, hi: Any = 3) -> IntArray:
    x = rng.integers(lo, hi + 1, (2, 1, *shape))
    return x * (rng.random(x.shape) < 0.6)


def make_conv(
    rng: Any,
    c_out: Any,
    in_shape: Any,
    kernel: Any,
    stride: Any = 1,
    pad: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    bound: Any = 9,
) -> Conv:
    n = len(in_shape) - 1
    return Conv(
        weight=rng.integers(-bound, bound + 1, (c_out, in_shape[0] // groups, *kernel)),
        in_shape=in_shape,
        stride=(stride,) * n,
        padding=((pad, max(pad - 1, 0)),) * n,
        dilation=(dilation,) * n,
        groups=groups,
    )


def check_conv(conv: Any, rng: Any, code: Any = "graded", mode: Any = "frames") -> None:
    session = one_layer(conv, lo=-2, hi=3, code=code, mode=mode)
    x = random_counts(rng, conv.in_shape)
    got = session.run({"x": x})
    found = synapses(conv)
    for sample, y in zip(x, got.counts["y"], strict=True):
        assert y.ravel().tolist() == current(found, sample.ravel(), conv.out_size)
    fan_out = np.bincount([s for s, _, _ in found], minlength=conv.in_size)
    n_events = np.abs(x) if code == "burst" else x != 0
    events = n_events.reshape(2, -1) @ fan_out
    assert got.counters["w"].synaptic_events == events.sum()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    code=st.sampled_from(CODES),
    mode=st.sampled_from(MODES),
    c_in=st.sampled_from([1, 2, 4]),
    c_out=st.sampled_from([1, 2, 4, 8, 12]),
    spatial=st.sampled_from([(7,), (5, 6), (6, 4)]),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    pad=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
def test_convolutions(
    seed: Any,
    code: Any,
    mode: Any,
    c_in: Any,
    c_out: Any,
    spatial: Any,
    kernel: Any,
    stride: Any,
    pad: Any,
    dilation: Any,
) -> None:
    rng = np.random.default_rng(seed)
    if dilation * (kernel - 1) >= min(spatial):
        return
    taps = (kernel,) * len(spatial)
    check_conv(
        make_conv(rng, c_out, (c_in, *spatial), taps, stride, pad, dilation), rng, code, mode
    )


@pytest.mark.parametrize("mode", ["scatter", "gather", "plane"])
@pytest.mark.parametrize("c_out", [3, 7, 20, 33, 64, 67, 129, 250])
def test_rows_of_every_length(c_out: int, mode: str) -> None:
    """Register tiles of 128 … 4 neurons and what is left over."""
    rng = np.random.default_rng(c_out)
    check_conv(make_conv(rng, c_out, (3, 4, 4), (3, 3), pad=1), rng, mode=mode)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("bound", [9, 300, 2**40])
@pytest.mark.parametrize("c_out", [16, 48, 80])
def test_pixels_with_few_and_with_many_events(
    c_out: int, bound: int, stride: int, dilation: int
) -> None:
    """One or two events of a pixel are added one by one, more through a tile; in all widths."""
    rng = np.random.default_rng(c_out)
    conv = make_conv(rng, c_out, (4, 4, 5), (3, 3), stride, 1, dilation, bound=bound)
    check_conv(conv, rng, mode="scatter")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("groups", "c_out"), [(4, 4), (4, 8), (2, 6), (84, 84)])
def test_grouped_and_depthwise(groups: int, c_out: int, code: Code, mode: str) -> None:
    rng = np.random.default_rng(groups)
    conv = make_conv(rng, c_out, (max(groups, 4), 5, 5), (3, 3), 2, 1, groups=groups)
    check_conv(conv, rng, code, mode)


@pytest.mark.parametrize("mode", ["scatter", "gather", "plane"])
@pytest.mark.parametrize("bound", [127, 128, 2**15 - 1, 2**15, 2**40])
def test_weights_of_every_width(bound: int, mode: str) -> None:
    """8-bit and 16-bit weights into 32 bits of membrane, others into 64."""
    rng = np.random.default_rng(bound)
    check_conv(make_conv(rng, 9, (2, 4, 4), (3, 3), pad=1, bound=bound), rng, mode=mode)


@pytest.mark.parametrize("k", [1, -1, 3, 31, 32, 33, 36, 300, 40000])
@pytest.mark.parametrize("weight", [127, -127, -128])
def test_sums_at_the_bound_of_16_bits(weight: int, k: int) -> None:
    """All terms of one sign and as large as can be: one event more in a batch would be too many.

    From |k| = 33 on too few events fit into 16 bits, and sums have 32.
    """
    taps = Conv(
        weight=np.full((20, 100, 3, 3), weight), in_shape=(100, 3, 3), stride=(1, 1),
        padding=((1, 1), (1, 1)), dilation=(1, 1),
    )  # fmt: skip
    each = Conv(
        weight=np.full((20, 1, 16, 16), weight), in_shape=(20, 16, 16), stride=(1, 1),
        padding=((0, 0), (0, 0)), dilation=(1, 1), groups=20,
    )  # fmt: skip
    for map_, events in ((taps, 900), (Dense(weight=np.full((20, 900), weight)), 900), (each, 256)):
        session = one_layer(map_, lo=min(k, 0), hi=max(k, 0), mode="gather")
        y = session.run({"x": np.full((1, 1, *map_.in_shape), k)}).counts["y"]
        middle = y.reshape(20, -1)[:, y.size // 40]  # where every tap meets an event
        assert middle.tolist() == [events * k * weight] * 20


def pruned(map_: LinearMap, payload: int, mode: str) -> EventSession:
    """Channel 0, whose weights are all 0, sends `payload` for every 1 that it gets."""
    scale = np.array([payload] + [1] * (map_.in_shape[0] - 1))
    nodes = [
        Input(name="x", shape=map_.in_shape, lo=0, hi=17),
        Population(name="sum", shape=map_.in_shape, model=Accumulator()),
        Population(name="y", shape=map_.out_shape, model=Accumulator()),
    ]
    one = Identity(shape=map_.in_shape, weight=scale)
    output, read = reading("y", map_.out_shape)
    projections = [
        Projection(name="one", source="x", target="sum", map=one),
        Projection(name="w", source="sum", target="y", map=map_),
        read,
    ]
    session: EventSession = prepare([*nodes, output], projections, mode=mode)
    return session


@pytest.mark.parametrize("payload", [2**16, 2**32, 2**40, (2**60 + 1) // 17])
@pytest.mark.parametrize("mode", MODES)
def test_large_payloads_of_pruned_channels(mode: str, payload: int) -> None:
    """No membrane is wide: what is sent by all its synapses adds nothing, however large it is."""
    taps = np.full((64, 8, 3, 3), 16)
    taps[:, 0] = 0
    each = np.ones((64, 1, 3, 3), dtype=np.int64)
    each[0] = 0
    for weight, groups, in_shape in ((taps, 1, (8, 8, 8)), (each, 64, (64, 8, 8))):
        conv = Conv(
            weight=weight, in_shape=in_shape, stride=(1, 1), padding=((0, 0), (0, 0)),
            dilation=(1, 1), groups=groups,
        )  # fmt: skip
        session = pruned(conv, payload, mode)
        y = session.run({"x": np.full((1, 1, *in_shape), 17)}).counts["y"]
        sums = weight.sum(axis=(1, 2, 3)) * 17
        assert np.array_equal(y[0, 0], np.broadcast_to(sums[:, None, None], (64, 6, 6)))


def test_membranes_beyond_32_bits() -> None:
    weight = np.full((1, 4), 2**15 - 1)
    session = one_layer(Dense(weight=weight), lo=0, hi=2**20)
    x = np.full((1, 1, 4), 2**20)
    assert session.run({"x": x}).counts["y"].item() == 4 * (2**15 - 1) * 2**20


@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
def test_dense(lead: Any) -> None:
    rng = np.random.default_rng(0)
    dense = Dense(weight=rng.integers(-9, 10, (11, 6)), lead=lead)
    x = random_counts(rng, dense.in_shape)
    got = one_layer(dense, lo=-2, hi=3, exponent=3).run({"x": x}).counts["y"]
    assert (got == 8 * np.einsum("oi,nt...i->nt...o", dense.weight, x)).all()


def test_identity_with_a_weight_for_each_channel() -> None:
    rng = np.random.default_rng(1)
    x = random_counts(rng, (3, 2, 2))
    weight = np.array([2, -1, 0])
    session = one_layer(Identity(shape=(3, 2, 2), weight=weight), lo=-2, hi=3)
    result = session.run({"x": x})
    assert (result.counts["y"] == x * weight[:, None, None]).all()
    assert result.counters["w"].synaptic_events == np.count_nonzero(x)
    counters = result.counters["w"]
    assert counters.effective_acs + counters.effective_macs == np.count_nonzero(x[:, :, :2])


def test_sparse() -> None:
    indptr, targets = np.array([0, 2, 2, 3]), np.array([1, 3, 0])
    sparse = Sparse(
        in_shape=(3,), out_shape=(4,), indptr=indptr, targets=targets, weight=np.array([5, -2, 7])
    )
    x = np.array([[[3, 2, -1]]])
    assert one_layer(sparse, lo=-2, hi=3).run({"x": x}).counts["y"].tolist() == [[[-7, 15, 0, -6]]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", CODES)
def test_sum_pool(code: Code, mode: str) -> None:
    pool = SumPool(in_shape=(2, 4, 5), kernel=(2, 3), stride=(2, 2), padding=((0, 0), (1, 1)))
    x = random_counts(np.random.default_rng(3), pool.in_shape)
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (0, 0), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 3), axis=(3, 4))
    expected = windows[:, :, :, ::2, ::2].sum(axis=(-1, -2))
    got = one_layer(pool, lo=-2, hi=3, code=code, mode=mode).run({"x": x}).counts["y"]
    assert (got == expected).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", CODES)
def test_gathered_part_of_another_shape(code: Code, mode: str) -> None:
    """Events are brought into the order of the map; two positions take nothing."""
    rng = np.random.default_rng(4)
    conv = make_conv(rng, 5, (3, 2, 3), (2, 2), pad=1)
    gather = rng.permutation(30)[:18]
    gather[[4, 9]] = -1
    x = random_counts(rng, (30,))
    session = one_layer(conv, lo=-2, hi=3, shape=(30,), gather=gather, code=code, mode=mode)
    got = session.run({"x": x})
    taken = np.where(gather >= 0, x[..., gather], 0)
    found = synapses(conv)
    for sample, y in zip(taken, got.counts["y"], strict=True):
        assert y.ravel().tolist() == current(found, sample.ravel(), conv.out_size)
    assert got.counters["w"].dense_macs == 2 * sum(gather[s] >= 0 for s, _, _ in found)


def test_dense_on_a_part_stores_no_rows_for_the_rest() -> None:
    dense = Dense(weight=np.arange(6).reshape(3, 2))
    session = one_layer(dense, lo=0, hi=3, shape=(1000,), gather=np.array([7, 3]))
    assert len(session.compiled.program.weights8) < 2 * GATHER_LANES + 20
    x = np.zeros((1, 1, 1000), dtype=int)
    x[..., [3, 7]] = 1, 2
    # sees (2, 1): rows (0, 1), (2, 3), (4, 5)
    assert session.run({"x": x}).counts["y"].ravel().tolist() == [1, 7, 13]


def test_a_target_that_lies_otherwise_gets_listed_synapses() -> None:
    """Two convolutions whose outputs have the same size but other channels."""
    rng = np.random.default_rng(5)
    wide = make_conv(rng, 4, (2, 3, 3), (3, 3), pad=2)
    deep = make_conv(rng, 16, (2, 3, 3), (2, 2))
    assert wide.out_size == deep.out_size
    output, read = reading("y", (wide.out_size,))
    session = prepare(
        [
            Input(name="x", shape=(2, 3, 3), lo=-2, hi=3),
            Population(name="y", shape=(wide.out_size,), model=Accumulator()),
            output,
        ],
        [
            Projection(name="wide", source="x", target="y", map=wide),
            Projection(name="deep", source="x", target="y", map=deep),
            read,
        ],
    )
    assert sorted(session.compiled.program.projections["kind"].tolist()) == [WINDOW, SPARSE]
    x = random_counts(rng, (2, 3, 3))
    got = session.run({"x": x}).counts["y"]
    for sample, y in zip(x, got, strict=True):
        flat = sample.ravel()
        parts = (current(synapses(conv), flat, conv.out_size) for conv in (wide, deep))
        assert y.ravel().tolist() == [a + b for a, b in zip(*parts, strict=True)]


@pytest.mark.parametrize(
    ("map_", "kind"),
    [
        (Conv(weight=np.ones((2, 1, 3), int), in_shape=(1, 5), stride=(1,), padding=((0, 0),),
              dilation=(1,)), WINDOW),
        (SumPool(in_shape=(2, 4), kernel=(2,), stride=(2,), padding=((0, 0),)), EACH),
        (Dense(weight=np.ones((2, 3), int)), DENSE),
        (Dense(weight=np.ones((2, 3), int), lead=(2,)), WINDOW),
        (Identity(shape=(3,)), ONE_TO_ONE),
        (Sparse(in_shape=(2,), out_shape=(2,), indptr=np.array([0, 1, 2]),
                targets=np.array([1, 0]), weight=np.array([1, 2])), SPARSE),
    ],
)  # fmt: skip
def test_each_map_has_its_kernel(map_: Any, kind: int) -> None:
    program = one_layer(map_, lo=0, hi=1).compiled.program
    assert program.projections["kind"].tolist() == [kind]


def test_readings_by_an_output_are_no_synapses() -> None:
    session = one_layer(Identity(shape=(3,)), lo=0, hi=1)
    assert session.compiled.counter_names == ("w",)
