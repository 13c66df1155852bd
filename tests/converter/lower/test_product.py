"""Products of two activations: attention."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.lower import lower
from snnc.ir.errors import UnsupportedOperator
from tests.converter.lower.nets import check, f32, from_text, weights

NUMBERS = {"lo": f32(0), "hi": f32(4), "scale": f32(0.25)}
QKV = "".join(
    f"m{n} = MatMul(x, w{n}) a{n} = Clip(m{n}, lo, hi) r{n} = Round(a{n}) d{n} = Div(r{n}, hi) "
    f"h{n} = Reshape(d{n}, heads) t{n} = Transpose <perm: ints = [0,2,1,3]> (h{n}) "
    for n in "qkv"
)
CONSTANTS = NUMBERS | {
    "wq": weights(6, 8, seed=1),
    "wk": weights(6, 8, seed=2),
    "wv": weights(6, 8, seed=3),
    "wo": weights(8, 6, seed=4),
    "heads": np.array([1, 5, 2, 4]),
    "flat": np.array([1, 5, 8]),
}


def test_attention_is_two_products() -> None:
    body = QKV + (
        "kt = Transpose <perm: ints = [0,1,3,2]> (tk) s = MatMul(tq, kt) o = MatMul(s, tv) "
        "z = Mul(o, scale) u = Transpose <perm: ints = [0,2,1,3]> (z) f = Reshape(u, flat) "
        "af = Clip(f, lo, hi) rf = Round(af) y = MatMul(rf, wo)"
    )
    lowered, _ = check(from_text(body, (5, 6), CONSTANTS))
    first, second = lowered.graph.products
    assert (first.a_shape, first.b_shape, first.shape) == ((2, 5, 4), (2, 4, 5), (2, 5, 5))
    assert (second.a_shape, second.b_shape, second.shape) == ((2, 5, 5), (2, 5, 4), (2, 5, 4))
    weights_in = [p.map.weight for p in lowered.graph.incoming(first.name)]
    assert [float(w) for w in weights_in] == [1.0, 1.0]


def test_a_product_element_by_element() -> None:
    lowered, _ = check(from_text(QKV + "y = Mul(tq, tk)", (5, 6), CONSTANTS))
    (product,) = lowered.graph.products
    assert (product.op, product.shape) == ("multiply", (2, 5, 4))


def test_scales_leave_the_product() -> None:
    lowered, _ = check(from_text(QKV + "e = Mul(tq, scale) y = Mul(e, tk)", (5, 6), CONSTANTS))
    (product,) = lowered.graph.products
    assert product.source_tensor is None
    into = lowered.graph.incoming(product.name)
    assert [float(p.map.weight) for p in into] == [1.0, 1.0]


def test_division_by_data_is_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="depends on the data"):
        lower(from_text(QKV + "y = Div(tq, tk)", (5, 6), CONSTANTS), no_host=True)
