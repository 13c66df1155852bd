from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.chip import for_chip
from snnc.converter.integer import check_staircases, integer_form
from snnc.ir.codes import RunSettings
from snnc.ir.errors import WidthExceeded
from snnc.ir.limits import Limits
from snnc.ir.maps import Dense
from snnc.ir.neurons import Accumulator
from snnc.ir.ranges import analyse
from snnc.ir.widths import check_width
from tests.converter.integer.nets import Net, fire, one

NARROW = Limits(target="narrow", membrane_bits=20, payload_bits=20)


def deep(n_inputs: int, small: float = 1.0) -> Net:
    rng = np.random.default_rng(3)
    net = Net((n_inputs,), hi=255)
    net.add("s", (4,), Accumulator(), ("x", Dense(weight=rng.normal(size=(4, n_inputs)))))
    net.join("x", "s", Dense(weight=small * rng.normal(size=(4, n_inputs))))
    net.add("z", (4,), fire(4, ("mul", 0.01)), ("s", one((4,))))
    return net


def test_a_step_that_fits_is_left_alone() -> None:
    form = integer_form(deep(2).graph("z"), limits=NARROW)
    assert all(m.coarser == 0 for m in form.rounding.membranes)


def test_a_step_is_made_coarser_and_shown() -> None:
    graph = deep(30, small=0.02).graph("z")
    assert max(r.membrane_bits for r in analyse(integer_form(graph).graph).values()) > 20
    form = integer_form(graph, limits=NARROW)
    check_width(form.graph, analyse(form.graph), NARROW)
    coarser = {m.population: m.coarser for m in form.rounding.membranes}
    assert coarser["s"] > 0
    assert form.graph.projections["s->z"].map.weight == 1
    assert all(c.n_different == 0 for c in check_staircases(graph, form))


def test_what_cannot_fit_is_refused_by_name() -> None:
    with pytest.raises(WidthExceeded, match="target|narrow"):
        integer_form(deep(3000).graph("z"), limits=Limits(target="narrow", membrane_bits=12))


def test_currents_of_one_tick_count_too() -> None:
    limits = Limits(target="narrow", membrane_bits=40, current_bits=14)
    graph = deep(20).graph("z")
    form = integer_form(graph, limits=limits, settings=RunSettings(code="burst"))
    check_width(form.graph, analyse(form.graph, RunSettings(code="burst")), limits)


def test_weights_wider_than_a_targets_are_left_to_a_pass() -> None:
    limits = Limits(target="t", weight_bits=5)
    form = integer_form(deep(4).graph("z"), weight_bits=8, limits=limits)
    assert form.rounding.weight_bits == 8
    assert np.abs(form.graph.projections["x->s"].map.weight).max() == 127
    narrow, _ = for_chip(form.graph, limits, RunSettings())
    assert max(np.abs(p.map.weight).max() for p in narrow.projections.values()) <= 16


def test_exponents_stay_within_the_targets() -> None:
    graph = deep(4, small=1e-3).graph("z")
    assert integer_form(graph).graph.projections["x->s"].exponent > 3
    form = integer_form(graph, limits=Limits(target="t", max_exponent=3))
    assert form.graph.projections["x->s"].exponent == 3
    assert np.abs(form.graph.projections["x->s"].map.weight).max() <= 127


def test_the_bounds_that_steps_are_judged_by_are_those_of_the_analysis() -> None:
    from snnc.converter.integer.assemble import assemble
    from snnc.converter.integer.plan import Options, Plan

    graph, settings, options = deep(20).graph("z"), RunSettings(code="burst"), Options(bits=8)
    assembly = assemble(graph, Plan(graph, options), options, settings)
    analysed = analyse(assembly.graph, settings)
    assert set(analysed) == set(assembly.ranges)
    for name, bounds in analysed.items():
        for field in ("i_lo", "i_hi", "membrane_lo", "membrane_hi", "tick_lo", "tick_hi"):
            np.testing.assert_array_equal(
                getattr(assembly.ranges[name], field), getattr(bounds, field)
            )
