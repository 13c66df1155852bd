"""From a source to both forms of its graph."""

from __future__ import annotations

import json

from snnc.converter.convert import convert_source
from tests.converter.lower.nets import f32, from_text, weights

BODY = "c = Conv(x, w) a = Clip(c, lo, hi) r = Round(a) d = Div(r, hi) y = Conv(d, u)"
CONSTANTS = {
    "w": weights(3, 2, 3, 3),
    "lo": f32(0),
    "hi": f32(4),
    "u": weights(2, 3, 1, 1),
}


def test_both_forms_have_the_same_populations() -> None:
    converted = convert_source(from_text(BODY, (2, 5, 6), CONSTANTS))
    assert (converted.float_graph.form, converted.integer_graph.form) == ("float", "integer")
    assert list(converted.float_graph.nodes) == list(converted.integer_graph.nodes)
    assert set(converted.onnx) == {"source"}
    assert converted.notes == ()
    assert json.dumps(converted.rounding)


def test_host_parts_travel_along() -> None:
    converted = convert_source(from_text(BODY, (2, 5, 6), CONSTANTS, grid=None))
    (host,) = converted.integer_graph.host_ops
    assert set(converted.onnx) == {"source", host.onnx}
    assert len(converted.notes) == 1
