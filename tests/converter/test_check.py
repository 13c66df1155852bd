"""Which operators can be converted, and what becomes of each."""

from __future__ import annotations

from snnc.converter.check import check_source
from tests.converter.lower.nets import f32, from_text, weights

BODY = (
    "c = Conv(x, w) n = BatchNormalization(c, g, b, m, v) a = Clip(n, lo, hi) r = Round(a) "
    "d = Div(r, hi) "
)
CONSTANTS = {
    "w": weights(3, 2, 3, 3),
    "g": weights(3),
    "b": weights(3),
    "m": weights(3),
    "v": f32([1, 1, 1]),
    "lo": f32(0),
    "hi": f32(4),
    "u": weights(2, 3, 1, 1),
}


def test_every_operator_has_a_status_and_a_reason() -> None:
    report = check_source(from_text(BODY + "y = Conv(d, u)", (2, 5, 6), CONSTANTS))
    assert report.compatible
    assert report.compatible_share == 1.0
    assert [(o.operator, o.status) for o in report.operators] == [
        ("Conv", "event"),
        ("BatchNormalization", "folded"),
        ("Clip", "event"),
        ("Round", "event"),
        ("Div", "folded"),
        ("Conv", "event"),
    ]
    assert all(o.reason for o in report.operators)


HOSTED = BODY + "s = Softmax(d) e = Conv(s, u) f = Clip(e, lo, hi) t = Tanh(f) y = Round(t)"


def test_what_has_no_event_form_is_the_host_s() -> None:
    report = check_source(from_text(HOSTED, (2, 5, 6), CONSTANTS))
    assert report.compatible
    assert [o.status for o in report.operators[4:]] == ["folded", *["host"] * 5]
    assert "Softmax has no event form" in report.operators[5].reason


def test_no_host_makes_it_an_obstacle() -> None:
    report = check_source(from_text(HOSTED, (2, 5, 6), CONSTANTS), no_host=True)
    assert not report.compatible
    bad = [o for o in report.operators if o.status == "unsupported"]
    assert [o.where for o in bad] == ["s", "e", "f", "t", "y"]
    assert report.compatible_share == 0.5
    assert {o.code for o in bad} == {"SNNC316"}
    assert bad[0].hint


def test_the_check_goes_on_behind_what_nothing_can_compute() -> None:
    half = "h = Cast <to: int = 10> (d) s = Softmax(h) t = Cast <to: int = 1> (s) y = Conv(t, u)"
    report = check_source(from_text(BODY + half, (2, 5, 6), CONSTANTS))
    assert not report.compatible
    assert next(o.where for o in report.operators if o.status == "unsupported") == "h"


def test_an_activation_without_rounding_is_named() -> None:
    report = check_source(from_text("c = Conv(x, w) y = Relu(c)", (2, 5, 6), CONSTANTS))
    assert [(o.operator, o.status) for o in report.operators] == [
        ("Conv", "event"),
        ("Relu", "unsupported"),
    ]


def test_unknown_levels_are_reported_at_their_activation() -> None:
    body = "c = Conv(x, w) r = Relu(c) q = Round(r) y = Conv(q, u)"
    report = check_source(from_text(body, (2, 5, 6), CONSTANTS))
    assert {o.code for o in report.operators} == {None, "SNNC302"}


def test_what_the_host_computes_is_named() -> None:
    report = check_source(from_text(BODY + "y = Conv(d, u)", (2, 5, 6), CONSTANTS, grid=None))
    assert [o.status for o in report.operators] == ["host"] * 5 + ["event"]


def test_json_has_every_key() -> None:
    found = check_source(from_text(BODY + "y = Conv(d, u)", (2, 5, 6), CONSTANTS)).to_json()
    assert set(found) == {"operators", "n_operators", "compatible", "compatible_share"}
    assert set(found["operators"][0]) == {"operator", "where", "status", "reason", "hint", "code"}
