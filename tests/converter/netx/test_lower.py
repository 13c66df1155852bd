"""`.net` files against loops that compute what netx and Lava do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import SnncError, UnsupportedOperator, WrongUsage
from snnc.ir.nodes import Input, Population
from tests import needs
from tests.converter.netx.files import CUBA, Lif, counts, dense, read, write

RNG = np.random.default_rng(3)
SPIKES = RNG.integers(0, 2, (20, 6))


def even(*shape: int, most: int = 40) -> Any:
    return RNG.integers(-most, most + 1, shape) * 2


def test_dense_layers_as_written_out(tmp_path: Path) -> None:
    weights, bias = (even(5, 6), even(3, 5)), even(5, most=8)
    path = write(tmp_path / "a.net", dense(weights[0], bias=bias), dense(weights[1]))
    source = read(path)
    given = counts(source.graph, SPIKES)
    first, second = Lif(1024, 128, 10, bias), Lif(1024, 128, 10)
    for t, x in enumerate(SPIKES):
        hidden = first(weights[0] @ x)
        assert np.array_equal(given["dense0"][t], hidden)
        assert np.array_equal(given["dense1"][t], second(weights[1] @ hidden))
    assert given["dense1"].any()
    assert [p.where for p in source.primitives] == ["layer/0 (dense)", "layer/1 (dense)"]


def test_lava_timing_takes_a_frame_for_each_layer(tmp_path: Path) -> None:
    path = write(tmp_path / "a.net", dense(even(5, 6)), dense(even(3, 5)))
    aligned = counts(read(path).graph, SPIKES)
    later = counts(read(path, net_timing="lava").graph, SPIKES)
    assert np.array_equal(later["dense0"][1:], aligned["dense0"][:-1])
    assert np.array_equal(later["dense1"][2:], aligned["dense1"][:-2])


def test_recurrent_layer(tmp_path: Path) -> None:
    weight, again = even(4, 6), even(4, 4)
    layer = {**dense(weight), "type": "dense_rec", "weight_rec": again}
    given = counts(read(write(tmp_path / "r.net", layer)).graph, SPIKES)["dense_rec0"]
    neurons, last = Lif(1024, 128, 10), np.zeros(4, dtype=np.int64)
    for t, x in enumerate(SPIKES):
        last = neurons(weight @ x + again @ last)
        assert np.array_equal(given[t], last)
    assert given.any()


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), ((2, 1), (1, 0), (1, 2), 1), (1, 1, 1, 2)],
)
def test_convolution_in_pytorch_order(
    tmp_path: Path, stride: Any, padding: Any, dilation: Any, groups: int
) -> None:
    torch = needs.module("torch")
    weight, bias, flat = even(4, 2 // groups, 3, 3), even(4, most=4), None
    shape = tuple(
        torch.nn.functional.conv2d(
            torch.zeros(1, 2, 6, 7),
            torch.zeros(weight.shape),
            None,
            stride,
            padding,
            dilation,
            groups,
        ).shape[1:]
    )
    flat = even(3, int(np.prod(shape)))
    path = write(
        tmp_path / "c.net",
        {"type": "input", "shape": np.array([2, 6, 7])},
        {
            "type": "conv",
            "shape": np.array(shape),
            "weight": weight.astype(np.float32)[..., None],
            "bias": bias,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "neuron": CUBA,
        },
        {"type": "flatten", "shape": np.array([np.prod(shape)])},
        dense(flat),
    )
    x = RNG.integers(0, 2, (12, 2, 6, 7))
    given = counts(read(path).graph, x)
    first = Lif(1024, 128, 10, bias[:, None, None])
    second = Lif(1024, 128, 10)
    kernel = torch.tensor(weight, dtype=torch.float64)
    for t, frame in enumerate(x):
        image = torch.tensor(frame[None], dtype=torch.float64)
        conv = torch.nn.functional.conv2d(image, kernel, None, stride, padding, dilation, groups)
        hidden = first(conv[0].numpy().astype(np.int64))
        assert np.array_equal(given["conv1"][t], hidden)
        assert np.array_equal(given["dense3"][t], second(flat @ hidden.reshape(-1)))
    assert given["dense3"].any()


@pytest.mark.parametrize("by", ["one", "target", "source", "synapse"])
def test_delays(tmp_path: Path, by: str) -> None:
    weight = even(5, 6)
    found = {
        "one": np.array(3),
        "target": RNG.integers(0, 4, 5),
        "source": RNG.integers(0, 4, 6),
        "synapse": RNG.integers(0, 4, (5, 6)),
    }[by]
    each = found[:, None] if by == "target" else found
    path = write(tmp_path / "d.net", dense(weight, delay=found))
    given = counts(read(path).graph, SPIKES)["dense0"]
    neurons, delays = Lif(1024, 128, 10), np.broadcast_to(each, weight.shape)
    for t in range(len(SPIKES)):
        late = np.where(t >= delays, SPIKES[np.maximum(t - delays, 0), np.arange(6)], 0)
        assert np.array_equal(given[t], neurons((weight * late).sum(axis=1)))


def test_an_input_layer_takes_real_data(tmp_path: Path) -> None:
    layer = {
        "type": "input",
        "shape": np.array([6]),
        "weight": np.float32(20),
        "bias": np.array([3.0]),
        "neuron": {**CUBA, "iDecay": 4096},
    }
    source = read(write(tmp_path / "i.net", layer, dense(even(3, 6))))
    entering = source.graph.nodes["input"]
    assert isinstance(entering, Input)
    assert (entering.lo, entering.hi, entering.step) == (-20, 20, 1 / 20)
    assert any("enter as round(20 x), 3 added" in note for note in source.notes)
    x = np.broadcast_to(np.arange(-3, 3) * 4, (9, 6))
    given, neurons = counts(source.graph, x)["input0"], Lif(4096, 128, 10, 3)
    assert all(np.array_equal(given[t], neurons(x[t])) for t in range(9))
    wider = read(tmp_path / "i.net", input_range=(0.0, 2.0)).graph.nodes["input"]
    assert isinstance(wider, Input)
    assert (wider.lo, wider.hi) == (0, 40)


def test_a_layer_without_neurons_is_read(tmp_path: Path) -> None:
    """netx gives it a current that never decays and a membrane that is that current."""
    weight = even(3, 6)
    source = read(write(tmp_path / "n.net", dense(weight, None)))
    given = counts(source.graph, SPIKES)["dense0"]
    assert np.array_equal(given, 64 * np.cumsum(SPIKES @ weight.T, axis=0))


def test_sigma_delta_layers(tmp_path: Path) -> None:
    """With thresholds of 0 and no fraction lost, all that is told is the ReLU network's state."""
    weights, bias = (RNG.integers(-3, 4, (5, 4)) * 64, even(2, 5)), even(5, most=4)
    sdnn = {"type": "SDNN", "vThMant": 0, "activation": "relu"}
    path = write(
        tmp_path / "s.net",
        {"type": "input", "shape": np.array([4]), "neuron": sdnn},
        {**dense(weights[0], sdnn, bias=bias)},
        dense(weights[1], {**sdnn, "sigma_output": True}),
    )
    source = read(path)
    x = RNG.integers(-3, 4, (10, 4))
    given = counts(source.graph, x)
    hidden = np.maximum((x * 64 @ weights[0].T) + (bias << 12), 0)
    assert not (hidden % 64).any()
    assert np.array_equal(given["input0"].cumsum(axis=0), x * 64)
    assert np.array_equal(given["dense1"].cumsum(axis=0), hidden >> 6)
    assert np.array_equal(given["dense2"], (hidden >> 6) @ weights[1].T)
    last = source.graph.nodes["dense2"]
    assert isinstance(last, Population)
    assert last.step == 2.0**-18


