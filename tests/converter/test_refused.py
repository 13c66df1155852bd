"""What cannot be converted says so: the operator, its place, what can be done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from snnc.converter.check import check_source
from snnc.converter.lower import lower
from snnc.converter.sources import SourceModel, SourceOptions, load_source
from snnc.ir.arrays import Array
from snnc.ir.errors import NeedsHost, NotMonotone, ShapeMismatch, SnncError, UnsupportedOperator
from tests.converter.lower.nets import f32, from_text, weights

COUNTS = "c = Conv(x, w) a = Clip(c, lo, hi) k = Round(a) "
CONSTANTS = {"w": weights(4, 2, 1, 1), "lo": f32(0), "hi": f32(4)}
MAP = "float[1,2,4,4] x"
LOOP = (
    "y = Loop <body = b (int64 i, bool g, float[1,4,4,4] s) => (bool h, float[1,4,4,4] t) "
    "{ h = Identity(g) t = Add(s, s) }> (n, go, k)"
)
IF = (
    "m = ReduceSum <keepdims = 0> (k) g = Greater(m, hi) y = If (g) "
    "<then_branch = p () => (float[1,4,4,4] q) { q = Add(k, k) }, "
    "else_branch = r () => (float[1,4,4,4] s) { s = Add(k, c) }>"
)


def load(folder: Path, body: str, inputs: str = MAP, /, **more: Array) -> SourceModel:
    text = f'<ir_version: 9, opset_import: ["" : 18]> net ({inputs}) => (float y) {{ {body} }}'
    model = onnx.parser.parse_model(text.replace("float y", "float[1,4,h,w2] y"))
    for name, array in (CONSTANTS | more).items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    path = folder / "net.onnx"
    onnx.save(model, path)
    return load_source(path, SourceOptions(input_range=(-2, 2), input_bits=6))


@pytest.mark.parametrize(
    ("body", "operator", "more"),
    [
        (COUNTS + LOOP, "Loop", {"n": np.int64(3), "go": np.array(True)}),
        (COUNTS + IF, "If", {}),
        (
            COUNTS + "b = Reshape(k, sh) y = NonMaxSuppression(b, sc)",
            "NonMaxSuppression",
            {"sh": np.array([1, 16, 4]), "sc": f32(np.ones((1, 1, 16)))},
        ),
    ],
    ids=["loop", "if", "nms"],
)
def test_control_flow_is_refused_by_name(
    tmp_path: Path, body: str, operator: str, more: dict[str, Array]
) -> None:
    with pytest.raises(UnsupportedOperator, match=f"operator {operator} has no event form") as e:
        lower(load(tmp_path, body, **more))
    assert e.value.hint


def test_dynamic_spatial_shapes_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ShapeMismatch, match="input `x` has no fixed shape") as caught:
        load(tmp_path, COUNTS + "y = Add(k, k)", "float[1,2,H,W] x")
    assert "--input-shape" in str(caught.value.hint)


def test_half_precision_is_refused_by_name(tmp_path: Path) -> None:
    halves = {name: np.asarray(a, dtype=np.float16) for name, a in CONSTANTS.items()}
    source = load(tmp_path, COUNTS + "y = Add(k, k)", "float16[1,2,4,4] x", **halves)
    with pytest.raises(UnsupportedOperator, match="Conv computes in float16") as caught:
        lower(source)
    assert "float32" in str(caught.value.hint)
    report = check_source(source)
    assert [o.operator for o in report.operators if o.status == "unsupported"] == ["Conv"]
    assert not report.compatible


def test_weights_stored_in_half_precision_are_exact(tmp_path: Path) -> None:
    stored = weights(4, 2, 1, 1).astype(np.float16)
    body = "w = Cast <to = 1> (half) " + COUNTS + "y = Add(k, k)"
    rest = {name: a for name, a in CONSTANTS.items() if name != "w"}
    source = from_text(body, (2, 4, 4), rest | {"half": stored})
    conv = next(p.map for p in lower(source).graph.projections.values() if p.map.kind == "conv")
    assert np.array_equal(conv.weight, stored.astype(np.float64))


REFUSED: dict[str, tuple[str, str, type[SnncError]]] = {
    "antialias": (
        'y = Resize <mode = "linear", antialias = 1> (k, , s)',
        "antialiasing",
        NeedsHost,
    ),
    "falling": ("p = PRelu(c, n) q = Clip(p, lo, hi) y = Round(q)", "falls", NotMonotone),
    "exp": ("y = Exp(k)", "operator Exp has no event form", NeedsHost),
    "indices": (
        "m, i = MaxPool <kernel_shape = [2, 2]> (k) j = Cast <to = 1> (i) y = Add(m, j)",
        "indices",
        NeedsHost,
    ),
    "batch": ("y = Reshape(k, b)", "no batch axis", UnsupportedOperator),
    "three": (
        'y = Einsum <equation = "abcd,abcd,abcd->abcd"> (k, k, k)',
        "3 operands",
        NeedsHost,
    ),
}


@pytest.mark.parametrize("form", REFUSED)
def test_refusals_name_operator_and_place(form: str) -> None:
    body, message, error = REFUSED[form]
    more = {"s": f32([1, 1, 0.5, 0.5]), "n": f32([[[-1]]]), "b": np.array([4, 16])}
    used = {name: array for name, array in more.items() if f"{name})" in body}
    source = from_text(COUNTS + body, (2, 4, 4), CONSTANTS | used)
    with pytest.raises(error, match=message) as caught:
        lower(source, no_host=True)
    assert caught.value.where
