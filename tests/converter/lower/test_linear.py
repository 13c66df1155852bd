"""Layers with weights: every form gives what ONNX Runtime gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.converter.lower import lower
from snnc.ir.arrays import Array
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps import Conv, Dense
from snnc.ir.nodes import Population
from tests.converter.lower.nets import check, f32, from_text, weights

ACT = "a = Clip(c, lo, hi) r = Round(a) y = Div(r, hi)"


def bounds(**more: Any) -> dict[str, Array]:
    return {"lo": f32(0), "hi": f32(4)} | {k: np.asarray(v) for k, v in more.items()}


CONVS = {
    "plain": ("", (4, 2, 3, 3), (2, 7, 6)),
    "padded": ("<pads: ints = [1,2,0,1]>", (4, 2, 3, 3), (2, 7, 6)),
    "strided": ("<strides: ints = [2,3], pads: ints = [1,1,1,1]>", (4, 2, 3, 3), (2, 7, 8)),
    "dilated": ("<dilations: ints = [2,1], pads: ints = [2,1,2,1]>", (4, 2, 3, 3), (2, 7, 8)),
    "grouped": ("<group: int = 2, pads: ints = [1,1,1,1]>", (4, 2, 3, 3), (4, 7, 6)),
    "depthwise": ("<group: int = 4, pads: ints = [1,1,1,1]>", (8, 1, 3, 3), (4, 7, 6)),
    "same-upper": (
        '<auto_pad: string = "SAME_UPPER", strides: ints = [2,2]>',
        (4, 2, 3, 3),
        (2, 7, 6),
    ),
    "same-lower": (
        '<auto_pad: string = "SAME_LOWER", strides: ints = [2,2]>',
        (4, 2, 4, 4),
        (2, 7, 6),
    ),
    "one-axis": ("<strides: ints = [2], pads: ints = [1,1]>", (4, 2, 3), (2, 9)),
    "unused-end": ("<strides: ints = [2,2]>", (4, 2, 2, 2), (2, 7, 6)),
}


@pytest.mark.parametrize("form", CONVS)
def test_convolution(form: str) -> None:
    attributes, kernel, shape = CONVS[form]
    source = from_text(
        f"c = Conv {attributes} (x, w, b) {ACT}",
        shape,
        bounds(w=weights(*kernel), b=weights(kernel[0])),
    )
    lowered, _ = check(source)
    (conv,) = (p.map for p in lowered.graph.projections.values() if isinstance(p.map, Conv))
    np.testing.assert_array_equal(conv.weight, weights(*kernel).astype(np.float64))


MATRICES = {
    "gemm": ("c = Gemm <transB: int = 1> (x, w, b)", (5,), (4, 5)),
    "gemm-scaled": ("c = Gemm <alpha: float = 0.5, beta: float = 2.0> (x, w, b)", (5,), (5, 4)),
    "matmul-and-bias": ("m = MatMul(x, w) c = Add(m, b)", (5,), (5, 4)),
    "last-axis-of-tokens": ("m = MatMul(x, w) c = Add(m, b)", (3, 5), (5, 4)),
    "last-axis-of-a-map": ("m = MatMul(x, w) c = Add(m, b)", (2, 3, 5), (5, 4)),
    "from-the-left": ("c = MatMul(w, x)", (5, 3), (4, 5)),
}


@pytest.mark.parametrize("form", MATRICES)
def test_matrix_product(form: str) -> None:
    body, shape, kernel = MATRICES[form]
    source = from_text(f"{body} {ACT}", shape, bounds(w=weights(*kernel), b=weights(4)))
    check(source, n_compared=2)


def test_constants_in_front_of_a_layer_fold_into_weights_and_a_bias_map() -> None:
    """An offset before a zero-padded convolution is no number per channel."""
    more = {"s": f32([0.5, 2.0]).reshape(2, 1, 1), "o": f32([1, -1]).reshape(1, 2, 1, 1)}
    body = f"m = Mul(x, s) n = Sub(m, o) c = Conv <pads: ints = [1,1,1,1]> (n, w, b) {ACT}"
    lowered, _ = check(
        from_text(body, (2, 5, 6), bounds(w=weights(3, 2, 3, 3), b=weights(3), **more))
    )
    (population,) = lowered.graph.populations
    assert population.bias.shape == (3, 5, 6)
    assert population.offset_magnitude is not None
    assert (population.offset_magnitude >= np.abs(population.bias)).all()


def test_a_map_by_position_folds_into_the_bias() -> None:
    body = f"n = Conv <pads: ints = [1,1,1,1]> (x, w) c = Add(n, position) {ACT}"
    position = weights(1, 3, 5, 6, seed=3)
    lowered, _ = check(from_text(body, (2, 5, 6), bounds(w=weights(3, 2, 3, 3), position=position)))
    np.testing.assert_array_equal(lowered.graph.populations[0].bias, position[0])


def test_batch_norm_and_layer_scale_fold() -> None:
    bn = "n = BatchNormalization(k, g, bb, m, v) c = Mul(n, s)"
    body = f"k = Conv <pads: ints = [1,1,1,1]> (x, w) {bn} {ACT}"
    more = {
        "g": f32([1, -2, 0.0]),
        "bb": f32([0.1, 0.2, 0.3]),
        "m": f32([0, 1, 0]),
        "v": f32([1, 2, 1]),
    }
    scale = f32([1, 0.5, 3]).reshape(3, 1, 1)
    lowered, _ = check(from_text(body, (2, 5, 6), bounds(w=weights(3, 2, 3, 3), s=scale, **more)))
    assert len(lowered.graph.populations) == 1
    assert lowered.graph.populations[0].bias.shape == (3,)


CHAINS = {
    "pointwise-then-padded": (
        "p = Conv(x, u) c = Conv <pads: ints = [1,1,1,1]> (p, v)",
        (5, 2, 1, 1),
        (3, 5, 3, 3),
    ),
    "padded-then-pointwise": (
        "p = Conv <pads: ints = [1,1,1,1], strides: ints = [2,2]> (x, u) c = Conv(p, v)",
        (5, 2, 3, 3),
        (3, 5, 1, 1),
    ),
    "two-kernels": (
        "p = Conv <pads: ints = [1,1,1,1]> (x, u) c = Conv <strides: ints = [2,1]> (p, v)",
        (5, 2, 3, 3),
        (3, 5, 2, 3),
    ),
    "dilated": (
        "p = Conv <dilations: ints = [2,1]> (x, u) c = Conv <dilations: ints = [1,2]> (p, v)",
        (5, 2, 2, 2),
        (3, 5, 2, 2),
    ),
    "pointwise-then-depthwise": (
        "p = Conv(x, u) c = Conv <group: int = 3, pads: ints = [1,1,1,1]> (p, v)",
        (3, 2, 1, 1),
        (3, 1, 3, 3),
    ),
    "grouped-twice": (
        "p = Conv <group: int = 2> (x, u) c = Conv <group: int = 2> (p, v)",
        (4, 1, 2, 2),
        (4, 2, 2, 2),
    ),
}


@pytest.mark.parametrize("form", CHAINS)
def test_a_chain_of_convolutions_is_one(form: str) -> None:
    body, first, second = CHAINS[form]
    source = from_text(f"{body} {ACT}", (2, 7, 8), bounds(u=weights(*first), v=weights(*second)))
    lowered, _ = check(source)
    assert len(lowered.graph.populations) == 1
    (projection, _) = lowered.graph.projections.values()
    assert projection.magnitude is not None
    assert (projection.magnitude >= np.abs(projection.map.weight) - 1e-12).all()
    assert lowered.graph.populations[0].stage_fan_in >= sum(
        np.prod(shape[1:]) for shape in (first, second)
    )


def test_a_chain_of_dense_layers_is_one() -> None:
    body = f"p = MatMul(x, u) q = Add(p, b) c = MatMul(q, v) {ACT}"
    more = {"u": weights(5, 7), "v": weights(7, 4, seed=2), "b": weights(7)}
    lowered, _ = check(from_text(body, (5,), bounds(**more)))
    assert next(type(p.map) for p in lowered.graph.projections.values()) is Dense
    assert len(lowered.graph.populations) == 1


def test_a_chain_that_cannot_be_one_gets_an_accumulator() -> None:
    """Zeros around the first layer's output are not what it would compute there."""
    body = (
        f"p = Conv <pads: ints = [1,1,1,1]> (x, u) c = Conv <pads: ints = [1,1,1,1]> (p, v) {ACT}"
    )
    more = {"u": weights(5, 2, 3, 3), "v": weights(3, 5, 3, 3)}
    lowered, _ = check(from_text(body, (2, 7, 8), bounds(**more)))
    assert [p.model.kind for p in lowered.graph.populations] == ["accumulator", "float-fire"]
    assert lowered.graph.populations[0].source_tensor == "p"


def test_the_synapses_carry_the_name_of_their_layer() -> None:
    lowered, _ = check(from_text(f"c = Conv(x, w) {ACT}", (2, 5, 6), bounds(w=weights(3, 2, 3, 3))))
    assert next(iter(lowered.graph.projections)) == "c"
    (population,) = lowered.graph.populations
    assert isinstance(population, Population)
    assert population.name == "r"


def test_four_spatial_axes_are_refused_by_name() -> None:
    shape, w = (2, 5, 6, 4, 3), weights(3, 2, 3, 3, 3, 3)
    source = from_text("c = Conv(x, w) y = Round(c)", shape, {"w": w})
    with pytest.raises(UnsupportedOperator, match="one to three spatial axes") as caught:
        lower(source, no_host=True)
    assert caught.value.where == "c (Conv)"
