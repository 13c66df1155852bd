"""What a target cannot carry is refused by name before anything is written."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.lava.limits import LOIHI1, LOIHI2
from snnc.backends.lava.network import network_text
from snnc.backends.lava.plan import make_plan
from snnc.backends.registry import get_backend
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable, UnknownBackend, UnsupportedByTarget, WidthExceeded
from snnc.ir.graph import Graph
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator
from tests.backends.lava.graphs import Drawing, mlp, residual_conv_net

BURST = RunSettings("burst")


def stream(lo: int = 0, hi: int = 4, weight: int = 1, hops: int = 1) -> Graph:
    draw = Drawing(0)
    draw.input("x", (2,), lo, hi)
    last = "x"
    for i in range(hops):
        draw.population(f"stream.{i}", (2,), Accumulator())
        draw.project(last, f"stream.{i}", Dense(weight=np.full((2, 2), weight)))
        last = f"stream.{i}"
    return draw.finish("stream", last)


def test_both_targets_are_served() -> None:
    backend = get_backend("lava")
    assert {t.name: (t.limits, t.settings.code, t.bundle) for t in backend.targets} == {
        "loihi1": (LOIHI1, "burst", True),
        "loihi2": (LOIHI2, "graded", True),
    }


def test_float_form() -> None:
    graph = mlp(1).replace(form="float")
    with pytest.raises(NotExecutable, match="integer form"):
        make_plan(graph, RunSettings())


def test_unknown_names() -> None:
    with pytest.raises(UnknownBackend, match="did you mean `loihi2`"):
        make_plan(mlp(1), RunSettings(), target="lohi2")
    with pytest.raises(NotExecutable, match="unknown conv style `dense`"):
        make_plan(mlp(1), RunSettings(), conv="dense")  # type: ignore[arg-type]


def test_membrane_of_24_bits() -> None:
    make_plan(stream(hi=2**15, weight=127), RunSettings())
    with pytest.raises(WidthExceeded, match=r"stream\.0: the membrane can need 25 bits"):
        make_plan(stream(hi=2**16, weight=127), RunSettings())


def test_loihi1_has_no_graded_spikes() -> None:
    make_plan(stream(), BURST, target="loihi1")
    with pytest.raises(UnsupportedByTarget, match="unit spikes only") as error:
        make_plan(stream(), RunSettings("graded"), target="loihi1")
    assert error.value.hint is not None
    assert "--code burst" in error.value.hint


def test_loihi1_passes_no_values_on() -> None:
    with pytest.raises(UnsupportedByTarget, match=r"stream\.0: passes integers on"):
        make_plan(stream(hops=2), BURST, target="loihi1")


def test_loihi1_has_no_negative_spikes() -> None:
    with pytest.raises(UnsupportedByTarget, match="x: emits negative counts"):
        make_plan(stream(lo=-1), BURST, target="loihi1")


def test_delay_beyond_the_chip() -> None:
    graph = residual_conv_net()
    make_plan(graph, RunSettings("burst", "pipelined"))
    draw = Drawing(0)
    draw.input("x", (2,), 0, 31)
    for i in range(3):
        draw.population(f"a{i}", (2,), draw.staircase(0, 31, 50))
        draw.project("x" if i == 0 else f"a{i - 1}", f"a{i}", Identity(shape=(2,)))
    draw.population("sum", (2,), Accumulator())
    draw.project("x", "sum", Identity(shape=(2,)))
    draw.project("a2", "sum", Identity(shape=(2,)))
    with pytest.raises(UnsupportedByTarget, match="needs a delay of 93 ticks"):
        make_plan(draw.finish("skip", "sum"), RunSettings("burst", "pipelined"))


class Unknown(Accumulator):
    """A neuron model that somebody added, without a process for Lava."""

    kind = "unknown"


def test_neurons_without_a_process() -> None:
    draw = Drawing(0)
    draw.input("x", (2,), 0, 1)
    draw.population("odd", (2,), Unknown())
    draw.project("x", "odd", Identity(shape=(2,)))
    plan = make_plan(draw.finish("odd", "odd"), RunSettings())
    with pytest.raises(UnsupportedByTarget, match="odd: loihi2 has no process for unknown neurons"):
        network_text(plan)
