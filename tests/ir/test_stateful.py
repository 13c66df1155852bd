"""Neurons with state against plain loops over frames and neurons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.ir.arrays import INT64_MIN, Array
from snnc.ir.errors import GraphError
from snnc.ir.limits import SIM, Limits
from snnc.ir.neurons import (
    CurrentLIF,
    FixedCurrentLIF,
    FixedIntegrateFire,
    FixedTrace,
    IntegerSite,
    IntegrateFire,
    NeuronModel,
    Trace,
)


def run(model: NeuronModel, x: Array, axis: int = 0) -> Array:
    """Outputs over frames; x has shape (T, *shape)."""
    state, out = model.initial_state((1, *x.shape[1:])), []
    for frame in x:
        k, state = model.latch(frame[None], state, axis)
        out.append(k[0])
    return np.stack(out)


def site(
    step: float, reach: int, *, n: int = 1, n_frames: int = 8, limits: Limits = SIM
) -> IntegerSite:
    bound = np.full(n, reach)
    return IntegerSite(
        step=np.full(n, step),
        i_lo=-bound,
        i_hi=bound,
        shape=(n,),
        axis=0,
        n_frames=n_frames,
        limits=limits,
    )


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("strict", [False, True])
def test_lif_by_hand(reset: Any, strict: bool) -> None:
    """tau 2 and inputs on a grid: every sum is exact, also where v meets the threshold."""
    model = IntegrateFire(threshold=np.array(1.0), decay=np.array(0.5), reset=reset, strict=strict)
    x = np.array([0.75, 0.625, 0.5, 1.0, 0.25, 1.5])
    v, fired = 0.0, []
    for frame in x:
        v = 0.5 * v + frame
        k = v > 1 if strict else v >= 1
        fired.append(int(k))
        v = {"subtract": v - k, "zero": 0.0 if k else v, "none": v}[reset]
    assert run(model, x[:, None])[:, 0].tolist() == fired
    assert fired[:2] == [0, 0 if strict else 1]


def test_integer_lif_by_hand() -> None:
    """I-LIF: v = (v - k) / 4 + x, k = round(clip(v, 0, 4)), ties to even."""
    model = IntegrateFire(
        threshold=np.array(1.0), decay=np.array(0.25), lo=0, hi=4, rounding="half-even"
    )
    x = np.array([0.5, 1.5, 2.375, 9.0, -3.0, 2.5])
    v, k, counts = 0.0, 0, []
    for frame in x:
        v = (v - k) * 0.25 + frame
        k = round(min(max(v, 0), 4))
        counts.append(k)
    assert run(model, x[:, None])[:, 0].tolist() == counts
    assert counts[:2] == [0, 2]


def test_snntorch_resets_after_the_next_leak() -> None:
    """v = beta * v - reset * threshold + x, reset from the v before (snnTorch's Leaky)."""
    model = IntegrateFire(
        threshold=np.array(1.0), decay=np.array(0.75), strict=True, reset_before=True
    )
    x = np.array([1.25, 0.5, 0.875, 1.0, 0.0])
    v, fired = 0.0, []
    for frame in x:
        v = 0.75 * v + frame - (v > 1.0)
        fired.append(int(v > 1.0))
    assert run(model, x[:, None])[:, 0].tolist() == fired


def test_a_hard_reset_may_lead_elsewhere() -> None:
    model = IntegrateFire(threshold=np.array(1.0), reset="zero", reset_value=np.array(-0.5))
    assert run(model, np.full((4, 1), 0.75))[:, 0].tolist() == [0, 1, 0, 1]


def test_current_lif_by_hand() -> None:
    model = CurrentLIF(
        threshold=np.array([1.0, 2.0]), decay=np.array([0.5, 0.75]), current_decay=np.array(0.25)
    )
    x = np.random.default_rng(0).integers(-2, 9, (12, 2)) / 4
    fired = np.zeros_like(x)
    for n in range(2):
        c = v = 0.0
        for t in range(12):
            c = 0.25 * c + x[t, n]
            v = (0.5, 0.75)[n] * v + c
            fired[t, n] = v >= n + 1
            v -= (n + 1) * fired[t, n]
    assert np.array_equal(run(model, x), fired)
    assert 0 < fired.mean() < 1


def test_a_trace_fades_by_neuron() -> None:
    decay = np.array([[0.5, 0.25], [1.0, 0.0]])
    model = Trace(decay=decay)
    out = run(model, np.array([np.ones((2, 2)), np.zeros((2, 2)), np.zeros((2, 2))]))
    assert np.array_equal(out, [np.ones((2, 2)), decay, decay**2])


def fixed_by_loop(model: FixedIntegrateFire | FixedCurrentLIF, x: Array) -> Array:
    """One neuron of shape (1,), Python integers."""

    def leak(v: int, multiplier: int, shift: int) -> int:
        return int(math.copysign(1, v)) * ((abs(v) * multiplier) >> shift)

    thetas, unit = model.thresholds.reshape(-1).tolist(), int(model.reset_step)
    decay = int(model.leak_multiplier), model.leak_shift
    c = v = 0
    out = []
    for i in x.tolist():
        i <<= model.fraction_bits
        if isinstance(model, FixedCurrentLIF):
            c = leak(c, int(model.current_multiplier), model.current_shift) + i
            i = c
        v = (v if model.reset_before else leak(v, *decay)) + i
        k = model.lo + sum(v >= theta for theta in thetas)
        out.append(k)
        if model.reset_before:
            v = leak(v, *decay)
        if model.reset == "subtract":
            v -= k * unit
        elif model.reset == "zero" and k:
            v = int(model.reset_value)
        v = max(v, int(model.v_min))
    return np.array(out)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_fixed_models_are_their_equations(data: st.DataObject) -> None:
    draw = data.draw
    shift = draw(st.sampled_from([0, 1, 12]))
    lo = draw(st.integers(-2, 0))
    firing: dict[str, Any] = {
        "lo": lo,
        "thresholds": np.sort(draw(st.lists(st.integers(-90, 90), min_size=1, max_size=4))),
        "reset_step": np.array(draw(st.integers(1, 60))),
        "reset_value": np.array(draw(st.integers(-9, 9))),
        "reset": draw(st.sampled_from(["subtract", "zero", "none"])),
        "v_min": np.array(draw(st.sampled_from([INT64_MIN, -20, 0]))),
        "reset_before": draw(st.booleans()),
        "fraction_bits": draw(st.sampled_from([0, 6])),
        "leak_multiplier": np.array(draw(st.integers(0, 2**shift))),
        "leak_shift": shift,
    }
    model: FixedIntegrateFire | FixedCurrentLIF = FixedIntegrateFire(**firing)
    if draw(st.booleans()):
        current = np.array(draw(st.integers(0, 8)))
        model = FixedCurrentLIF(current_multiplier=current, current_shift=3, **firing)
    x = np.array(draw(st.lists(st.integers(-50, 50), min_size=1, max_size=12)))
    assert run(model, x[:, None])[:, 0].tolist() == fixed_by_loop(model, x).tolist()
    check_bounds(model, x)


def check_bounds(model: NeuronModel, x: Array) -> None:
    """Nothing that the model keeps or emits leaves its bounds."""
    worst = model.bounds(np.array([min(x.min(), 0)]), np.array([max(x.max(), 0)]), 0, len(x))
    state = model.initial_state((1, 1))
    for frame in x:
        if isinstance(model, FixedIntegrateFire | FixedCurrentLIF | FixedTrace):
            state = model.integrate(np.array([[frame]]), state, 0)
            assert all(worst.state_lo <= v <= worst.state_hi for v in state.values())
            k = model.fire(state, 0)
            state = model.settle(state, k, 0)
            assert worst.out_lo <= k <= worst.out_hi
            assert worst.state_lo <= state["v"] <= worst.state_hi


def test_fixed_trace_rounds_what_it_passes_on() -> None:
    model = FixedTrace(leak_multiplier=np.array(3), leak_shift=2, fraction_bits=2, out_shift=2)
    v, expected = 0, []
    for i in (5, 0, 0, -7, 1):
        v = int(math.copysign((abs(v) * 3) >> 2, v)) + (i << 2)
        expected.append(math.floor((v + 2) / 4))
    assert run(model, np.array([[5], [0], [0], [-7], [1]]))[:, 0].tolist() == expected
    check_bounds(model, np.array([5, 5, 5, -7, -7, -7]))


@pytest.mark.parametrize(
    ("decay", "shift", "multiplier"), [(1.0, 0, 1), (0.5, 1, 1), (0.25, 2, 1), (0.0, 0, 0)]
)
def test_dyadic_leaks_are_exact(decay: float, shift: int, multiplier: int) -> None:
    form = IntegrateFire(threshold=np.array(1.0), decay=np.array(decay)).integer_form(
        site(2.0**-4, 100)
    )
    assert isinstance(form, FixedIntegrateFire)
    assert (form.leak_shift, int(form.leak_multiplier)) == (shift, multiplier)


@pytest.mark.parametrize("bits", [12, None])
def test_a_leak_has_the_bits_that_the_target_has(bits: int | None) -> None:
    limits = Limits(target="chip", leak_bits=bits)
    form = Trace(decay=np.array(0.999)).integer_form(site(0.01, 100, limits=limits))
    assert isinstance(form, FixedTrace)
    kept = int(form.leak_multiplier) / 2**form.leak_shift
    if bits:
        assert form.leak_shift == bits
    else:
        assert abs(kept - 0.999) <= 2**-12 * 0.001
    assert form.fraction_bits == 16


def test_ties_of_an_integer_lif_stay_ties() -> None:
    """Half-even: 0.5 gives 0, 1.5 gives 2, 2.5 gives 2, in integers as in reals."""
    model = IntegrateFire(threshold=np.array(1.0), hi=4, rounding="half-even")
    form = model.integer_form(site(0.25, 100))
    assert isinstance(form, FixedIntegrateFire)
    assert form.fraction_bits == 0
    assert form.thresholds.tolist() == [3, 6, 11, 14]
    assert int(form.reset_step) == 4


def test_a_narrow_target_costs_fraction_bits() -> None:
    model = IntegrateFire(threshold=np.array(0.37), decay=np.array(0.9))
    wide = model.integer_form(site(0.01, 2**14))
    narrow = model.integer_form(site(0.01, 2**14, limits=Limits(target="t", membrane_bits=22)))
    assert isinstance(wide, FixedIntegrateFire)
    assert isinstance(narrow, FixedIntegrateFire)
    assert (wide.fraction_bits, narrow.fraction_bits) == (10, 3)


@pytest.mark.parametrize(
    "model",
    [
        IntegrateFire(threshold=np.array(0.0)),
        IntegrateFire(threshold=np.array(1.0), decay=np.array(1.5)),
        IntegrateFire(threshold=np.ones(3)),
        IntegrateFire(threshold=np.array(1.0), hi=4),
        IntegrateFire(threshold=np.array(1.0), lo=1, hi=4, rounding="floor"),
        IntegrateFire(threshold=np.array(1.0), reset="soft"),  # type: ignore[arg-type]
        IntegrateFire(threshold=np.array(1.0), rounding="half-even", strict=True),
        CurrentLIF(threshold=np.array(1.0), current_decay=np.array(-0.1)),
        Trace(decay=np.array([0.5, np.nan])),
        FixedIntegrateFire(thresholds=np.array([3, 2]), reset_step=np.array(1)),
        FixedIntegrateFire(thresholds=np.array([3]), reset_step=np.array(0)),
        FixedTrace(leak_multiplier=np.array(1), leak_shift=0, fraction_bits=2, out_shift=3),
    ],
)
def test_wrong_parameters_are_refused(model: NeuronModel) -> None:
    with pytest.raises(GraphError):
        model.validate((2, 4), 0)