def test_periodic_reset(tmp_path: Path) -> None:
    path = write(tmp_path / "p.net", dense(even(5, 6)), dense(even(3, 5)))
    whole = counts(read(path, reset_interval=5, reset_offset=2).graph, SPIKES)
    pieces = [slice(0, 2), *(slice(a, a + 5) for a in (2, 7, 12, 17))]
    graph = read(path).graph
    for piece in pieces:
        part = counts(graph, SPIKES[piece])
        assert np.array_equal(whole["dense1"][piece], part["dense1"])


def test_readout_of_the_membrane(tmp_path: Path) -> None:
    path = write(tmp_path / "m.net", dense(even(3, 6), {**CUBA, "vThMant": 131071}))
    given = counts(read(path, readout="membrane").graph, SPIKES)["dense0"]
    assert np.abs(given).max() > 1
    assert not counts(read(path).graph, SPIKES)["dense0"].any()


def test_what_netx_does_not_read_is_told(tmp_path: Path) -> None:
    neuron = {**CUBA, "refDelay": 3, "wgtExp": 2, "gradedSpike": False, "novel": 1.0}
    path = write(
        tmp_path / "t.net",
        dense([[1.5, 2, -300], [4, 6, 8]], neuron, extra=np.array([1]), delay=np.array(70)),
        simulation__Ts=1,
        simulation__tSample=16,
    )
    source = read(path)
    said = "\n".join(source.notes)
    for words in (
        "netx does not read `refDelay` (3)",
        "netx does not read `wgtExp` (2)",
        "1 values of `weight` are no integers",
        "1 weights are clipped to -256 … 254",
        "delays up to 70 are clamped to 62",
        "netx does not read `extra`",
        "netx does not read `novel`",
        "shown for 16, as the file's tSample says",
    ):
        assert words in said
    assert "gradedSpike" not in said
    assert source.graph.metadata["n_frames"] == 16


