"""Every published form of an integer activation gives the source's own counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.converter.lower import lower
from snnc.ir.arrays import Array
from snnc.ir.errors import LevelsConflict, NotMonotone, UnknownLevels, UnsupportedOperator
from tests.converter.lower.nets import check, f32, fires, from_text, model_of, ops_of, weights

CONV = "c = Conv <pads: ints = [1,1,1,1]> (x, w, b)"


def constants(**more: Any) -> dict[str, Array]:
    named = {"w": weights(3, 2, 3, 3), "b": weights(3)}
    return named | {k: np.asarray(v) for k, v in more.items()}


FORMS = {
    "round-of-clip": ("a = Clip(c, lo, hi) r = Round(a) y = Div(r, hi)", 4, 0.25),
    "floor-of-clip-plus-half": (
        "a = Clip(c, lo, hi) h = Add(a, half) r = Floor(h) y = Div(r, hi)",
        4,
        0.25,
    ),
    "clip-of-round-scaled": (
        "d = Div(c, s) r = Round(d) a = Clip(r, lo, hi) y = Mul(a, s)",
        4,
        0.3,
    ),
    "qcfs-clip-before": (
        "d = Div(c, s) a = Clip(d, lo, one) m = Mul(a, hi) h = Add(m, half) r = Floor(h) "
        "e = Div(r, hi) y = Mul(e, s)",
        4,
        0.075,
    ),
    "qcfs-clip-after-in-scaled-units": (
        "m = Mul(c, hi) d = Div(m, s) h = Add(d, half) r = Floor(h) e = Mul(r, s) f = Div(e, hi) "
        "y = Clip(f, lo, s)",
        4,
        0.075,
    ),
    "relu-and-min": ("p = Relu(c) a = Min(p, hi) y = Round(a)", 4, 1.0),
    "max-and-min": ("p = Max(lo, c) a = Min(hi, p) y = Ceil(a)", 4, 1.0),
    "clip-and-divisor-differ": ("a = Clip(c, lo, hi) r = Round(a) y = Div(r, three)", 4, 1 / 3),
    "threshold": ("g = Greater(c, half) y = Cast <to: int = 1> (g)", 1, 1.0),
    "one-of-two": ("g = GreaterOrEqual(c, half) y = Where(g, three, lo)", 1, 3.0),
    "straight-through": (
        "a = Clip(c, lo, hi) r = Round(a) d = Sub(r, a) z = Add(a, d) y = Div(z, hi)",
        4,
        0.25,
    ),
    "signed": ("a = Clip(c, neg, hi) r = Round(a) y = Div(r, hi)", 4, 0.25),
    "leaky-relu": (
        "l = LeakyRelu <alpha: float = 0.3> (c) d = Div(l, s) a = Clip(d, neg, hi) r = Round(a) "
        "y = Mul(r, s)",
        4,
        0.3,
    ),
    "leaky-relu-by-channel": (
        "l = PRelu(c, slopes) d = Div(l, s) a = Clip(d, neg, hi) r = Round(a) y = Mul(r, s)",
        4,
        0.3,
    ),
    "integer-cast": (
        "a = Clip(c, lo, hi) i = Cast <to: int = 6> (a) y = Cast <to: int = 1> (i)",
        4,
        1,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_published_form_is_recognised(form: str) -> None:
    body, levels, step = FORMS[form]
    numbers = {"lo": 0.0, "hi": 4.0, "half": 0.5, "one": 1.0, "three": 3.0, "neg": -4.0, "s": 0.3}
    more = {k: f32(v) for k, v in numbers.items()}
    more["slopes"] = f32([0.1, 0.0, 1.5]).reshape(3, 1, 1)
    lowered, _ = check(from_text(f"{CONV} {body}", (2, 5, 6), constants(**more)))
    (population,) = fires(lowered)
    assert model_of(population).hi == levels
    assert model_of(population).lo == (-4 if form.startswith(("signed", "leaky")) else 0)
    np.testing.assert_allclose(population.step, step, rtol=1e-6)
    assert len(lowered.graph.populations) == 1


def test_leaky_relu_without_rounding_is_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="no rounding follows this leaky"):
        lower(from_text(f"{CONV} y = LeakyRelu(c)", (2, 5, 6), constants()))


def test_leaky_relu_of_counts_changes_nothing() -> None:
    body = f"{CONV} a = Clip(c, lo, hi) r = Round(a) y = LeakyRelu(r)"
    lowered, _ = check(from_text(body, (2, 5, 6), constants(lo=f32(0), hi=f32(4))))
    assert len(fires(lowered)) == 1


def test_half_even_and_half_up_stay_apart() -> None:
    """Ties of an exact grid: 0.5 goes to 0 by half-even, to 1 by half-up."""
    half = {"lo": f32(0), "hi": f32(4), "half": f32(0.5)}
    even = lower(from_text("a = Clip(x, lo, hi) y = Round(a)", (7,), half))
    up = lower(from_text("a = Clip(x, lo, hi) h = Add(a, half) y = Floor(h)", (7,), half))
    ties = np.array([[-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 0.25]])
    assert model_of(fires(even)[0]).rule(ties).tolist() == [[0, 0, 2, 2, 4, 4, 0]]
    assert model_of(fires(up)[0]).rule(ties).tolist() == [[0, 1, 2, 3, 4, 4, 0]]


def test_division_and_its_reciprocal_stay_apart() -> None:
    s = f32(0.1)
    divided = lower(from_text("d = Div(x, s) r = Round(d) y = Clip(r, lo, hi)", (3,), _bounds(s)))
    multiplied = lower(
        from_text("d = Mul(x, s) r = Round(d) y = Clip(r, lo, hi)", (3,), _bounds(f32(1) / s))
    )
    assert ops_of(fires(divided)[0]) == ["div", "round", "max", "min"]
    assert ops_of(fires(multiplied)[0]) == ["mul", "round", "max", "min"]


def _bounds(s: Array) -> dict[str, Array]:
    return {"lo": f32(0), "hi": f32(15), "s": np.asarray(s)}


def test_scales_by_channel() -> None:
    s = f32([0.1, 0.2, 0.35]).reshape(1, 3, 1, 1)
    body = f"{CONV} d = Div(c, s) r = Round(d) a = Clip(r, lo, hi) y = Mul(a, s)"
    lowered, _ = check(from_text(body, (2, 5, 6), constants(s=s, lo=f32(0), hi=f32(4))))
    (population,) = fires(lowered)
    np.testing.assert_array_equal(population.step, s.reshape(-1).astype(np.float64))
    assert population.channel_axis == 0


def test_the_same_count_with_two_scales_is_one_population() -> None:
    body = (
        f"{CONV} a = Clip(c, lo, hi) r = Round(a) d = Div(r, hi) e = Mul(r, s) "
        "f = Conv(d, v) g = Conv(e, v) y = Add(f, g)"
    )
    more = {"lo": f32(0), "hi": f32(4), "s": f32(0.3), "v": weights(2, 3, 1, 1)}
    lowered, _ = check(from_text(body, (2, 5, 6), constants(**more)))
    assert len(fires(lowered)) == 1


def test_a_count_may_be_rounded_again() -> None:
    body = f"{CONV} a = Clip(c, lo, hi) r = Round(a) m = Mul(r, s) q = Floor(m) y = Relu(q)"
    lowered, _ = check(from_text(body, (2, 5, 6), constants(lo=f32(0), hi=f32(9), s=f32(0.3))))
    assert [model_of(p).hi for p in fires(lowered)] == [9, 2]


def test_a_relu_on_counts_is_an_activation() -> None:
    body = f"{CONV} a = Clip(c, lo, hi) r = Round(a) d = Mul(r, s) y = Relu(d)"
    lowered, _ = check(from_text(body, (2, 5, 6), constants(lo=f32(-3), hi=f32(3), s=f32(0.3))))
    assert model_of(fires(lowered)[-1]).lo == 0
    assert model_of(fires(lowered)[-1]).hi == 3


def test_a_negative_scale_turns_the_weights() -> None:
    bn = "n = BatchNormalization(c, g, bb, m, v)"
    body = f"{CONV} {bn} a = Clip(n, lo, hi) y = Round(a)"
    more = {
        "g": f32([1, -2, 0.5]),
        "bb": f32([0.1, 0.2, 0.3]),
        "m": f32([0, 1, 0]),
        "v": f32([1, 2, 1]),
    }
    lowered, _ = check(from_text(body, (2, 5, 6), constants(lo=f32(0), hi=f32(4), **more)))
    assert ops_of(fires(lowered)[0]) == ["clip", "round"]


def test_a_negative_scale_behind_the_rounding_turns_the_next_weights() -> None:
    body = f"{CONV} a = Clip(c, lo, hi) r = Round(a) n = Mul(r, s) y = Conv(n, v)"
    more = {"lo": f32(0), "hi": f32(4), "s": f32(-0.5), "v": weights(2, 3, 1, 1)}
    lowered, _ = check(from_text(body, (2, 5, 6), constants(**more)))
    assert float(fires(lowered)[0].step) == 0.5


def test_clip_without_rounding_is_refused_by_name() -> None:
    source = from_text(f"{CONV} y = Relu(c)", (2, 5, 6), constants())
    with pytest.raises(UnsupportedOperator, match="no rounding follows") as caught:
        lower(source)
    assert caught.value.where == "y"
    assert "IntegerActivation" in str(caught.value.hint)


def test_unknown_levels_are_demanded_and_filled_in() -> None:
    body = f"{CONV} p = Relu(c) y = Round(p)"
    with pytest.raises(UnknownLevels, match="levels D are unknown"):
        lower(from_text(body, (2, 5, 6), constants()))
    lowered = lower(from_text(body, (2, 5, 6), constants(), levels=6))
    assert (model_of(fires(lowered)[0]).lo, model_of(fires(lowered)[0]).hi) == (0, 6)


def test_levels_that_contradict_the_model_are_refused() -> None:
    body = f"{CONV} a = Clip(c, lo, hi) y = Round(a)"
    more = constants(lo=f32(0), hi=f32(4))
    with pytest.raises(LevelsConflict, match="D = 4, --levels says 8"):
        lower(from_text(body, (2, 5, 6), more, levels=8))
    check(from_text(body, (2, 5, 6), more, levels=4))


def test_a_falling_activation_is_refused() -> None:
    body = f"{CONV} a = Clip(c, lo, hi) n = Neg(a) y = Round(n)"
    with pytest.raises(NotMonotone, match="falls where its input rises"):
        lower(from_text(body, (2, 5, 6), constants(lo=f32(0), hi=f32(4))))


def test_a_clip_off_the_grid_is_refused() -> None:
    body = f"{CONV} r = Round(c) y = Clip(r, lo, hi)"
    with pytest.raises(UnknownLevels):
        lower(from_text(body, (2, 5, 6), constants(lo=f32(0), hi=f32(3.5))))
