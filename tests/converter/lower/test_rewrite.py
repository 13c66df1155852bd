"""Rewrites change no value that remains."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.lower.rewrite import rewrite
from snnc.converter.sources import SourceModel
from snnc.converter.sources.onnxrun import OnnxRunner
from tests.converter.lower.nets import f32, from_text, sample, weights

NUMBERS = {"lo": f32(0), "hi": f32(4), "half": f32(0.5), "neg": f32(-1)}
POOL = "c = Conv(x, w) p = MaxPool <kernel_shape: ints = [2,2], pads: ints = [1,1,0,0]> (c) "
SWAP = "c = Conv(x, w) p = Transpose <perm: ints = [0,2,3,1]> (c) "

MOVED = {
    "pool": POOL + "m = Mul(p, s) a = Clip(m, lo, hi) h = Add(a, half) r = Floor(h) y = Div(r, hi)",
    "pool-relu": POOL + "m = Relu(p) a = Min(m, hi) y = Round(a)",
    "transpose": SWAP + "a = Clip(p, lo, hi) r = Round(a) y = Mul(r, neg)",
}
KEPT = {
    "falling": POOL + "m = Mul(p, neg) a = Clip(m, lo, hi) y = Round(a)",
    "no-rounding": POOL + "m = Mul(p, s) y = Relu(m)",
    "read-twice": POOL + "a = Clip(p, lo, hi) r = Round(a) y = Add(r, p)",
    "by-position": POOL + "m = Add(p, position) a = Clip(m, lo, hi) y = Round(a)",
    "channels-behind-a-transpose": SWAP + "m = Mul(p, t) a = Clip(m, lo, hi) y = Round(a)",
    "undoes-another": SWAP + "n = Mul(p, t) q = Transpose <perm: ints = [0,3,1,2]> (n) "
    "a = Clip(q, lo, hi) y = Round(a)",
}


def net(body: str) -> SourceModel:
    more = {
        "w": weights(3, 2, 2, 2),
        "s": f32([0.5, 1, 2]).reshape(3, 1, 1),
        "t": f32([0.5, 1, 2]),
        "position": weights(4, 4, seed=9),
    }
    return from_text(body, (2, 5, 5), NUMBERS | more)


def order(source: SourceModel) -> list[str]:
    return [n.op_type for n in rewrite(source).model.graph.node]


@pytest.mark.parametrize("form", MOVED)
def test_what_moves_ends_behind_the_rounding_and_gives_the_same_bits(form: str) -> None:
    source = net(MOVED[form])
    view = rewrite(source)
    kinds = [n.op_type for n in view.model.graph.node]
    mover = "MaxPool" if "pool" in form else "Transpose"
    assert kinds.index(mover) > max(kinds.index(k) for k in ("Floor", "Round") if k in kinds)
    x = sample(source)
    (before,), (after,) = (OnnxRunner(m).outputs(x) for m in (source.onnx, view.model))
    np.testing.assert_array_equal(before, after)
    for node in view.model.graph.node:
        assert view.shape(node.output[0])


@pytest.mark.parametrize("form", KEPT)
def test_what_does_not_commute_stays(form: str) -> None:
    source = net(KEPT[form])
    assert order(source) == [n.op_type for n in source.onnx.graph.node]


def test_the_source_itself_is_not_changed() -> None:
    source = net(MOVED["pool"])
    before = source.onnx.SerializeToString(deterministic=True)
    rewrite(source)
    assert source.onnx.SerializeToString(deterministic=True) == before
