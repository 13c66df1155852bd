"""The bundle's own matrices against the maps of `ir`; how projections become processes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import snnc.backends.lava
from snnc.backends.lava.network import network_text
from snnc.backends.lava.plan import make_plan
from snnc.ir.arrays import Array, size_of
from snnc.ir.codes import RunSettings
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Graph
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.neurons import Accumulator
from tests.backends.lava.graphs import Drawing, residual_conv_net

TEMPLATE = Path(snnc.backends.lava.__file__).parent / "template"


@pytest.fixture(scope="module")
def synapses() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle_synapses", TEMPLATE / "synapses.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def matrix_of(map_: LinearMap) -> Array:
    """Column n: what a unit at input n brings."""
    units = np.eye(map_.in_size, dtype=np.int64).reshape(-1, *map_.in_shape)
    return map_.apply(units).reshape(map_.in_size, map_.out_size).T


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "conv",
    [
        Conv(
            weight=RNG.integers(-9, 9, (4, 3, 3, 2)), in_shape=(3, 6, 5), stride=(1, 2),
            padding=((1, 1), (0, 2)), dilation=(2, 1),
        ),
        Conv(
            weight=RNG.integers(-9, 9, (6, 1, 3, 3)), in_shape=(3, 5, 5), stride=(2, 2),
            padding=((1, 1), (1, 1)), dilation=(1, 1), groups=3,
        ),
        Conv(
            weight=RNG.integers(-9, 9, (2, 4, 3)), in_shape=(4, 7), stride=(2,),
            padding=((2, 0),), dilation=(1,),
        ),
    ],
)  # fmt: skip
def test_conv_matrix(synapses: ModuleType, conv: Conv) -> None:
    matrix = synapses.conv_matrix(
        conv.weight, conv.in_shape, conv.stride, conv.padding, conv.dilation, conv.groups
    )
    assert (matrix.toarray() == matrix_of(conv)).all()


def test_pool_matrix(synapses: ModuleType) -> None:
    window = {"stride": (2, 1), "padding": ((1, 0), (0, 1))}
    pool = SumPool(in_shape=(3, 5, 4), kernel=(3, 2), weight=np.array([1, 2, -3]), **window)  # type: ignore[arg-type]
    matrix = synapses.pool_matrix(pool.weight, pool.in_shape, pool.kernel, **window)
    assert (matrix.toarray() == matrix_of(pool)).all()


def test_diagonal_matrix(synapses: ModuleType) -> None:
    by_channel = Identity(shape=(2, 3, 2), weight=np.array([4, 0, -5]), channel_axis=1)
    matrix = synapses.diagonal_matrix(by_channel.weight, (2, 3, 2), channel_axis=1)
    assert (matrix.toarray() == matrix_of(by_channel)).all()
    assert (synapses.diagonal_matrix(np.array(7), (4,)).toarray() == 7 * np.eye(4)).all()


def test_dense_matrix_with_leading_axes(synapses: ModuleType) -> None:
    dense = Dense(weight=RNG.integers(-9, 9, (3, 4)), lead=(2, 2))
    assert (synapses.dense_matrix(dense.weight, lead=(2, 2)).toarray() == matrix_of(dense)).all()


def test_listed_matrix(synapses: ModuleType) -> None:
    listed = Sparse(
        in_shape=(3,), out_shape=(4,), indptr=np.array([0, 2, 2, 3]),
        targets=np.array([0, 3, 1]), weight=np.array([5, -6, 7]),
    )  # fmt: skip
    matrix = synapses.listed_matrix(listed.weight, listed.indptr, listed.targets, n_out=4)
    assert (matrix.toarray() == matrix_of(listed)).all()


def test_taken_from(synapses: ModuleType) -> None:
    weight = np.arange(1, 7).reshape(2, 3)
    taken = synapses.taken_from(synapses.dense_matrix(weight), np.array([3, -1, 0]), 5)
    assert taken.toarray().tolist() == [[3, 0, 0, 1, 0], [6, 0, 0, 4, 0]]


def test_bytes_add_up(synapses: ModuleType) -> None:
    weight = np.array([[-32768, -300, -1, 0], [1, 255, 256, 32767]])
    matrix = synapses.dense_matrix(weight)
    low, high = synapses.low_byte(matrix).toarray(), synapses.high_byte(matrix).toarray()
    assert (256 * high + low == weight).all()
    assert (low >= 0).all()
    assert (low <= 255).all()
    assert (high >= -128).all()
    assert (high <= 127).all()


def chain(weight: Array, lo: int = 0, hi: int = 1) -> Graph:
    draw = Drawing(0)
    draw.input("x", (weight.shape[1],), lo, hi)
    draw.population("sum", (weight.shape[0],), Accumulator())
    draw.project("x", "sum", Dense(weight=weight))
    return draw.finish("chain", "sum")


def text_of(graph: Graph, code: str = "graded", **options: str) -> str:
    plan = make_plan(graph, RunSettings(code), **options)  # type: ignore[arg-type]
    text = network_text(plan)
    compile(text, "network.py", "exec")
    return text


def test_eight_bits_are_one_process() -> None:
    text = text_of(chain(np.array([[-128, 127]])))
    assert 'Dense(\n        name="x -> sum 0",\n        weights=2 * w["x_sum_0.weight"]' in text
    assert "weight_exp=-1" in text
    assert "SignMode.MIXED" in text


def test_sixteen_bits_are_two_processes() -> None:
    text = text_of(chain(np.array([[-32768, 32767]])))
    assert "low_byte(" in text
    assert "2 * high_byte(" in text
    assert "weight_exp=7" in text


def test_seventeen_bits_are_refused() -> None:
    with pytest.raises(UnsupportedByTarget, match="sum: weights need 17 bits") as error:
        text_of(chain(np.array([[32768, 0]])))
    assert error.value.hint is not None
    assert "--weight-bits" in error.value.hint


@pytest.mark.parametrize(
    ("lo", "hi", "code", "target", "bits"),
    [
        (0, 4, "burst", "loihi1", 0),
        (0, 4, "burst", "loihi2", 1),
        (-4, 4, "burst", "loihi2", 2),
        (0, 7, "graded", "loihi2", 4),
        (-8, 7, "graded", "loihi2", 4),
        (0, 7, "delta", "loihi2", 4),
        (-8, 7, "delta", "loihi2", 5),
    ],
)
def test_message_bits(lo: int, hi: int, code: str, target: str, bits: int) -> None:
    text = text_of(chain(np.array([[1, 2]]), lo, hi), code, target=target)
    assert f"num_message_bits={bits}," in text


def test_lavas_own_conv_where_it_can() -> None:
    sparse, conv = (text_of(residual_conv_net(), conv=style) for style in ("sparse", "conv"))
    assert sparse.count(" = Conv(") == 0
    assert conv.count(" = Conv(") == 3  # the one with 13-bit weights stays sparse
    assert "input_shape=(8, 8, 2)" in conv


@pytest.mark.parametrize(
    ("padding", "stride", "fits"),
    [((1, 1), 1, True), ((1, 0), 2, True), ((1, 0), 1, False), ((0, 1), 2, False)],
)
def test_lavas_own_conv_pads_both_sides_alike(
    padding: tuple[int, int], stride: int, fits: bool
) -> None:
    draw = Drawing(0)
    draw.input("x", (1, 6, 6), 0, 1)
    conv = Conv(
        weight=draw.weights(2, 1, 3, 3), in_shape=(1, 6, 6), stride=(stride, stride),
        padding=(padding, padding), dilation=(1, 1),
    )  # fmt: skip
    draw.population("sum", conv.out_shape, Accumulator())
    draw.project("x", "sum", conv)
    assert (" = Conv(" in text_of(draw.finish("pad", "sum"), conv="conv")) == fits


def test_lavas_own_conv_flips_its_kernel() -> None:
    draw = Drawing(0)
    draw.input("x", (1, 2, 3), 0, 1)
    draw.population("sum", (1, 1, 1), Accumulator())
    kernel = np.arange(1, 7).reshape(1, 1, 2, 3)
    none = ((0, 0), (0, 0))
    conv = Conv(weight=kernel, in_shape=(1, 2, 3), stride=(1, 1), padding=none, dilation=(1, 1))
    draw.project("x", "sum", conv, exponent=2)
    plan = make_plan(draw.finish("flip", "sum"), RunSettings(), conv="conv")
    text = network_text(plan)
    weight = plan.arrays["x_sum_0.weight"]
    assert weight.shape == (1, 3, 2, 1)  # C_out, W, H, C_in
    assert weight[0, :, :, 0].tolist() == [[24, 12], [20, 8], [16, 4]]
    assert "weight_exp" not in text.split("def build")[1]
    assert size_of((1, 3, 2, 1)) == kernel.size