CASES: list[tuple[Any, str]] = [
    ([{"type": "pool", "shape": np.array([3])}], "a `pool` layer has no event form"),
    ([{"type": "danse", "shape": np.array([3])}], "did you mean `dense`"),
    ([dense(even(3, 6), {**CUBA, "type": "RF_IZ"})], "neurons of type `RF_IZ`"),
    ([dense(even(3, 6), {**CUBA, "iDecay": 5000})], "decay_u is 0 … 4096"),
    ([dense(even(3, 6), {**CUBA, "vDecay": np.array([1, 2])})], "`vDecay` holds 2 values"),
    ([dense(even(3, 6)), dense(even(2, 4))], "its weights take 4 neurons, 3 stand before it"),
    ([dense(even(3, 6), None), dense(even(2, 3))], "is read, and stands before others"),
    ([dense(even(3, 6)), {"type": "input", "shape": np.array([3])}], "an input stands behind"),
    ([{"type": "input", "shape": np.array([3])}], "holds no neurons"),
    ([{"type": "conv", "shape": np.array([1, 2, 2])}], "does not say the shape of its input"),
    ([dense(even(3, 6), bias=np.arange(2))], "a bias of shape"),
    ([dense([[300, 301], [2, 4]])], "no more than 255 of one sign"),
    ([dense([[-255, 0], [-3, -3]])], "which gives other weights"),
    (
        [{**dense(even(3, 6), delay=np.array(1)), "type": "dense_rec", "weight_rec": even(3, 3)}],
        "drops its weight exponent",
    ),
    ([dense(even(3, 6), delay=np.array(-1))], "a delay is negative"),
    ([dense(np.full((3, 6), np.nan))], "NaN"),
    ([dense(np.zeros((3, 0)))], "`weight` is empty"),
    (
        [{"type": "input", "shape": np.array([1, 2, 3])}, dense(even(3, 6))],
        "without a `flatten` between them",
    ),
]


@pytest.mark.parametrize(("layers", "said"), CASES, ids=[said for _, said in CASES])
def test_what_has_no_event_form_is_refused_by_name(tmp_path: Path, layers: Any, said: str) -> None:
    with pytest.raises(SnncError, match=said):
        read(write(tmp_path / "x.net", *layers))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dt": 1.0}, "--dt means nothing for a .net file"),
        ({"net_timing": "late"}, "--net-timing is aligned or lava"),
        ({"reset_offset": 1}, "within its --reset-interval"),
        ({"reset_interval": 0}, "at least one frame"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "x.net", dense(even(3, 6)))
    with pytest.raises(WrongUsage, match=said):
        read(path, **options)


def test_complex_weights_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.net", {**dense(even(3, 6)), "type": "dense_comp"})
    with pytest.raises(UnsupportedOperator, match="netx does not make it either"):
        read(path)
